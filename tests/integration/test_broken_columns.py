"""A column that is broken takes no other column, no metric and no detector down with it."""

from __future__ import annotations

from importlib.metadata import distribution

import numpy as np
import pytest

from watchkeeper.app import open_project
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.verdict import Status

ROWS = 100
STREAMS = {"adwin", "cusum", "ddm", "hddm_w", "kswin", "page_hinkley", "shiryaev_roberts"}
POINTS = [point.name for point in distribution("watchkeeper").entry_points.select(group="watchkeeper")]
SLOW = {"domain_classifier"}
"""It reads the same encoded rows as `mmd`, and takes a hundred times as long."""
DETECTORS = sorted({name.removeprefix("drift.") for name in POINTS if name.startswith("drift.")} - STREAMS - SLOW)

NUMBERS = {
    "none": [None] * ROWS,
    "missing": np.full(ROWS, np.nan),
    "infinite": np.array([np.inf, -np.inf] * (ROWS // 2)),
    "one infinite": np.array([np.inf, *np.linspace(-1, 1, ROWS - 1)]),
    "all equal": np.zeros(ROWS),
    "huge": np.linspace(-1.0, 1.0, ROWS) * 1.7e308,
    "tiny": np.full(ROWS, 5e-324),
    "float32": np.linspace(-1, 1, ROWS, dtype=np.float32),
    "int64": np.arange(ROWS) + 2**62,
    "bool": np.arange(ROWS) % 2 == 0,
    "text": ["n/a"] * ROWS,
    "some text": ["0.5"] * (ROWS - 1) + ["broken"],
    "objects": [object()] * ROWS,
    "mixture": [0.5, "broken"] * (ROWS // 2),
    "half missing": [None, 0.5] * (ROWS // 2),
}
LABELS = {
    "none": [None] * ROWS,
    "one label": ["NYSE"] * ROWS,
    "unseen": ["XETRA"] * ROWS,
    "each its own": [f"v{at}" for at in range(ROWS)],
    "empty": [""] * ROWS,
    "numbers": np.arange(ROWS),
    "bool": np.arange(ROWS) % 2 == 0,
    "odd text": ["\x00", "💥" * 500] * (ROWS // 2),
}
CASES = [("ret1", name, values) for name, values in NUMBERS.items()]
CASES += [("venue", name, values) for name, values in LABELS.items()]


@pytest.fixture
def watch(project):
    detectors = ", ".join(f'"{name}"' for name in DETECTORS)
    metrics = '"accuracy", "roc_auc", "brier", "confusion_matrix", "mcc"'
    text = project.config.replace('["ks", "chi2"]', f"[{detectors}]")
    project.configure(text.replace('["accuracy", "roc_auc", "brier"]', f"[{metrics}]"))
    with open_project("watchkeeper.toml") as opened:
        yield opened


def apart(result, broken):
    """Every number of the window but those of the broken column, and of all features together."""
    left_out = {broken, "all features"}
    whole = {"drift_share", "quality_score", "duplicate_share", "schema_changes", "together_drift"}
    return {
        one.title: one
        for one in result.measurements
        if one.labels.get("feature") not in left_out and not (one.name in whole and not one.labels)
    }


def checked(watch, rows):
    return watch.check("momentum", rows, act=False)


def test_every_column_and_table_detector_is_tried():
    assert len(DETECTORS) == 10
    assert {f"drift.{name}" for name in (*DETECTORS, *STREAMS)} <= set(POINTS)


@pytest.mark.parametrize("broken", ["ret1", "venue"])
def test_a_broken_column_leaves_every_other_number_as_it_is(watch, project, broken):
    rows = project.rows()
    expected = apart(checked(watch, rows), broken)
    assert {one.name for one in expected.values()} > {"ks", "chi2", "energy", "accuracy", "confusion_matrix"}
    for column, name, values in CASES:
        if column != broken:
            continue
        result = checked(watch, {**rows, broken: values})
        found = apart(result, broken)
        assert found == expected, name
        assert any(one.subject in (broken, "schema") for one in result.verdict.findings), name
        assert not result.verdict.failures, f"{name}: {result.verdict.failures}"


@pytest.mark.parametrize(("column", "values"), [("ret1", NUMBERS["missing"]), ("venue", LABELS["none"])])
def test_a_dead_column_is_unknown_and_not_ok(watch, project, column, values):
    result = checked(watch, {**project.rows(), column: values})
    told = {one.status for one in result.verdict.findings if one.subject == column}
    assert told == {Status.UNKNOWN}


def test_what_cannot_be_read_is_told_with_the_row(watch, project):
    result = checked(watch, {**project.rows(), "ret1": NUMBERS["mixture"], "unused": [object()] * ROWS})
    told = next(one.sentence for one in result.verdict.findings if one.subject == "ret1")
    assert told.startswith("feature \"ret1\" cannot be compared: drift UNKNOWN, not OK: column 'ret1' of data holds")
    schema = next(one.sentence for one in result.verdict.findings if one.subject == "schema")
    assert "ret1" in schema
    assert "values of no one kind" in schema


def test_predictions_of_no_one_kind_are_an_error(watch, project):
    with pytest.raises(DataError, match="column 'p' of data holds"):
        checked(watch, {**project.rows(), "p": [0.5, "broken"] * (ROWS // 2)})


def test_nullable_columns_are_read_as_numbers_with_some_missing(watch, project):
    pandas = pytest.importorskip("pandas")
    rows = project.rows()
    frame = pandas.DataFrame(rows)
    frame["ret1"] = (frame["ret1"] * 10).round().astype("Int64")
    frame.loc[3, "ret1"] = pandas.NA
    frame["venue"] = frame["venue"].astype("string")
    result = checked(watch, frame)
    assert result.measurement("missing_share", feature="ret1").value.number == pytest.approx(0.01)
    assert result.measurement("ks", feature="ret1").value.is_defined
    assert result.measurement("chi2", feature="venue").value.is_defined


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_predictions_that_are_no_numbers_are_unknown_and_the_features_are_checked(watch, project, number):
    result = checked(watch, {**project.rows(), "p": [number] * ROWS})
    assert result.status in (Status.UNKNOWN, Status.ALERT)
    assert result.measurement("accuracy").value.number is None
    assert result.measurement("ks", feature="ret1").value.is_defined
