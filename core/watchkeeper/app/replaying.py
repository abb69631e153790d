"""The past lived through again: evidence, alerts and health as checks at the time would have left them, in silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from watchkeeper.alerting.maintenance import MaintenanceWindow
from watchkeeper.alerting.matching import Matcher
from watchkeeper.alerting.system import Alerting
from watchkeeper.domain.verdict import Finding, Verdict, worst
from watchkeeper.monitor.alarms.counting import evidence_through, keep_evidence, kept_evidence
from watchkeeper.monitor.alarms.evidence import Evidence
from watchkeeper.monitor.alarms.outcomes import OutcomeCounting
from watchkeeper.monitor.alarms.performance import RiskState, risk_state
from watchkeeper.monitor.alarms.risk import RiskEvidence
from watchkeeper.monitor.health import health_findings
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.standing import checked_until_us, keep_standing
from watchkeeper.monitor.watched import WatchedModel

from .answering import answers
from .assembly import Systems
from .checking import finding_of, is_open

_WEEK_US: Final = 7 * 86_400_000_000


class Tracing:
    """The evidence of alarms as it was at the end of each window; windows come in order."""

    def __init__(self, systems: Systems, watched: WatchedModel) -> None:
        self._storage = answers(systems, watched.name)
        self._watched = watched
        self._drift: Evidence | None = None
        self._risk: RiskEvidence | None = None

    def by(self, records: Records, rows: Records) -> tuple[Evidence | None, RiskState | None]:
        """What a check told when the window's last row had come; `rows` are at hand, the window's among them."""
        last_us = records.window.end_us - 1 if records.time is None else int(records.time[-1])
        return self._drift_by(last_us, rows), self._risk_by(records.window.end_us, rows)

    def keep(self) -> None:
        """Keep it for the checks that follow, if it is further than what they have."""
        watched = self._watched
        if self._drift is not None and not isinstance(watched.alarms, str):
            keep_evidence(self._storage, watched.name, watched.alarms, self._drift)
        if self._risk is not None and not isinstance(watched.risk, str):
            OutcomeCounting(self._storage, watched.name, watched.judging, watched.risk).keep(self._risk)

    def _drift_by(self, last_us: int, rows: Records) -> Evidence | None:
        alarms, model = self._watched.alarms, self._watched.name
        if isinstance(alarms, str):
            return None
        if self._drift is None:
            kept = kept_evidence(self._storage, model, alarms)
            # what is kept may know of later blocks: then all are counted once more, in memory
            self._drift = kept if kept.through_us <= last_us else alarms.fresh
        self._drift = evidence_through(self._storage, model, alarms, self._drift, until_us=last_us, at_hand=rows)
        return self._drift

    def _risk_by(self, end_us: int, rows: Records) -> RiskState | None:
        watched = self._watched
        if isinstance(watched.risk, str):
            return None
        counting = OutcomeCounting(self._storage, watched.name, watched.judging, watched.risk, rows)
        if self._risk is None:
            kept = counting.kept()
            self._risk = kept if kept.through_us <= end_us else watched.risk.fresh(0)
        self._risk = counting.counted_by(self._risk, end_us)
        return risk_state(watched.risk, self._risk)


@attrs.frozen
class _Backfill(MaintenanceWindow):
    """Holds back all news, for longer than the next check takes to come."""

    ends_us: int = attrs.field(kw_only=True)

    def until_us(self, now_us: int) -> int:  # noqa: ARG002 - whatever time is replayed
        """A week from the backfill on."""
        return self.ends_us


class Replay:
    """Rules, health and standing for windows after the last one that was checked; nobody is told."""

    def __init__(self, systems: Systems, watched: WatchedModel) -> None:
        self._systems = systems
        self._watched = watched
        rules = systems.alerting.rules_for(watched.name)
        ends_us = systems.clock.now_us() + _WEEK_US
        matchers = (Matcher("model", "*"),)
        silence = _Backfill("of the backfill", "0 0 * * *", _WEEK_US, matchers, ends_us=ends_us)
        self._alerting = Alerting(systems.storage, systems.clock, rules, windows=(silence,))
        self._done_us = checked_until_us(systems.storage, watched.name)
        self._is_overtaken = False

    @property
    def looks_back(self) -> bool:
        """Whether a rule asks for what was measured before, so that each window must be stored before the next."""
        return bool(self._alerting.questions(self._watched.name))

    def begin(self) -> None:
        """See whether a check has come meanwhile: then alerts are its own affair."""
        if checked_until_us(self._systems.storage, self._watched.name) > self._done_us:
            self._is_overtaken = True

    def takes(self, end_us: int) -> bool:
        """Whether a window that ends then is after all that were checked."""
        return end_us > self._done_us and not self._is_overtaken

    def acted(self, result: CheckResult, end_us: int) -> CheckResult:
        """The result as it would have been kept, with the alerts that were open then."""
        systems, watched = self._systems, self._watched
        questions = self._alerting.questions(watched.name)
        if questions:
            found = systems.anomalies.measured(watched.name, questions, result.measurements)
            result = attrs.evolve(result, measurements=(*result.measurements, *found))
        self._alerting.evaluate(watched.name, result.measurements, now_us=end_us)
        alerts = [alert for alert in self._alerting.alerts(model=watched.name) if is_open(alert)]
        health = health_findings(systems.storage, watched.name, watched.health, result.measurements, end_us)
        whole = _with(result, [*health, *map(finding_of, alerts)])
        keep_standing(systems.storage, whole, tuple(watched.metrics), end_us)
        self._done_us = end_us
        return whole


def _with(result: CheckResult, findings: Sequence[Finding]) -> CheckResult:
    every = (*result.verdict.findings, *findings)
    verdict = Verdict(worst(finding.status for finding in every), every, result.verdict.failures)
    return attrs.evolve(result, verdict=verdict)
