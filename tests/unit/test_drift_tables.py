"""Detectors of all features together against direct formulas, scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from watchkeeper.domain.encoding import LabelCode, TableEncoding
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Table
from watchkeeper_plugins.drift import domain_classifier, mmd, pca_reconstruction
from watchkeeper_plugins.drift.domain_classifier import Separation


def normal(rows: int, seed: int, shift: float = 0.0, columns: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, size=(rows, columns))


def test_mmd_is_the_discrepancy_of_its_own_kernel_taken_pair_by_pair():
    before, now = normal(80, 1), normal(60, 2, 0.5)
    fitted = mmd.build(mmd.Options(features=50)).fit(before)
    left, right = (mmd.embedded(rows, fitted.frequencies) for rows in (before, now))
    direct = (left @ left.T).mean() + (right @ right.T).mean() - 2.0 * (left @ right.T).mean()
    assert fitted.compare(now).statistic.number == pytest.approx(np.sqrt(direct), abs=1e-12)


def test_mmd_comes_near_that_of_the_gaussian_kernel():
    """O(n²) with scikit-learn's kernel; 4,000 random features are off by about 1 / sqrt(4,000) a pair."""
    before, now = normal(300, 1), normal(200, 2, 0.4)
    width = mmd.median_distance(before)
    gamma = 1.0 / (2.0 * width**2)
    direct = (
        rbf_kernel(before, gamma=gamma).mean()
        + rbf_kernel(now, gamma=gamma).mean()
        - 2.0 * rbf_kernel(before, now, gamma=gamma).mean()
    )
    fitted = mmd.build(mmd.Options(features=4000)).fit(before)
    assert fitted.compare(now).statistic.number ** 2 == pytest.approx(direct, abs=0.005)


def test_the_bandwidth_of_mmd_is_the_median_distance():
    rows = normal(120, 3)
    distances = euclidean_distances(rows)[np.triu_indices(len(rows), 1)]
    assert mmd.median_distance(rows) == pytest.approx(float(np.median(distances)), rel=1e-9)


@pytest.mark.parametrize("module", [mmd, pca_reconstruction], ids=["mmd", "pca"])
def test_p_values_without_drift_are_as_rare_as_they_say(module):
    mixing = normal(5, 4) @ np.diag([1.0, 1.0, 1.0, 0.3, 0.1])
    fitted = module.build(module.Options()).fit(normal(10_000, 4) @ mixing)
    shares = np.array([fitted.compare(normal(300, 100 + seed) @ mixing).p_value for seed in range(400)])
    assert 0.02 <= (shares < 0.05).mean() <= 0.09
    assert 0.4 <= (shares < 0.5).mean() <= 0.6


@pytest.mark.parametrize("module", [mmd, pca_reconstruction], ids=["mmd", "pca"])
@pytest.mark.parametrize(
    ("reference", "window", "reason"),
    [
        (0, 4, "the reference has 0 rows, at least 2 are needed to tell what is usual"),
        (1, 4, "the reference has 1 rows, at least 2 are needed to tell what is usual"),
        (50, 0, "there are no rows in the window"),
    ],
    ids=["no reference", "one row of reference", "no window"],
)
def test_too_few_rows_are_undefined_with_the_reason(module, reference, window, reason):
    found = module.build(module.Options()).fit(normal(reference, 1)).compare(normal(window, 2)).statistic
    assert (found.number, found.reason, found.samples) == (None, reason, window)


def test_p_values_of_the_classifier_without_drift_are_as_rare_as_they_say():
    detector = domain_classifier.build(domain_classifier.Options(trees=10))
    shares = np.array(
        [detector.fit(normal(300, 2 * seed)).compare(normal(300, 2 * seed + 1)).p_value for seed in range(60)]
    )
    assert (shares < 0.05).mean() <= 0.13
    assert 0.3 <= (shares < 0.5).mean() <= 0.7


