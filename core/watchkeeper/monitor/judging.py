"""From measurements to findings: what is OK, what is not, what is unknown, each in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.plural import counted
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Failure, Finding, Status, Verdict, worst
from watchkeeper.domain.window import told_time

from .alarms.performance import RiskState
from .alarms.telling import DriftState, alarm_sentence
from .naming import ALL_FEATURES, are, called
from .quality import CONSTANT, INFINITE_SHARE, MISSING_SHARE, OUT_OF_RANGE_SHARE, TYPE_CHANGED, UNSEEN_SHARE
from .told_values import value_told

_STALE_AFTER_US = 86_400_000_000
_GAPS_BEFORE_STALE = 3
_SMALLEST_TOLD = 1e-15


def verdict_of(findings: Sequence[Finding], failures: Sequence[Failure]) -> Verdict:
    """The worst of the findings; a plugin's failure is UNKNOWN, as what it should have measured is not known."""
    told = [
        *findings,
        *(
            Finding(Status.UNKNOWN, failure.subject or failure.plugin, f"{failure.plugin} failed: {failure.error}")
            for failure in failures
        ),
    ]
    return Verdict(worst(finding.status for finding in told), tuple(told), tuple(failures))


def sample_finding(samples: Measurement, min_rows: int) -> Finding:
    """Whether there are enough rows to say anything."""
    rows = int(samples.value.number or 0)
    if rows < min_rows:
        sentence = f"{counted(rows, 'row')} in the window, at least {min_rows} are needed to judge"
        return Finding(Status.UNKNOWN, "samples", sentence, (samples,))
    return Finding(Status.OK, "samples", f"{counted(rows, 'row')} in the window", (samples,))


def repeated_finding(samples: Measurement, repeated: int) -> Finding:
    """Rows that stand twice count twice, and an outcome is joined to one of them only."""
    sentence = (
        f"{repeated} of {samples.window.rows} rows repeat the id of another: were they logged twice? they count twice, "
        "and an outcome counts for one row of an id"
    )
    return Finding(Status.WARN, "ids", sentence, (samples,))


def before_reference_finding(samples: Measurement, reference_end_us: int) -> Finding:
    """Rows from before the reference's end are no evidence: those that the reference knows would count twice."""
    sentence = (
        f"all rows of the window are from before {told_time(reference_end_us)}, where the reference ends, so that they "
        "are no evidence of drift: drift UNKNOWN, not OK; give a reference that ends before the model was watched"
    )
    return Finding(Status.UNKNOWN, "reference", sentence, (samples,))


def repetition_finding(repeated: Measurement, usual: Value) -> Finding:
    """Whether more rows repeat another in every feature than in the reference."""
    number, before = repeated.value.number, usual.number or 0.0
    if number is not None and number > repeated.details.get("threshold", 1.0):
        told = f"{number:.1%} of the rows repeat another in every feature (reference {before:.1%})"
        return Finding(Status.WARN, "rows", told, (repeated,))
    return Finding(Status.OK, "rows", "no more rows repeat another than in the reference", (repeated,))


def stale_after_us(usual_gap_us: int) -> int:
    """How long no prediction may come before how the model is now is unknown."""
    return max(_GAPS_BEFORE_STALE * usual_gap_us, _STALE_AFTER_US)


def age_finding(age: Measurement) -> Finding:
    """Whether predictions still arrive: silence is not health."""
    seconds = age.value.number or 0.0
    if seconds <= age.details["limit"]:
        return Finding(Status.OK, "arrival", "predictions arrive", (age,))
    sentence = (
        f"the last prediction is from {told_time(age.window.end_us - 1)}, {seconds / 86_400:,.1f} days ago: "
        "how the model is now is UNKNOWN, not OK; --until judges an earlier day"
    )
    return Finding(Status.UNKNOWN, "arrival", sentence, (age,))


def performance_findings(
    metrics: Sequence[Measurement], labelled: Measurement, min_rows: int, estimates: str = ""
) -> list[Finding]:
    """One finding for each metric: a number is reported, an undefined one is UNKNOWN; rules say what is bad.

    With too few outcomes there is one finding, UNKNOWN; `estimates` tells what is expected meanwhile.
    """
    count = int(labelled.value.number or 0)
    if metrics and count < min_rows:
        sentence = f"{count} of {labelled.window.rows} rows have an outcome, at least {min_rows} are needed: "
        sentence += "performance UNKNOWN, not OK" + (f"; {estimates}" if estimates else "")
        return [Finding(Status.UNKNOWN, "performance", sentence, tuple(metrics))]
    return [_metric_finding(metric) for metric in metrics]


def _metric_finding(metric: Measurement) -> Finding:
    value = metric.value
    if value.number is None:
        return Finding(Status.UNKNOWN, metric.name, f"{metric.name} is undefined: {value.reason}", (metric,))
    return Finding(Status.OK, metric.name, f"{metric.name} {value_told(metric)}", (metric,), is_judged=False)


def risk_finding(state: RiskState, evidence: Measurement) -> Finding:
    """Whether predictions cost more than in the reference, by more than the tolerance."""
    status = Status.OK if state.alarm is None else Status.WARN
    return Finding(status, "performance", state.sentence, (evidence,), is_accumulated=state.has_times)


