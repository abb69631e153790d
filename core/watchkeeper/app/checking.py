"""One turn of the cycle: measure, judge, act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from watchkeeper.alerting.outcome import Outcome
from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.alert import Alert, AlertState, Severity
from watchkeeper.domain.errors import NothingToCheck, UsageError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.plural import counted
from watchkeeper.domain.verdict import Finding, Status, Verdict, worst
from watchkeeper.domain.window import CLOCKS_DIFFER_US, told_time
from watchkeeper.monitor.alarms.counting import counted_evidence, past_evidence
from watchkeeper.monitor.alarms.evidence import Evidence
from watchkeeper.monitor.alarms.outcomes import OutcomeCounting
from watchkeeper.monitor.alarms.performance import RiskState, risk_state
from watchkeeper.monitor.alarms.remembered import with_evidence_of_then
from watchkeeper.monitor.estimation.restating import Remeasuring, listed_and_restated
from watchkeeper.monitor.health import health_findings, judged
from watchkeeper.monitor.history import keep_measurements
from watchkeeper.monitor.measuring import DRIFT_EVIDENCE
from watchkeeper.monitor.outcomes import later_outcomes
from watchkeeper.monitor.recording.refusals import refused_rows
from watchkeeper.monitor.records import PREDICTIONS, Records
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.standing import keep_standing
from watchkeeper.monitor.stored_windows import rows_after, stored_records
from watchkeeper.monitor.watched import WatchedModel
from watchkeeper.monitor.watched_performance import RISK_EVIDENCE
from watchkeeper.plugins.boundary import each_told_once

from .answering import answers, nothing_found, of_version, versions_findings
from .assembly import Systems
from .intake import records_of
from .limits import told_with_rules
from .misnamed import misnamed

STATUS_OF_SEVERITY: Final = {
    Severity.CRITICAL: Status.ALERT,
    Severity.WARNING: Status.WARN,
    Severity.INFO: Status.OK,
}


@each_told_once()
def checked(
    systems: Systems, model: str, data: Any, *, until_us: int | None, source: str, act: bool | None = None
) -> CheckResult:
    """Check one window; keep what was measured, and let rules act, unless it is a look: see `acts`."""
    is_acting = acts(systems, model, is_of_files=data is not None, until_us=until_us, act=act)
    watched = systems.models.watched(model)
    now_us = systems.clock.now_us()
    if data is not None:
        config = systems.models.config(model)
        records = records_of(config, watched.references, data, source, kinds=watched.kinds)
        result = watched.check(records, None if until_us is not None else now_us)
        return acted_upon(systems, watched, result, now_us) if is_acting else looked_at(systems, result)
    storage = answers(systems, model)
    records = _stored(systems, watched, storage, until_us, now_us)
    at_us = until_us if is_acting or until_us is not None else now_us
    evidence = _evidence(storage, watched, records, at_us, now_us)
    risk = _risk(storage, watched, records, at_us, now_us)
    if until_us is not None:
        result = watched.check(records, None, evidence, risk)
        later = _gathered_since(storage, watched, evidence, until_us)
        result = with_evidence_of_then(systems.storage, result, later, until_us)
        result = _with_later(storage, result, records, until_us)
        return looked_at(systems, _with_versions(storage, result, records))
    result = _with_versions(storage, watched.check(records, now_us, evidence, risk), records)
    result = _with_refused(systems, _with_future(storage, result, now_us))
    if not is_acting:
        return looked_at(systems, result)
    whole = acted_upon(systems, watched, result, now_us)
    listed_and_restated(storage, records, Remeasuring(model, watched.judging, watched.metrics), now_us)
    return whole


@each_told_once()
def version_checked(systems: Systems, model: str, version: str, until_us: int | None) -> CheckResult:
    """A look at the latest window of one version's own predictions, whether anybody got those answers or not.

    Drift and performance are judged by the window's rows alone: evidence is gathered of what answers.
    """
    watched = systems.models.watched(model)
    now_us = systems.clock.now_us()
    storage = of_version(systems, model, version)
    records = _stored(systems, watched, storage, until_us, now_us)
    return looked_at(systems, watched.check(records, now_us if until_us is None else None))


def _stored(systems: Systems, watched: WatchedModel, storage: Storage, until_us: int | None, now_us: int) -> Records:
    size = systems.models.config(watched.name).window
    try:
        return stored_records(storage, watched.name, size, watched.recorded, until_us, now_us=now_us)
    except NothingToCheck as error:
        raise nothing_found(error, storage, watched.name) from error


def _with_versions(storage: Storage, result: CheckResult, records: Records) -> CheckResult:
    """The result with whose answers it is about."""
    found = versions_findings(storage, records, result.model)
    return _with(result, found, result.alerts) if found else result


def acts(
    systems: Systems, model: str, *, is_of_files: bool, until_us: int | None = None, act: bool | None = None
) -> bool:
    """Whether a check keeps what it measures and lets rules act; if not, it is a look: nothing kept, nobody told.

    As `act` says. Without a word: the live window acts, the past does not, and files only for a model that has no
    stored predictions. Where there are some, the files are not how the model is now.
    """
    if act and until_us is not None:
        raise UsageError("a check that ends in the past is a look, and rules cannot act on it: leave out the one")
    if act is not None:
        return act
    return until_us is None and not (is_of_files and systems.storage.span(PREDICTIONS, model) is not None)


def _with_later(storage: Storage, result: CheckResult, records: Records, until_us: int) -> CheckResult:
    """The result; where performance is UNKNOWN, with how many outcomes came after the time that was asked for."""
    findings = result.verdict.findings
    at = next((at for at, one in enumerate(findings) if _lacks_outcomes(one)), None)
    later = 0 if at is None else later_outcomes(storage, records, result.model, until_us)
    if at is None or not later:
        return result
    told = (
        f"{findings[at].sentence}; {later} of them came at {told_time(until_us)} or later, and --until judges by what "
        "was known then: `check --since` measures with all that is known now"
    )
    changed = (*findings[:at], attrs.evolve(findings[at], sentence=told), *findings[at + 1 :])
    return attrs.evolve(result, verdict=attrs.evolve(result.verdict, findings=changed))


def _with_future(storage: Storage, result: CheckResult, now_us: int) -> CheckResult:
    """The result; where rows are stamped later than now, with how many, and up to when."""
    rows, last_us = rows_after(storage, result.model, now_us)
    if not rows:
        return result
    sentence = (
        f"{counted(rows, 'prediction')} {'is' if rows == 1 else 'are'} stamped later than now, up to "
        f"{told_time(last_us)}, and not in the window: are their times UTC, and of when they were made?"
    )
    step = "Mend the times that are logged or in the file: UTC, or with their zone."
    arrival = Finding(Status.WARN, "arrival", sentence, next_step=step)
    others = [one for one in result.verdict.findings if one.subject != "arrival" or one.status is not Status.OK]
    verdict = attrs.evolve(result.verdict, findings=tuple(others))
    return _with(attrs.evolve(result, verdict=verdict), [arrival], result.alerts)


def _with_refused(systems: Systems, result: CheckResult) -> CheckResult:
    """The result; where the store refused rows of the window's time or later, with how many and why."""
    refused = refused_rows(systems.storage, result.model)
    if refused is None or result.window is None or refused.last_us < result.window.start_us:
        return result
    return _with(result, [Finding(Status.WARN, "refused", refused.sentence)], result.alerts)