@pytest.mark.parametrize("digits", [1, 8], ids=["with ties", "without ties"])
def test_the_classifiers_auc_is_that_of_scikit_learn_and_its_test_that_of_scipy(digits):
    before, now = normal(150, 5)[:, 0].round(digits), normal(90, 6, 0.4)[:, 0].round(digits)
    found = Separation.of([(before, now)])
    truth = np.repeat([0, 1], [len(before), len(now)])
    assert found.auc == pytest.approx(roc_auc_score(truth, np.concatenate((before, now))), abs=1e-12)
    test = mannwhitneyu(now, before, alternative="greater", use_continuity=False, method="asymptotic")
    assert found.p_value == pytest.approx(test.pvalue, rel=1e-9)


def test_the_classifier_compares_scores_of_one_half_only():
    parts = [(normal(50, 7)[:, 0], normal(40, 8)[:, 0]), (normal(50, 9)[:, 0] + 9.0, normal(40, 10)[:, 0] + 9.0)]
    wins = sum(mannwhitneyu(now, before).statistic for before, now in parts)
    assert Separation.of(parts).auc == pytest.approx(wins / (2 * 50 * 40))


def test_the_errors_of_reconstruction_are_those_of_scikit_learn():
    rows = normal(400, 11) @ normal(5, 12)
    now = normal(100, 13)
    fitted = pca_reconstruction.build(pca_reconstruction.Options(explained=0.65)).fit(rows)
    model = PCA(n_components=0.65, svd_solver="full").fit(rows)

    def lengths(some: np.ndarray) -> np.ndarray:
        return np.linalg.norm(some - model.inverse_transform(model.transform(some)), axis=1)

    assert fitted.components.shape[1] == model.n_components_
    expected = (lengths(now).mean() - lengths(rows).mean()) / lengths(rows).std()
    assert fitted.compare(now).statistic.number == pytest.approx(expected, rel=1e-9)


def test_a_dependence_that_breaks_is_seen_though_each_column_is_as_ever():
    rng = np.random.default_rng(14)
    common = rng.normal(size=(2000, 1))
    before = 0.9 * common + np.sqrt(1 - 0.81) * rng.normal(size=(2000, 4))
    apart = rng.normal(size=(500, 4))
    for module in (mmd, domain_classifier, pca_reconstruction):
        assert module.build(module.Options()).fit(before).compare(apart).p_value < 1e-4, module.__name__


def test_columns_become_numbers_of_similar_size():
    table = Table({"vol": np.array([1.0, 2.0, 3.0, np.nan]), "venue": Categories.of(["X", "Y", "X", None])})
    encoding = TableEncoding.of(ReferenceColumn.fit(name, table[name]) for name in table)
    found = encoding.encoded(table)
    assert found[:, 0] == pytest.approx([-np.sqrt(1.5), 0.0, np.sqrt(1.5), 0.0])
    assert found[:, 1] == pytest.approx([1 / 3, -2 / 3, 1 / 3, 0.0]), "X, less its share; missing is 0"
    assert isinstance(encoding.codes[1], LabelCode)
    again = TableEncoding.from_record(encoding.to_record())
    assert again == encoding


def test_a_label_that_is_new_has_a_place_of_its_own_and_wild_numbers_end_somewhere():
    reference = Table({"vol": np.arange(10.0), "venue": Categories.of(["X", "Y"] * 5)})
    encoding = TableEncoding.of(ReferenceColumn.fit(name, reference[name]) for name in reference)
    wild = encoding.encoded(Table({"vol": np.array([np.inf, -1e308]), "venue": Categories.of(["Z", "X"])}))
    assert np.isfinite(wild).all()
    assert wild[0, -1] == 1.0
    assert wild[0, 0] == pytest.approx(4.5 / np.sqrt(8.25) + 3.0)


@pytest.mark.parametrize(
    ("column", "is_usable"),
    [
        (np.arange(3), True),
        (np.array([True, False, True]), True),
        (np.array([1.0, 2.0, 3.0], dtype=np.float32), True),
        (np.full(3, np.nan), False),
        (Categories.of(["a", "b", "c"]), False),
        (np.array(["1", "2", None], dtype=object), False),
    ],
    ids=["int", "bool", "float32", "all missing", "categories", "text"],
)
def test_a_column_that_cannot_be_compared_is_told(column, is_usable):
    encoding = TableEncoding.of([ReferenceColumn.fit("vol", np.arange(10.0))])
    assert (encoding.usable({"vol": column}) == ("vol",)) is is_usable
    assert encoding.usable({}) == ()
