"""Outcomes beside the reference's, missing shares within the budget, importance and direction of what drifted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, mannwhitneyu

from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.model import Task
from watchkeeper.domain.profile import profile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.verdict import Status
from watchkeeper.domain.window import Window
from watchkeeper.monitor.calibration import Allowance
from watchkeeper.monitor.evaluating import judging_of
from watchkeeper.monitor.fitting import fitted
from watchkeeper.monitor.missingness import UsualMissing, usual_missing
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.watched import WatchedModel
from watchkeeper_plugins.drift import chi2, ks

ROWS = 100
REFERENCE = 60 * ROWS


def watched(outcome, importance=None, rows: int = REFERENCE) -> WatchedModel:
    rng = np.random.default_rng(1)
    columns = {name: rng.normal(size=rows) for name in ("a", "b", "c", "prediction")}
    return fitted(
        "spx",
        judging_of(Task.SCORE, columns["prediction"], None, 0.5),
        Table(columns),
        {},
        {"ks": ks.KolmogorovSmirnov(), "chi2": chi2.build(chi2.Options())},
        window=WindowSize(rows=ROWS),
        budget=FalseAlarmBudget.parse("0.01 per 30d"),
        min_rows=30,
        outcome=outcome,
        importance=importance,
    )


def records(outcome=None, known=None, seed: int = 2, shift: float = 0.0, **changes) -> Records:
    rng = np.random.default_rng(seed)
    features = {name: rng.normal(shift, 1.0, ROWS) for name in ("a", "b", "c")} | changes
    has = np.full(ROWS, outcome is not None) if known is None else known
    return Records(Window(0, ROWS, ROWS), rng.normal(size=ROWS), outcome, has, Table(features))


def told(result, subject: str) -> list[tuple[Status, str]]:
    return [(found.status, found.sentence) for found in result.verdict.findings if found.subject == subject]


def labels(rate: float, rows: int, seed: int = 3) -> np.ndarray:
    return (np.random.default_rng(seed).random(rows) < rate).astype(float)


def classes(rate: float, rows: int, seed: int = 3) -> Categories:
    return Categories(labels(rate, rows, seed).astype(np.int32), ("down", "up"))


@pytest.mark.parametrize("made", [labels, classes], ids=["numbers", "texts"])
def test_outcomes_that_come_more_often_are_label_drift(made):
    model = watched(made(0.3, REFERENCE))
    calm, moved = model.check(records(made(0.3, ROWS, 4))), model.check(records(made(0.7, ROWS, 5)))
    assert calm.measurement("label_drift").value.number == 0.0
    assert told(calm, "outcome") == [(Status.OK, "outcomes are as in the reference")]
    assert moved.measurement("label_drift").value.number == 1.0
    ((status, sentence),) = told(moved, "outcome")
    assert status is Status.WARN
    assert sentence.startswith("outcomes drifted: ")
    found = moved.measurement("chi2", feature="outcome")
    assert found.details["p_value"] < found.details["p_limit"]
    assert found.details["effect"] > 0.05


def test_outcomes_of_any_size_are_compared_too():
    rng = np.random.default_rng(6)
    model = watched(rng.normal(size=REFERENCE))
    assert model.check(records(rng.normal(size=ROWS))).measurement("label_drift").value.number == 0.0
    moved = model.check(records(rng.normal(1.5, 1.0, size=ROWS)))
    assert moved.measurement("label_drift").value.number == 1.0
    assert moved.measurement("ks", feature="outcome").details["direction"] > 0.5


def test_too_few_outcomes_are_no_label_drift_and_no_ok():
    model = watched(labels(0.3, REFERENCE))
    result = model.check(records(labels(0.3, ROWS), np.arange(ROWS) < 12))
    assert result.measurement("label_drift").value.reason == "12 rows have an outcome, at least 30 are needed"
    assert told(result, "outcome") == []


def test_a_reference_without_outcomes_has_no_label_drift():
    assert watched(None).check(records(labels(0.3, ROWS))).measurement("label_drift") is None
    assert watched(np.full(REFERENCE, np.nan)).outcomes is None


def test_outcomes_of_another_kind_are_unknown():
    result = watched(labels(0.3, REFERENCE)).check(records(classes(0.3, ROWS)))
    ((status, sentence),) = told(result, "outcome")
    assert status is Status.UNKNOWN
    assert "the reference of outcome holds numbers, the window does not" in sentence


def test_labels_that_depend_on_one_another_have_a_stricter_limit():
    rng = np.random.default_rng(7)
    rates = np.repeat(0.3 + 0.1 * rng.normal(size=60), ROWS)
    wandering = (rng.random(REFERENCE) < rates).astype(float)
    steady, wild = watched(labels(0.3, REFERENCE)), watched(wandering)
    limits = [model.outcomes.edges["chi2", "outcome"].p_limit for model in (steady, wild)]
    assert limits[1] < 1e-2 * limits[0]


def test_the_missing_threshold_is_exceeded_by_chance_as_rarely_as_the_budget_grants():
    """Against the binomial distribution's own tail."""
    usual = UsualMissing(2 * np.arcsin(np.sqrt(0.1)), 0.0, 0, 10**9, 1e-3)
    limit = usual.threshold(500)
    assert 2e-4 < binom.sf(np.floor(limit * 500), 500, 0.1) < 3e-3
    assert usual.p_value(limit, 500) == pytest.approx(1e-3, rel=0.01)
    assert usual.effect(0.1) == pytest.approx(0.0, abs=1e-12)


