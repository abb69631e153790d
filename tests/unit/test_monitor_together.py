"""All features together in the monitor: alarms within the budget, thresholds, and what is left when a column breaks."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from watchkeeper.contracts.drift import Drift
from watchkeeper.domain.model import Task
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Status
from watchkeeper.domain.window import Window
from watchkeeper.monitor.alarms.drift import DriftAlarms
from watchkeeper.monitor.evaluating import judging_of
from watchkeeper.monitor.fitting import fitted
from watchkeeper.monitor.learned import Learned
from watchkeeper.monitor.naming import ALL_FEATURES
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.tables import chosen_blocks
from watchkeeper.monitor.watched import WatchedModel
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper_plugins.drift import domain_classifier, ks, mmd, pca_reconstruction

ROWS = 100
WINDOWS = 120


class Raising:
    calibration_windows = 10

    def fit(self, rows):
        raise RuntimeError("boom")

    def restored(self, record):
        raise RuntimeError("boom")


class NoTest:
    """The distance of the means, without a p-value."""

    calibration_windows = 50

    def fit(self, rows):
        centre = rows.mean(axis=0)

        class Fitted:
            def compare(self, now):
                return Drift(Value.of(float(np.linalg.norm(now.mean(axis=0) - centre))))

            def to_record(self):
                return {"centre": centre}

        return Fitted()

    def restored(self, record):
        raise NotImplementedError


def rows(count: int, seed: int, *, together: float = 0.9) -> dict[str, np.ndarray | Categories]:
    """Three numbers with a common part and a venue; each column alone is the same whatever `together` is."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=count)
    columns = {
        name: np.sqrt(together) * common + np.sqrt(1 - together) * rng.normal(size=count) for name in ("a", "b", "c")
    }
    return {**columns, "venue": Categories(rng.integers(0, 2, count).astype(np.int32), ("X", "Y"))}


def watched(detectors=None, windows: int = WINDOWS, learned: Learned | None = None) -> WatchedModel:
    reference = rows(windows * ROWS, 1)
    reference["prediction"] = np.random.default_rng(2).normal(size=windows * ROWS)
    return fitted(
        "spx",
        judging_of(Task.REGRESSION, reference["prediction"], None, 0.5),
        Table(reference),
        {},
        {"mmd": mmd.MeanDiscrepancy(), "pca": pca_reconstruction.Reconstruction()} if detectors is None else detectors,
        window=WindowSize(rows=ROWS),
        budget=FalseAlarmBudget.parse("0.01 per 30d"),
        min_rows=30,
        learned=learned,
    )


@pytest.fixture(scope="module")
def model() -> WatchedModel:
    return watched()


def records(seed: int, *, together: float = 0.9, count: int = ROWS, **changes) -> Records:
    columns = {**rows(count, seed, together=together), **changes}
    return Records(
        window=Window(0, count, count),
        prediction=np.random.default_rng(seed).normal(size=count),
        outcome=None,
        has_outcome=np.zeros(count, dtype=np.bool_),
        features=Table({name: column for name, column in columns.items() if column is not None}),
    )


def told(result) -> tuple[Status, str]:
    (finding,) = [finding for finding in result.verdict.findings if finding.subject == ALL_FEATURES]
    return finding.status, finding.sentence


def test_an_ordinary_window_is_as_the_reference(model):
    result = model.check(records(5))
    assert told(result) == (Status.OK, "all features together are as in the reference")
    found = result.measurement("mmd", feature=ALL_FEATURES)
    assert found.value.number < found.details["threshold"]
    assert {"p_value", "effect", "threshold"} <= set(found.details)