def drift_finding(
    feature: str, drifts: Sequence[Measurement], state: DriftState | None = None, *, why: str = "", missing: str = ""
) -> Finding:
    """Whether a feature has drifted: by its alarm; by the detectors' edges where there is no evidence of it.

    `why` tells why the reference gave no edge, and `missing` whether more or fewer values are missing, see `moved`.
    """
    verdict = has_drifted(feature, drifts, state, missing=missing)
    if verdict is None:
        return Finding(
            Status.UNKNOWN, feature, f"{called(feature)}: drift UNKNOWN, not OK: {_doubt(drifts, why)}", tuple(drifts)
        )
    if not verdict:
        return Finding(Status.OK, feature, f"{called(feature)} {are(feature)} as in the reference", tuple(drifts))
    if state is not None and feature in state.open:
        told = alarm_sentence(state.open[feature], has_times=state.has_times)
        sentence = f"{called(feature)} {told}{_weight(drifts)}"
        return Finding(Status.WARN, feature, sentence, tuple(drifts), is_accumulated=state.is_accumulated)
    moved = [_against_threshold(drift) for drift in drifts if _exceeds(drift)] + [missing] * bool(missing)
    told = f"{called(feature)} drifted: {', '.join(moved)}{_weight(drifts)}"
    return Finding(Status.WARN, feature, told, tuple(drifts))


def together_finding(drifts: Sequence[Measurement], state: DriftState | None) -> Finding:
    """Whether all features together have drifted: by their alarm, or because this window is over an edge.

    A detector that learns from a window's rows sees more in a window than in its blocks; evidence sees what lasts.
    """
    is_judged = any(_exceeds(drift) is not None for drift in drifts)
    if state is not None and (ALL_FEATURES in state.open or not is_judged):
        return drift_finding(ALL_FEATURES, drifts, state)
    return drift_finding(ALL_FEATURES, drifts)


def has_drifted(
    feature: str, drifts: Sequence[Measurement], state: DriftState | None = None, *, missing: str = ""
) -> bool | None:
    """Whether it is in alarm, or over an edge where there are no alarms; None when nothing can judge it.

    Where there are no alarms, it has drifted by what is `missing`, too; "" is as much as usual.
    """
    if drifts and not any(drift.value.is_defined for drift in drifts):
        return None  # the window has nothing to compare
    if state is not None and feature in state.evidence:
        return feature in state.open
    verdicts = [exceeds for drift in drifts if (exceeds := _exceeds(drift)) is not None] + [True] * bool(missing)
    return any(verdicts) if verdicts else None


def _weight(drifts: Sequence[Measurement]) -> str:
    """How important the feature is, where somebody measured it."""
    told = next((drift.details["importance"] for drift in drifts if "importance" in drift.details), None)
    return "" if told is None else f" (importance {told:.3g})"


def _doubt(drifts: Sequence[Measurement], why: str) -> str:
    if not drifts:
        return "no detector is for this kind of column"
    undefined = [drift.value.reason for drift in drifts if drift.value.reason is not None]
    if len(undefined) == len(drifts):
        return undefined[0]
    return "the reference does not tell what is usual" + (f": {why}" if why else "; give a longer one")


def _exceeds(drift: Measurement) -> bool | None:
    """True, False, or None when there is neither a threshold nor a limit of the p-value to judge by."""
    if drift.value.number is None:
        return None
    if "threshold" in drift.details:
        return drift.value.number > drift.details["threshold"]
    if "p_limit" in drift.details:
        return drift.details["p_value"] < drift.details["p_limit"]
    return None


def p_value_told(p_value: float) -> str:
    """``p = 0.0012``; a p-value that is smaller than its computation is exact is told as a bound.

    >>> p_value_told(0.00123), p_value_told(0.0)
    ('p = 0.0012', 'p < 1e-15')
    """
    return f"p = {p_value:.2g}" if p_value >= _SMALLEST_TOLD else f"p < {_SMALLEST_TOLD:g}"


def _against_threshold(drift: Measurement) -> str:
    number = f"{drift.value.number or 0.0:.3g}"
    if (
        drift.value.interval is not None and drift.labels.get("feature") != ALL_FEATURES
    ):  # between profiles: the distance itself lies between these bounds
        number += f" to {drift.value.interval[1]:.3g}"
    if "threshold" in drift.details:
        return f"{drift.name} {number} > {drift.details['threshold']:.3g}"
    return f"{drift.name} {number} ({p_value_told(drift.details['p_value'])})"


def quality_finding(feature: str, shares: Sequence[Measurement], reference_missing: float) -> Finding:
    """Whether a feature's data are as good as the reference's."""
    bad = []
    for share in shares:
        number = share.value.number
        if number is None:
            continue
        if share.name == MISSING_SHARE and number > share.details.get("threshold", 1.0):
            bad.append(f"{number:.1%} missing (reference {reference_missing:.1%})")
        if share.name == INFINITE_SHARE and number > 0.0:
            bad.append(f"{number:.1%} infinite")
        if share.name == CONSTANT and number:
            bad.append("every value is the same, where the reference varied")
        if share.name == OUT_OF_RANGE_SHARE and number > share.details.get("threshold", 1.0):
            bad.append(f"{number:.1%} outside the reference's range")
        if share.name == TYPE_CHANGED and number:
            bad.append("it holds another kind of value than in the reference")
        if share.name == UNSEEN_SHARE and number > share.details.get("threshold", 1.0):
            bad.append(f"{number:.1%} in categories that the reference never had")
    if bad:
        return Finding(Status.WARN, feature, f"{called(feature)}: {', '.join(bad)}", tuple(shares))
    return Finding(Status.OK, feature, f"{called(feature)} is as complete as in the reference", tuple(shares))