def _lacks_outcomes(finding: Finding) -> bool:
    return finding.status is Status.UNKNOWN and finding.subject == "performance"


def looked_at(systems: Systems, result: CheckResult) -> CheckResult:
    """The result of a look, with the rules that hold in it: nothing is kept, nobody is told."""
    return without_consequences(systems, _with_anomalies(systems, result))


def without_consequences(systems: Systems, result: CheckResult) -> CheckResult:
    """The result with what thresholds and rules say of this window alone."""
    at_us = systems.clock.now_us() if result.window is None else result.window.end_us
    health = systems.models.watched(result.model).health
    _, findings = judged(health, result.measurements, {}, at_us)
    held = _rules_that_hold(systems, result.model, result.measurements)
    whole = _with(result, [*findings, *_misnamed(systems, result.model), *held], ())
    return told_with_rules(systems, whole)


def acted_upon(systems: Systems, watched: WatchedModel, result: CheckResult, now_us: int) -> CheckResult:
    """Keep what was measured, let rules act, and put open alerts into the verdict."""
    model = watched.name
    result = _with_anomalies(systems, result)
    keep_measurements(systems.storage, model, result.measurements, now_us)
    changed = systems.alerting.evaluate(model, result.measurements, now_us=now_us)
    open_alerts = systems.alerting.alerts(model=model)
    health = health_findings(systems.storage, model, watched.health, result.measurements, now_us)
    still_open = [finding_of(alert) for alert in open_alerts if is_open(alert)]
    whole = _with(result, [*health, *_misnamed(systems, model), *still_open], changed)
    whole = told_with_rules(systems, whole, open_alerts)
    keep_standing(systems.storage, whole, tuple(watched.metrics), now_us)
    return whole