def test_columns_that_stop_moving_together_raise_the_alarm_of_all_features_alone(model):
    result = model.check(records(6, together=0.0))
    status, sentence = told(result)
    assert status is Status.WARN
    assert sentence.startswith("all features together drifted: by ")
    assert "farther from the reference than chance explains" in sentence
    assert [f.subject for f in result.verdict.findings if f.status is Status.WARN] == [ALL_FEATURES]
    assert result.measurement("drift_evidence", feature=ALL_FEATURES).value.number > 0.1
    assert result.measurement("drift_share").value.number == 0.0
    assert result.measurement("together_drift").value.number == 1.0
    assert result.measurement("pca", feature=ALL_FEATURES).value.number > 0.5


def test_calm_blocks_raise_no_alarm(model):
    assert isinstance(model.alarms, DriftAlarms)
    table = Table({**rows(300 * ROWS, 7), "prediction": np.random.default_rng(8).normal(size=300 * ROWS)})
    evidence = model.alarms.judged_alone(table, None)
    assert not evidence.open
    assert not evidence.ended


def test_a_column_that_is_gone_or_broken_is_left_out_of_both_sides(model):
    for broken in (None, np.full(ROWS, np.nan), Categories.of(["x"] * ROWS)):
        calm, parted = model.check(records(9, a=broken)), model.check(records(10, together=0.0, a=broken))
        assert told(calm)[0] is Status.OK
        assert told(parted)[0] is Status.WARN
        assert calm.measurement("mmd", feature=ALL_FEATURES).details["lacking"] == 1.0
        assert "threshold" not in calm.measurement("mmd", feature=ALL_FEATURES).details


def test_nothing_that_can_be_compared_is_unknown(model):
    gone = dict.fromkeys(("a", "b", "c", "venue"), np.full(ROWS, np.nan))
    status, sentence = told(model.check(records(11, **gone)))
    assert status is Status.UNKNOWN
    assert "no feature has values that can be compared with the reference" in sentence
    assert model.check(records(11, **gone)).measurement("together_drift").value.reason == sentence


def test_infinite_values_do_not_take_the_others_down(model):
    column = np.random.default_rng(3).normal(size=ROWS)
    column[3] = np.inf
    assert model.check(records(12, a=column)).measurement("mmd", feature=ALL_FEATURES).value.is_defined


def test_a_detector_that_raises_is_a_named_failure_and_the_others_stand():
    result = watched({"bad": Raising(), "mmd": mmd.MeanDiscrepancy()}).check(records(13))
    assert [(failure.plugin, failure.error) for failure in result.verdict.failures] == [
        ("drift.bad", "RuntimeError: boom")
    ]
    assert result.measurement("mmd", feature=ALL_FEATURES).value.is_defined
    assert result.measurement("bad", feature=ALL_FEATURES).value.reason == "drift.bad failed: RuntimeError: boom"


def test_a_detector_without_p_values_is_judged_by_its_threshold():
    model = watched({"distance": NoTest()})
    assert ALL_FEATURES not in model.alarms.legs
    assert told(model.check(records(14)))[0] is Status.OK
    moved = model.check(records(15, a=np.random.default_rng(1).normal(2.0, size=ROWS)))
    status, sentence = told(moved)
    assert status is Status.WARN
    assert sentence.startswith("all features together drifted: distance ")


def test_a_short_reference_falls_back_on_p_values():
    model = watched(windows=2)
    assert told(model.check(records(16)))[0] is Status.OK
    status, sentence = told(model.check(records(17, together=0.0)))
    assert status is Status.WARN
    assert "(p = " in sentence


def test_what_was_learned_is_restored_and_says_the_same(monkeypatch):
    learned = Learned(MemoryStorage(), "spx")
    first = watched(learned=learned)
    for plugin in (mmd.MeanDiscrepancy, pca_reconstruction.Reconstruction):
        monkeypatch.setattr(plugin, "fit", lambda _self, _rows: pytest.fail("it was fitted again"))
    again = watched(learned=learned)
    assert again.check(records(18)).to_dict() == first.check(records(18)).to_dict()


def test_blocks_for_calibration_lie_in_runs():
    assert list(chosen_blocks(5, 40)) == [0, 1, 2, 3, 4]
    chosen = list(chosen_blocks(1000, 40))
    assert len(chosen) == 40
    assert chosen[:5] == [0, 1, 2, 3, 4]
    assert chosen[-1] == 999


