"""One check of an analysis: success, failure, the gap between, errors, silence."""

from collections.abc import Sequence
from typing import Any

import pytest

from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.value import Value
from watchkeeper.registry.deployments.analysis import Counts, MetricCheck, Outcome, Subject, overall, taken

MINUTE = 60_000_000


def outcomes(readings: Sequence[Any], **fields: Any) -> list[str]:
    """The outcome after each reading, a minute apart: a number, None for undefined, or an error to raise."""
    check = MetricCheck(**{"metric": "accuracy", "success": ">= 0.8", "failure": "< 0.7", **fields})
    counts, found = Counts(), []
    for at, reading in enumerate(readings):

        def measured(ref: str, metric: str, since_us: int, reading: Any = reading) -> Value:
            if isinstance(reading, Exception):
                raise reading
            return Value.undefined("no rows", samples=100) if reading is None else Value.of(reading, samples=100)

        counts = taken(check, counts, Subject("m@1.1.0", "m@1.0.0", 0), (at + 1) * MINUTE, measured)
        found.append(str(counts.outcome))
    return found


ERROR = DataError("the store is away")


@pytest.mark.parametrize(
    ("readings", "fields", "expected"),
    [
        pytest.param([0.8], {}, ["successful"], id="the success condition includes its edge"),
        pytest.param([0.69], {}, ["failed"], id="below the failure condition"),
        pytest.param([0.75], {}, ["inconclusive"], id="between the two"),
        pytest.param([None], {}, ["inconclusive"], id="undefined is neither good nor bad"),
        pytest.param([0.9, 0.9], {"count": 2}, ["running", "successful"], id="two good ones are asked for"),
        pytest.param([0.6, 0.9], {"failure_limit": 1}, ["running", "successful"], id="one failure is borne"),
        pytest.param([0.6, 0.6], {"failure_limit": 1}, ["running", "failed"], id="a second is not"),
        pytest.param([0.75, 0.9], {"inconclusive_limit": 1}, ["running", "successful"], id="one gap is borne"),
        pytest.param([ERROR] * 5, {}, ["running"] * 4 + ["error"], id="the fifth error in a row"),
        pytest.param([ERROR, ERROR, 0.9], {}, ["running", "running", "successful"], id="an error is no failure"),
        pytest.param(
            [ERROR, ERROR, 0.9, ERROR, ERROR, 0.9],
            {"error_limit": 2, "count": 2},
            ["running"] * 5 + ["successful"],
            id="errors count in a row only",
        ),
        pytest.param([0.9, 0.1], {}, ["successful", "successful"], id="what is finished stays as it is"),
        pytest.param([0.5], {"failure": None}, ["failed"], id="without a failure condition not good is bad"),
        pytest.param([0.75], {"success": None}, ["successful"], id="without a success condition not bad is good"),
        pytest.param([0.75], {"success": ">= 0.5", "failure": "< 0.9"}, ["failed"], id="both hold: failed"),
        pytest.param([0.9, 0.9], {"min_samples": 101}, ["waiting", "waiting"], id="too few rows are waited for"),
        pytest.param(
            [0.9, 0.9, 0.9],
            {"min_samples": 101, "traffic_deadline_seconds": 120},
            ["waiting", "waiting", "inconclusive"],
            id="until the deadline",
        ),
        pytest.param([0.9, 0.9], {"initial_delay_seconds": 90}, ["running", "successful"], id="after the delay"),
        pytest.param(
            [0.9, 0.9], {"interval_seconds": 90, "count": 2}, ["running", "running"], id="not before it is due"
        ),
    ],
)
def test_the_outcome_of_a_check(readings: list[Any], fields: dict[str, Any], expected: list[str]) -> None:
    assert outcomes(readings, **fields) == expected


def test_a_check_against_stable_judges_the_difference() -> None:
    check = MetricCheck(metric="accuracy", failure="< -0.02", against_stable=True, min_samples=50)
    numbers = {"m@1.1.0": Value.of(0.70, samples=100), "m@1.0.0": Value.of(0.75, samples=60)}
    subject = Subject("m@1.1.0", "m@1.0.0", 0)
    counts = taken(check, Counts(), subject, 1, lambda ref, metric, since: numbers[ref])
    assert counts.outcome == Outcome.FAILED
    assert counts.told == "accuracy is -0.05: failed"
    numbers["m@1.0.0"] = Value.of(0.75, samples=49)
    assert taken(check, Counts(), subject, 1, lambda ref, metric, since: numbers[ref]).outcome == Outcome.WAITING


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["successful", "successful"], "successful"),
        (["successful", "running"], "running"),
        (["waiting", "running"], "waiting"),
        (["inconclusive", "waiting"], "inconclusive"),
        (["error", "inconclusive"], "error"),
        (["failed", "error"], "failed"),
    ],
)
def test_the_worst_outcome_of_several_checks_counts(found: list[str], expected: str) -> None:
    checks = tuple(MetricCheck(metric="x", success="> 0") for _ in found)
    assert overall(checks, tuple(Counts(outcome=Outcome(one)) for one in found)) == expected


def test_a_dry_run_is_recorded_and_not_obeyed() -> None:
    checks = (MetricCheck(metric="x", success="> 0", is_dry_run=True), MetricCheck(metric="y", success="> 0"))
    counts = (Counts(outcome=Outcome.FAILED), Counts(outcome=Outcome.SUCCESSFUL))
    assert overall(checks, counts) is Outcome.SUCCESSFUL


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "the check of 'auc' has neither a success nor a failure condition"),
        ({"success": "at least 0.8"}, "'at least 0.8' is no condition: expected a comparison with a number"),
        ({"success": ">= nan"}, "is no condition"),
        ({"success": "> 0", "count": 0}, "needs a count of at least 1 and an interval above 0"),
        ({"success": "> 0", "interval_seconds": 0}, "needs a count of at least 1 and an interval above 0"),
    ],
)
def test_a_check_that_says_nothing_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MetricCheck(metric="auc", **fields)