def _misnamed(systems: Systems, model: str) -> list[Finding]:
    return misnamed(systems.alerting.rules_for(model), systems.config, systems.models.features())


def _with_anomalies(systems: Systems, result: CheckResult) -> CheckResult:
    """The result with what the rules ask by ``anomaly(...)``."""
    questions = systems.alerting.questions(result.model)
    if not questions:
        return result
    found = systems.anomalies.measured(result.model, questions, result.measurements)
    return attrs.evolve(result, measurements=(*result.measurements, *found))


def _evidence(
    storage: Storage, watched: WatchedModel, records: Records, until_us: int | None, now_us: int
) -> Evidence | None:
    if isinstance(watched.alarms, str):
        return None
    if until_us is not None:
        return past_evidence(storage, watched.name, watched.alarms, until_us)
    return counted_evidence(storage, watched.name, watched.alarms, records, until_us=now_us + CLOCKS_DIFFER_US)


def _risk(
    storage: Storage, watched: WatchedModel, records: Records, until_us: int | None, now_us: int
) -> RiskState | None:
    if isinstance(watched.risk, str):
        return None
    outcomes = OutcomeCounting(storage, watched.name, watched.judging, watched.risk, records)
    evidence = outcomes.kept() if until_us is not None else outcomes.counted(now_us)
    return risk_state(watched.risk, evidence, until_us)


def _gathered_since(storage: Storage, watched: WatchedModel, drift: Evidence | None, until_us: int) -> list[str]:
    """The measurements whose evidence knows of blocks that ended later."""
    later = [] if drift is None or drift.through_us <= until_us else [DRIFT_EVIDENCE]
    if isinstance(watched.risk, str):
        return later
    risk = OutcomeCounting(storage, watched.name, watched.judging, watched.risk).kept()
    return later if risk.through_us <= until_us else [*later, RISK_EVIDENCE]


def _with(result: CheckResult, findings: Sequence[Finding], alerts: Sequence[Alert]) -> CheckResult:
    every = (*result.verdict.findings, *findings)
    verdict = Verdict(worst(finding.status for finding in every), every, result.verdict.failures)
    return attrs.evolve(result, verdict=verdict, alerts=tuple(alerts))


def _rules_that_hold(systems: Systems, model: str, measurements: Sequence[Measurement]) -> list[Finding]:
    return [
        Finding(STATUS_OF_SEVERITY[found.rule.severity], found.rule.name, f"the rule holds: {_rule_told(found)}")
        for found in systems.alerting.outcomes(model, measurements)
        if found.is_true
    ]


def _rule_told(found: Outcome) -> str:
    """In the rule's own words, where it has some."""
    return found.sentence if found.rule.summary is None else found.rule.summary(found)


def is_open(alert: Alert) -> bool:
    """Whether the alert has fired and is not resolved."""
    return alert.state in (AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RECOVERING)


def finding_of(alert: Alert) -> Finding:
    """An open alert as a finding: critical is ALERT, warning is WARN, info is told and changes nothing."""
    known = {AlertState.ACKNOWLEDGED: "acknowledged", AlertState.RECOVERING: "recovering"}
    told = known.get(alert.state, f"{alert.severity} alert")
    muted = f" (nobody is told: {alert.muted})" if alert.muted else ""
    return Finding(STATUS_OF_SEVERITY[alert.severity], alert.rule, f"{told}: {alert.summary}{muted}")
