"""One window measured and judged; what is broken breaks only itself."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from watchkeeper.contracts.drift import Drift
from watchkeeper.domain.model import Task
from watchkeeper.domain.row_condition import RowCondition
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, ColumnKind, Table
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Status
from watchkeeper.domain.window import Window
from watchkeeper.monitor.evaluating import judging_of
from watchkeeper.monitor.fitting import fitted
from watchkeeper.monitor.records import Records

ROWS = 60


class Error:
    tasks = frozenset({Task.REGRESSION})
    higher_is_better = False

    def compute(self, evaluation):
        if not len(evaluation):
            return Value.undefined("no rows")
        return Value.of(float(np.abs(evaluation.truth - evaluation.predicted).mean()), samples=len(evaluation))


class Raising:
    tasks = frozenset({Task.REGRESSION})
    higher_is_better = False

    def compute(self, evaluation):
        raise RuntimeError("boom")


class WrongType:
    tasks = frozenset({Task.REGRESSION})
    higher_is_better = False

    def compute(self, evaluation):
        return 0.5


class MeanShift:
    columns = frozenset({ColumnKind.NUMERIC})

    def compare(self, comparison):
        current = comparison.current[~np.isnan(comparison.current)]
        if not len(current):
            return Drift(Value.undefined("no current values"))
        return Drift(Value.of(abs(float(current.mean()) - comparison.reference.mean.number)))


def watched(metrics=None, detectors=None, rows=3000, window=ROWS):
    rng = np.random.default_rng(3)
    reference = Table({"vol": rng.normal(size=rows), "ret": rng.normal(size=rows), "prediction": rng.normal(size=rows)})
    return fitted(
        "spx",
        judging_of(Task.REGRESSION, reference["prediction"], None, 0.5),
        reference,
        {"error": Error()} if metrics is None else metrics,
        {"shift": MeanShift()} if detectors is None else detectors,
        window=WindowSize(rows=window),
        budget=FalseAlarmBudget.parse("0.01 per 30d"),
        min_rows=30,
    )


def records(rows=ROWS, *, known=True, **features):
    rng = np.random.default_rng(4)
    columns = {"vol": rng.normal(size=rows), "ret": rng.normal(size=rows), **features}
    return Records(
        window=Window(0, rows, rows),
        prediction=rng.normal(size=rows),
        outcome=rng.normal(size=rows) if known else None,
        has_outcome=np.full(rows, known),
        features=Table({name: column for name, column in columns.items() if column is not None}),
        version="1.0.0",
    )


def sentences(result, status):
    return [finding.sentence for finding in result.verdict.findings if finding.status is status]


def test_an_ordinary_window_is_ok():
    result = watched().check(records())
    assert result.status is Status.OK, result.verdict.sentence
    assert result.measurement("samples").value.number == ROWS
    assert result.measurement("shift", feature="vol").details["threshold"] > 0
    assert result.measurement("drift_share").value.number == 0.0


def test_a_shifted_feature_is_a_warning_that_tells_what_moved():
    result = watched().check(records(vol=np.random.default_rng(9).normal(3.0, size=ROWS)))
    assert result.status is Status.WARN
    assert sentences(result, Status.WARN)[0].startswith('feature "vol" drifted: its mean is higher by ')
    assert result.measurement("drift_evidence", feature="vol").value.number > 1.0
    assert result.measurement("shift", feature="vol").value.number > 2.0
    assert result.measurement("drift_share").value.number == 0.5


def test_missing_outcomes_are_unknown_and_never_ok():
    result = watched().check(records(known=False))
    assert result.status is Status.UNKNOWN
    assert f"0 of {ROWS} rows have an outcome" in sentences(result, Status.UNKNOWN)[0]
    assert result.measurement("error").value.reason == "no rows"


def test_an_all_missing_feature_is_unknown_and_the_others_are_checked():
    result = watched().check(records(vol=np.full(ROWS, np.nan)))
    told = sentences(result, Status.UNKNOWN)
    assert told == [f'feature "vol" is all missing ({ROWS} of {ROWS} rows): drift UNKNOWN, not OK']
    assert result.measurement("shift", feature="ret").value.is_defined
    assert result.measurement("drift_share").value.samples == 1


def test_a_feature_that_is_not_there_is_unknown():
    result = watched().check(records(vol=None))
    assert sentences(result, Status.UNKNOWN) == [f'feature "vol" is in none of the {ROWS} rows: drift UNKNOWN, not OK']


def test_a_raising_metric_is_a_named_failure_and_the_others_stand():
    result = watched(metrics={"bad": Raising(), "error": Error()}).check(records())
    assert [failure.plugin for failure in result.verdict.failures] == ["metric.bad"]
    assert result.status is Status.UNKNOWN
    assert sentences(result, Status.UNKNOWN).count("metric.bad failed: RuntimeError: boom") == 1
    assert not [one for one in sentences(result, Status.UNKNOWN) if "bad is undefined" in one]
    assert result.measurement("error").value.is_defined


def test_what_a_plugin_that_failed_should_have_measured_is_undefined_with_the_reason():
    class BadDetector(MeanShift):
        def compare(self, comparison):
            raise RuntimeError("boom")

    result = watched(metrics={"bad": Raising()}, detectors={"off": BadDetector()}).check(records())
    assert result.measurement("bad").value.reason == "metric.bad failed: RuntimeError: boom"
    assert result.measurement("off", feature="vol").value.reason == "drift.off failed: RuntimeError: boom"


def test_a_metric_of_the_wrong_type_is_a_named_failure():
    result = watched(metrics={"bad": WrongType()}).check(records())
    assert result.verdict.failures[0].error == "it returned float, expected Value"


def test_a_metric_for_another_task_says_so():
    class ForClasses(Error):
        tasks = frozenset({Task.CLASSIFICATION})

    result = watched(metrics={"auc": ForClasses()}).check(records())
    assert sentences(result, Status.UNKNOWN) == [
        "auc is undefined: auc is for classification, the model's task is regression"
    ]


def test_too_few_rows_are_unknown_and_no_warning_is_drawn_from_them():
    result = watched().check(records(rows=12, vol=np.full(12, 50.0)))
    assert result.status is Status.UNKNOWN
    assert "12 rows in the window, at least 30 are needed to judge" in sentences(result, Status.UNKNOWN)
    assert not sentences(result, Status.WARN)


def test_missing_values_beyond_what_chance_explains_are_a_warning():
    column = np.random.default_rng(1).normal(size=ROWS)
    column[:10] = np.nan
    result = watched().check(records(vol=column))
    assert 'feature "vol": 16.7% missing (reference 0.0%)' in sentences(result, Status.WARN)


def test_findings_about_the_data_of_single_windows_share_one_twentieth_of_the_budget():
    """Four of each of the three columns, and one of repeated rows; without times a window is the budget's period."""
    found = watched()
    allowed = {one.per_test for one in found.usual_missing.values()} | {found.usual_repeats.in_all.per_test}
    assert len(allowed) == 1
    assert allowed.pop() == pytest.approx(0.01 * 0.05 / (4 * 3 + 1))


