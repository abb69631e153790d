"""Windows of very many rows are checked by their profiles: what is counted is the same, distances have bounds."""

import attrs
import numpy as np
import pytest

from watchkeeper.domain.model import Task
from watchkeeper.domain.profiling import profiles
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.domain.window import Window
from watchkeeper.monitor import watched_columns
from watchkeeper.monitor.evaluating import evaluation_of, judging_of
from watchkeeper.monitor.fitting import fitted
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.scale.profiled import ProfiledRows
from watchkeeper.plugins import Plugins

METRICS = ("accuracy", "roc_auc")
DETECTORS = ("ks", "psi", "chi2", "wasserstein")


def table(rows, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return Table(
        {
            "ret1": np.where(rng.random(rows) < 0.02, np.nan, rng.normal(shift, 1.0, rows)),
            "venue": Categories(rng.integers(0, 2, rows).astype(np.int32), ("LSE", "NYSE")),
            "prediction": rng.random(rows),
        }
    )


def records_of(rows, seed, shift=0.0):
    found = table(rows, seed, shift)
    outcome = (np.random.default_rng(seed + 1).random(rows) < np.asarray(found["prediction"])).astype(np.float64)
    return Records(
        window=Window(0, 1, rows),
        prediction=found["prediction"],
        outcome=outcome,
        has_outcome=np.ones(rows, dtype=np.bool_),
        features=found.select(["ret1", "venue"]),
    )


@pytest.fixture(scope="module")
def model():
    plugins = Plugins()
    reference = table(6000, 1)
    outcome = np.tile([0.0, 1.0], 3000)
    return fitted(
        "momentum",
        judging_of(Task.CLASSIFICATION, reference["prediction"], outcome, 0.5),
        reference,
        {name: plugins.build("metric", name) for name in METRICS},
        {name: plugins.build("drift", name) for name in DETECTORS},
        window=WindowSize.parse("300 rows"),
        budget=FalseAlarmBudget.parse("1 per 30d"),
        min_rows=30,
    )


def profiled(model, records, **more):
    cells = {name: reference.cells for name, reference in model.references.items()}
    columns = Table({**records.features.columns, "prediction": records.prediction})
    return ProfiledRows(
        window=records.window,
        profiles=profiles(columns, cells),
        labelled=len(records),
        evaluation=evaluation_of(records, model.judging),
        **more,
    )


def test_profiled_rows_give_the_numbers_of_the_rows_themselves(model):
    records = records_of(3000, 5, shift=0.3)

    exact, found = model.check(records), model.check_profiles(profiled(model, records))

    by_title = {one.title: one for one in found.measurements}
    for told in exact.measurements:
        # what needs the rows in their order, or next to each other, is not told of profiles
        if told.name in {"duplicate_share", "drift_evidence"}:
            continue
        again = by_title[told.title]
        if told.name in {"ks", "wasserstein"}:
            low, high = again.value.interval
            assert low <= told.value.number <= high
        else:
            assert again.value == told.value, told.title


def test_the_distance_is_told_with_its_bounds(model):
    found = model.check_profiles(profiled(model, records_of(3000, 5, shift=2.0)))

    (drifted,) = [one for one in found.verdict.findings if one.subject == "ret1" and one.status is Status.WARN]
    ks = found.measurement("ks", feature="ret1").value
    assert f"ks {ks.number:.3g} to {ks.interval[1]:.3g} > " in drifted.sentence


def test_a_window_of_very_many_rows_is_checked_by_its_profile(model, monkeypatch):
    records = records_of(3000, 5)
    monkeypatch.setattr(watched_columns, "EXACT_ROWS", 2999)

    found = model.check(records)

    expected = model.check_profiles(profiled(model, records))
    for name in ("ks", "psi", "missing_share"):
        assert found.measurement(name, feature="ret1") == expected.measurement(name, feature="ret1")
    assert found.measurement("ks", feature="ret1").value.interval is not None


def test_a_column_that_the_reference_cannot_count_is_told_and_the_others_are_judged(model, monkeypatch):
    records = records_of(3000, 5)
    venues = records.features["venue"]
    strange = Records(
        window=records.window,
        prediction=records.prediction,
        outcome=None,
        has_outcome=np.zeros(3000, dtype=np.bool_),
        features=Table({"ret1": venues, "venue": venues}),
    )
    monkeypatch.setattr(watched_columns, "EXACT_ROWS", 2999)

    found = model.check(strange)

    told = [one.sentence for one in found.verdict.findings if one.subject == "ret1" and one.status is Status.UNKNOWN]
    assert "the reference of ret1 holds numbers, the window does not" in told[0]
    assert found.measurement("chi2", feature="venue").value.is_defined


def test_what_was_noticed_on_the_way_is_part_of_the_verdict(model):
    noticed = Finding(Status.UNKNOWN, "part-7.parquet", "part-7.parquet could not be read")

    found = model.check_profiles(profiled(model, records_of(3000, 5), findings=(noticed,)))

    assert noticed in found.verdict.findings
    assert found.status is Status.UNKNOWN


def test_a_feature_without_a_profile_is_unknown(model):
    rows = profiled(model, records_of(3000, 5))
    without = {name: counted for name, counted in rows.profiles.items() if name != "ret1"}

    found = model.check_profiles(ProfiledRows(rows.window, without, rows.labelled, rows.evaluation))

    assert found.status is Status.UNKNOWN
    assert 'feature "ret1" is in none of the 3000 rows' in found.verdict.sentence


def test_without_an_evaluation_no_metric_is_told(model):
    rows = profiled(model, records_of(3000, 5))

    found = model.check_profiles(ProfiledRows(rows.window, rows.profiles, 0, None))

    assert found.measurement("accuracy") is None
    assert found.measurement("ks", feature="ret1").value.is_defined


def test_performance_is_judged_by_the_labelled_rows_that_were_profiled():
    reference = records_of(6000, 1)
    known = Table({**reference.features.columns, "prediction": reference.prediction})
    judging = judging_of(Task.CLASSIFICATION, reference.prediction, reference.outcome, 0.5)
    window, budget = WindowSize.parse("300 rows"), FalseAlarmBudget.parse("1 per 30d")
    metrics = {"accuracy": Plugins().build("metric", "accuracy")}
    judged = fitted(
        "m", judging, known, metrics, {}, window=window, budget=budget, min_rows=30, outcome=reference.outcome
    )
    usual = records_of(3000, 7)
    wrong = attrs.evolve(usual, outcome=1.0 - (np.asarray(usual.prediction) > 0.5))

    exact = judged.check(wrong).measurement("risk_evidence")
    found = judged.check_profiles(profiled(judged, wrong)).measurement("risk_evidence")

    assert found.details["open"] == exact.details["open"] == 1.0
    assert found.value.number == pytest.approx(exact.value.number)
    assert judged.check_profiles(profiled(judged, usual)).measurement("risk_evidence").details["open"] == 0.0


def test_the_drift_of_predictions_is_measured_for_the_preset(model):
    assert model.check_profiles(profiled(model, records_of(500, 8))).measurement("prediction_drift").value.number == 0.0