BROKEN = {
    "gone": None,
    "all missing": np.full(ROWS, np.nan),
    "infinite": np.full(ROWS, np.inf),
    "constant": np.zeros(ROWS),
    "huge": np.full(ROWS, 1.7e308) * np.where(np.arange(ROWS) % 2, 1.0, -1.0),
    "labels": Categories.of(["x"] * ROWS),
    "text": np.array(["1", None] * (ROWS // 2), dtype=object),
    "bools": np.arange(ROWS) % 2 == 0,
    "times": np.arange(ROWS).astype("datetime64[us]"),
    "whole numbers": np.arange(ROWS, dtype=np.int8),
    "single precision": np.linspace(-1, 1, ROWS, dtype=np.float32),
}


@pytest.fixture(scope="module")
def every() -> WatchedModel:
    """Every built-in detector of windows."""
    names = ["chi2", "cramer_von_mises", "energy", "hellinger", "jensen_shannon", "ks", "psi", "wasserstein", "mmd"]
    names += ["domain_classifier", "pca_reconstruction"]
    plugins = [import_module(f"watchkeeper_plugins.drift.{name}").watchkeeper_drift() for name in names]
    built = {plugin.name: plugin.build(plugin.options()) for (plugin,) in plugins}
    built["domain_classifier"] = domain_classifier.build(domain_classifier.Options(trees=5))
    return watched(built, windows=20)


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.filterwarnings("error")
def test_a_broken_column_never_takes_the_others_down(every, name):
    plain, result = every.check(records(19)), every.check(records(19, a=BROKEN[name]))
    assert not result.verdict.failures
    for column in ("b", "c", "venue", "prediction"):
        for measured in plain.measurements:
            if measured.labels == {"feature": column} and measured.name != "drift_evidence":
                assert result.measurement(measured.name, feature=column) == measured
    assert told(result)[0] in Status
    assert result.measurement("quality_score", feature="b").value.number == 100.0


@pytest.mark.parametrize(
    "column",
    [
        np.full(2000, np.nan),
        np.full(2000, np.inf),
        np.ones(2000),
        np.linspace(-1.0, 1.0, 2000) * 1.7e308,
        np.linspace(0.0, 5e-320, 2000),
        Categories.of(["x"] * 2000),
        Categories.of([None] * 2000),
        Categories.of([f"v{at}" for at in range(2000)]),
        np.arange(2000) + 2**60,
    ],
    ids=["all missing", "infinite", "constant", "huge", "tiny", "one label", "no label", "all differ", "large ints"],
)
@pytest.mark.filterwarnings("error")
def test_a_broken_column_of_the_reference_never_takes_the_others_down(column):
    reference = {**rows(2000, 1), "a": column, "prediction": np.random.default_rng(2).normal(size=2000)}
    model = fitted(
        "spx",
        judging_of(Task.SCORE, reference["prediction"], None, 0.5),
        Table(reference),
        {},
        {"ks": ks.KolmogorovSmirnov(), "mmd": mmd.MeanDiscrepancy(), "pca": pca_reconstruction.Reconstruction()},
        window=WindowSize(rows=ROWS),
        budget=FalseAlarmBudget.parse("1 per 30d"),
        min_rows=30,
        outcome=column,
    )
    result = model.check(records(20))
    assert not result.verdict.failures
    assert result.measurement("ks", feature="b").value.is_defined
    assert result.measurement("mmd", feature=ALL_FEATURES).value.is_defined


def test_a_reference_of_one_row_tells_nothing():
    encoded = np.array([[1.0, 2.0, 3.0]])
    for plugin in (mmd.MeanDiscrepancy(), pca_reconstruction.Reconstruction()):
        reason = plugin.fit(encoded).compare(np.zeros((5, 3))).statistic.reason
        assert reason == "the reference has 1 rows, at least 2 are needed to tell what is usual"