def test_windows_that_lack_more_than_others_widen_the_threshold():
    rng = np.random.default_rng(8)
    steady, bursts = np.full(5000, 0.05), np.repeat(rng.choice([0.0, 0.25], size=50, p=[0.8, 0.2]), 100)
    columns = {name: np.where(rng.random(5000) < share, np.nan, 1.0) for name, share in (("a", steady), ("b", bursts))}
    references = {name: ReferenceColumn.fit(name, column) for name, column in columns.items()}
    found = usual_missing(columns, references, 100, Allowance(1e-4, 2))
    assert found["a"].threshold(100) < 0.25 < found["b"].threshold(100)
    assert found["a"].threshold(1000) < found["a"].threshold(100)


def test_more_rows_than_a_window_has_do_not_seem_to_lack_more_because_the_reference_is_short():
    rng = np.random.default_rng(12)
    alarms = 0
    for _ in range(60):
        column = np.where(rng.random(6000) < 0.004, np.nan, 1.0)
        reference = {"a": ReferenceColumn.fit("a", column)}
        usual = usual_missing({"a": column}, reference, 300, Allowance(1e-3, 1))["a"]
        alarms += rng.binomial(1_000_000, 0.004) / 1e6 > usual.threshold(1_000_000)
    assert alarms <= 2


def test_more_and_fewer_missing_values_are_told_apart_and_a_few_are_as_good_as_none():
    usual = UsualMissing(2 * np.arcsin(np.sqrt(0.2)), 0.0, 0, 10_000, 1e-4)
    never = UsualMissing(0.0, 0.0, 0, 10_000, 1e-4)
    told = [usual.moved(share, 5000) for share in (0.3, 0.2, 0.1)]
    assert told == ["more values are missing", "", "fewer values are missing"]
    assert [never.moved(share, 100_000) for share in (0.009, 0.02, 0.0)] == ["", "more values are missing", ""]


def test_missing_values_tell_effect_p_value_and_threshold():
    column = np.random.default_rng(9).normal(size=ROWS)
    column[:30] = np.nan
    result = watched(None).check(records(a=column))
    found = result.measurement("missing_share", feature="a")
    assert {"reference", "effect", "p_value", "threshold"} == set(found.details)
    assert found.value.number > found.details["threshold"]
    assert (Status.WARN, 'feature "a": 30.0% missing (reference 0.0%)') in told(result, "a")


def test_direction_is_the_rank_biserial_correlation_within_a_cell():
    rng = np.random.default_rng(10)
    reference = ReferenceColumn.fit("a", rng.normal(size=4000).round(1))
    for window in (rng.normal(0.4, 1.0, 300).round(1), rng.exponential(size=300), np.full(50, 9.0)):
        values = reference.values
        expected = 2.0 * mannwhitneyu(window, values).statistic / (len(window) * len(values)) - 1.0
        assert Comparison(reference, window).tendency == pytest.approx(expected, abs=1 / 240)
        counted = profile(window, reference.cells)
        assert Comparison(reference.binned(), counted).tendency == pytest.approx(expected, abs=1 / 240)


@pytest.mark.parametrize(
    "window", [np.empty(0), np.full(5, np.nan), Categories.of(["x"])], ids=["no rows", "all missing", "labels"]
)
def test_what_has_no_direction_has_none(window):
    assert Comparison(ReferenceColumn.fit("a", np.arange(10.0)), window).tendency is None


def test_what_matters_most_is_told_first():
    model = watched(None, importance={"b": 0.1, "c": 0.7})
    result = model.check(records(shift=3.0))
    drifted = [found for found in result.verdict.findings if "drifted" in found.sentence]
    assert [found.subject for found in drifted] == ["c", "b", "a"]
    assert drifted[0].sentence.endswith("(importance 0.7)")
    assert result.verdict.sentence.startswith('feature "c"')
    plain = result.to_dict()
    assert [found["subject"] for found in plain["findings"] if "drifted" in found["sentence"]] == ["c", "b", "a"]
    measured = [one["labels"]["feature"] for one in plain["measurements"] if one["name"] == "ks"]
    assert measured == ["c", "b", "a", "prediction"]
    assert result.measurement("ks", feature="c").details["importance"] == 0.7
    assert "importance" not in result.measurement("ks", feature="a").details
    html = result.to_html()
    assert html.index('feature "c"'.replace('"', "&quot;")) < html.index('feature "b"'.replace('"', "&quot;"))
    ks_details = result.measurement("ks", feature="b").details
    assert {"effect", "p_value", "threshold", "direction", "importance"} <= set(ks_details)
    assert ks_details["direction"] > 0.9


def test_importance_changes_no_evidence():
    assert watched(None).alarms.digest == watched(None, importance={"c": 1.0}).alarms.digest