def test_a_reference_too_short_for_thresholds_leaves_drift_unknown():
    result = watched(rows=200).check(records())
    told = sentences(result, Status.UNKNOWN)
    assert any(
        "the reference does not tell what is usual: the reference holds 3 windows of 60 rows" in one for one in told
    )


def test_a_short_reference_falls_back_on_p_values():
    class Tested(MeanShift):
        def compare(self, comparison):
            return attrs.evolve(super().compare(comparison), p_value=1e-12)

    result = watched(detectors={"shift": Tested()}, rows=200).check(records())
    assert result.status is Status.WARN
    assert "(p = 1e-12)" in sentences(result, Status.WARN)[0]


def test_a_short_reference_leaves_a_category_to_detectors_for_categories():
    reference = Table({"venue": Categories.of(["X", "Y"] * 50), "prediction": np.zeros(100)})
    judging = judging_of(Task.REGRESSION, reference["prediction"], None, 0.5)
    model = fitted(
        "spx",
        judging,
        reference,
        {},
        {"shift": MeanShift()},
        window=WindowSize(rows=ROWS),
        budget=FalseAlarmBudget.parse("1 per 30d"),
        min_rows=30,
    )
    result = model.check(records(venue=Categories.of(["X"] * ROWS), vol=None, ret=None))
    told = [finding for finding in result.verdict.findings if finding.subject == "venue"]
    assert told[-1].sentence == 'feature "venue": drift UNKNOWN, not OK: no detector is for this kind of column'


@pytest.mark.parametrize("rendering", ["to_dict", "to_html", "_repr_html_", "table"])
def test_a_result_shows_itself_in_every_form(rendering):
    assert getattr(watched().check(records(vol=np.full(ROWS, np.nan))), rendering)()


def test_html_escapes_what_names_may_hold():
    result = attrs.evolve(watched().check(records()), model="<script>alert(1)</script>")
    assert "<script>alert" not in result.to_html()


def test_metrics_are_given_apart_for_each_segment():
    model = attrs.evolve(watched(), segments=(Segment("venue"),))
    window = records(venue=Categories.of(["NYSE"] * 40 + ["LSE"] * 19 + [None]))
    result = model.check(window)
    nyse = result.measurement("error", segment="venue=NYSE").value
    expected = np.abs(window.outcome[:40] - window.prediction[:40]).mean()
    assert nyse.number == pytest.approx(expected)
    assert (nyse.samples, result.measurement("error", segment="venue=LSE").value.samples) == (40, 19)


def test_whole_numbers_can_be_segments():
    model = attrs.evolve(watched(), segments=(Segment("desk"),))
    result = model.check(records(desk=np.array([1.0] * 30 + [2.0] * 29 + [np.nan])))
    assert result.measurement("error", segment="desk=1").value.samples == 30
    assert result.measurement("error", segment="desk=2").value.samples == 29


def test_a_condition_can_be_a_segment():
    large = Segment("large", RowCondition.parse("size > 1000 or size is missing"))
    model = attrs.evolve(watched(), segments=(large,))
    result = model.check(records(size=np.array([2000.0] * 20 + [10.0] * 39 + [np.nan])))
    assert result.measurement("error", segment="large").value.samples == 21


def test_a_condition_that_holds_for_no_row_measures_nothing():
    model = attrs.evolve(watched(), segments=(Segment("large", RowCondition.parse("size > 1000")),))
    assert model.check(records(size=np.zeros(ROWS))).measurement("error", segment="large") is None


def test_evidence_of_overlapping_windows_is_gathered_in_their_steps():
    rng = np.random.default_rng(0)
    reference = Table(
        {"vol": rng.normal(size=5000), "prediction": rng.normal(size=5000), "time": np.arange(5000) * 60_000_000}
    )
    judging = judging_of(Task.REGRESSION, reference["prediction"], None, 0.5)

    def blocks(step):
        day, budget = WindowSize.parse("24h"), FalseAlarmBudget.parse("1 per 30d")
        terms = {"window": day, "budget": budget, "min_rows": 1, "step": step}
        return fitted("m", judging, reference, {}, {"shift": MeanShift()}, **terms).alarms.size.duration_us

    assert blocks(WindowSize.parse("10m")) == 600_000_000
    assert blocks(None) > 600_000_000
