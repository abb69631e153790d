"""The alerting system: measurements in; alerts, and notifications in the outbox, out."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from watchkeeper.clock import Clock
from watchkeeper.contracts.notifier import Notifier
from watchkeeper.contracts.storage import Document, LoggedEntry, Storage
from watchkeeper.domain.alert import Alert, AlertState, Background
from watchkeeper.domain.errors import NotFound
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.plain import alert_of

from . import life
from .anomalies.methods import AnomalyOf
from .changes import Backgrounds, Change, History
from .delivery import Attempt, Courier, DeliveryReport, Patience
from .escalation import COURSES
from .grouping import Grouping
from .groups import AlertGroup, grouped
from .limits import Limit, RateLimits
from .maintenance import MaintenanceWindow
from .measured import Measured
from .muting import Inhibition
from .outbox import ALERT_LOG, Outbox
from .outcome import Outcome, outcomes, vanished
from .record import ALERTS, OPEN, Record, record_of
from .roster import Roster
from .rules import Rule
from .silences import Silences
from .writing import Writer

RULE_GONE: Final = "watchkeeper"
"""Who resolves an alert whose rule is no longer there."""
_MOST_ALIKE: Final = 20
"""Alerts that are looked at when only the beginning of a fingerprint is given."""


def _ignore(_alert: Alert) -> None:
    """Nobody listens."""


def _no_history(_measurement: Measurement) -> tuple[tuple[int, float], ...]:
    """Nothing is known of earlier times."""
    return ()


def _no_background(_alert: Alert, _measurements: Sequence[Measurement]) -> Background:
    """Nothing is known of the model."""
    return Background()


class Alerting:
    """Rules over measurements, the alerts that they raise, and the outbox of who is to be told.

    Parameters
    ----------
    storage
        Where alerts, their log and the outbox are kept.
    clock
        For when nobody gives a time.
    rules
        All rules; an open alert whose rule is not among them is resolved at the next check of its model.
    observer
        Called with each changed alert after the commit (`watchkeeper_alert_changed`); what it raises is the caller's.
    history
        ``history(measurement)`` gives earlier (UTC microseconds, number) pairs of the same name and labels, oldest
        first, for the chart in a notification; asked only when somebody is told.
    backgrounds
        ``backgrounds(alert, measurements)`` gives what is known of the alert's model, `measurements` being everything
        that the check measured; asked only when somebody is told.
    inhibitions
        Which alerts explain others, about which nobody is told meanwhile.
    grouping
        Which alerts are told in one message; None: each in its own.
    windows
        Maintenance windows, in which nobody is told about certain alerts.
    """

    def __init__(  # noqa: PLR0913 - two that are needed, and by name what a project may add
        self,
        storage: Storage,
        clock: Clock,
        rules: Iterable[Rule] = (),
        *,
        observer: Callable[[Alert], None] = _ignore,
        history: History = _no_history,
        backgrounds: Backgrounds = _no_background,
        inhibitions: Sequence[Inhibition] = (),
        grouping: Grouping | None = None,
        windows: Sequence[MaintenanceWindow] = (),
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._rules = {rule.name: rule for rule in rules}
        self._roster = Roster(storage)
        self.outbox = Outbox(storage)
        self.silences = Silences(storage, clock)
        self._writer = Writer(
            storage,
            self._roster,
            self.outbox,
            self.silences,
            tuple(inhibitions),
            history,
            backgrounds,
            observer,
            grouping,
            windows,
        )

    def evaluate(
        self, model: str, measurements: Sequence[Measurement], *, now_us: int | None = None
    ) -> tuple[Alert, ...]:
        """Ask every rule about one check's measurements of one model; give the alerts whose state has changed.

        One commit holds all of it: each alert by compare-and-swap, an entry in the log ``alerts`` for each transition,
        a letter in the outbox for each receiver. When another process was faster, everything is asked again.
        """
        measured = Measured(measurements)
        moment = self._clock.now_us() if now_us is None else now_us
        found = self._writer.commit(lambda: self._changes(model, measured, moment), moment, measurements)
        return tuple(one.alert for one in found if one.change.is_transition and one.alert is not None)

    def escalate(self, *, now_us: int | None = None) -> tuple[Alert, ...]:
        """Take every step of an escalation that is due; give the alerts that somebody is told about."""
        moment = self._clock.now_us() if now_us is None else now_us
        told: list[Alert] = []
        for document in self._storage.find(COURSES, order=("next_us",)):
            if document.value["next_us"] > moment:
                break
            found = self._writer.commit(partial(self._escalations, document.key, moment), moment)
            told += [one.alert for one in found if one.letters and one.alert is not None]
        return tuple(told)

    def overdue(self, grace_us: int = 60_000_000, *, now_us: int | None = None) -> tuple[Alert, ...]:
        """Alerts whose escalation is stuck: its step is due for longer than `grace_us`, or nothing will find it."""
        moment = self._clock.now_us() if now_us is None else now_us
        reminders = {document.key: document.value["next_us"] for document in self._storage.find(COURSES)}
        firing = (record_of(found) for found in self._storage.find(ALERTS, {"state": AlertState.FIRING.value}))
        return tuple(
            record.alert
            for record in firing
            if record.course is not None
            and record.course.next_us is not None
            and min(reminders.get(record.alert.fingerprint, 0), record.course.next_us) < moment - grace_us
        )

    def questions(self, model: str) -> tuple[AnomalyOf, ...]:
        """What must be measured for the rules of a model beside what each check measures, each once."""
        conditions = (
            condition
            for rule in self._rules.values()
            if rule.watches(model)
            for condition in (rule.condition, rule.recover)
            if condition is not None
        )
        return tuple(dict.fromkeys(asked for condition in conditions for asked in condition.anomalies))

    def outcomes(self, model: str, measurements: Sequence[Measurement]) -> tuple[Outcome, ...]:
        """What each rule finds, and nothing is stored: for trying rules out and for verdicts."""
        measured = Measured(measurements)
        return tuple(
            found for rule in self._rules.values() if rule.watches(model) for found in outcomes(rule, model, measured)
        )

    def alerts(
        self,
        state: AlertState | None = None,
        model: str | None = None,
        limit: int | None = None,
        *,
        after: Alert | None = None,
    ) -> tuple[Alert, ...]:
        """The alerts, last changed first; those that are open when no state is named.

        Parameters
        ----------
        limit
            At most so many: a page.
        after
            The last alert of the page before.
        """
        where = _where(state, model)
        if limit is None and after is None and state in {None, *OPEN}:
            return self._roster.alerts(where)
        last = None if after is None else Document(after.fingerprint, {}, 0, {"changed_us": after.changed_us})
        found = self._storage.find(ALERTS, where, ("-changed_us",), last, limit)
        return tuple(alert_of(document.value["alert"]) for document in found)

    def groups(
        self, by: Sequence[str] = ("model",), state: AlertState | None = None, model: str | None = None
    ) -> tuple[AlertGroup, ...]:
        """How many alerts have the same values of these labels, the most severe first; open ones without a state."""
        return grouped(self.alerts(state, model), tuple(by))

    def alert(self, fingerprint: str) -> Alert:
        """One alert; the beginning of its fingerprint is enough when no other begins so."""
        return self._record(fingerprint).alert

    def log(self) -> Iterator[LoggedEntry]:
        """Every entry about alerts, silences and deliveries, oldest first, each checked against the one before."""
        return self._storage.read_log(ALERT_LOG)

    def history(self, fingerprint: str) -> tuple[LoggedEntry, ...]:
        """What the log says about it, oldest first."""
        whole = self._record(fingerprint).alert.fingerprint
        return tuple(entry for entry in self.log() if entry.body.get("fingerprint") == whole)

    def acknowledge(self, fingerprint: str, by: str, comment: str = "") -> Alert:
        """Somebody takes care of it: it is not told again until it is over."""
        return self._by_hand(fingerprint, life.acknowledged, by, comment)

    def give_back(self, fingerprint: str, by: str, comment: str = "") -> Alert:
        """Nobody takes care of it any more."""
        return self._by_hand(fingerprint, life.given_back, by, comment)

    def comment(self, fingerprint: str, by: str, text: str) -> Alert:
        """Say something about it: it stays with the alert, is in the log, and in what is told from now on."""
        return self._by_hand(fingerprint, life.commented, by, text)

    def resolve(self, fingerprint: str, by: str, comment: str = "") -> Alert:
        """End it; should its condition hold at the next check, it begins anew."""
        return self._by_hand(fingerprint, life.resolved, by, comment)

    def courier(
        self,
        notifiers: Mapping[str, Notifier],
        attempt: Attempt,
        *,
        rng: random.Random,
        patience: Patience | None = None,
        fallback: str | None = None,
        limits: Mapping[str, Limit] | None = None,
    ) -> Courier:
        """What delivers this system's outbox through `notifiers`; for `Sender`, or for one pass with ``deliver()``."""
        return Courier(
            self.outbox,
            notifiers,
            attempt,
            self._clock,
            rng,
            patience=patience or Patience(),
            fallback=fallback,
            limits=RateLimits(self._storage, limits) if limits else None,
        )

    def deliver(
        self, notifiers: Mapping[str, Notifier], attempt: Attempt, *, rng: random.Random | None = None
    ) -> DeliveryReport:
        """One pass over everything that is due."""
        return self.courier(notifiers, attempt, rng=rng or random.Random()).deliver()  # noqa: S311 - spreads retries

    def _changes(self, model: str, measured: Measured, now_us: int) -> list[Change]:
        records = [record_of(document) for document in self._storage.find(ALERTS, {"model": model})]
        by_fingerprint = {record.alert.fingerprint: record for record in records}
        firing_rows = {
            fingerprint: frozenset(record.rows) for fingerprint, record in by_fingerprint.items() if record.is_open
        }
        changes = []
        for rule in self._rules.values():
            if not rule.watches(model):
                continue
            for outcome in outcomes(rule, model, measured, firing_rows):
                before = by_fingerprint.pop(outcome.fingerprint, None)
                changes.append(Change(before, life.after(before, outcome, now_us), rule, outcome))
        unseen = (record for record in by_fingerprint.values() if record.is_open)
        return changes + [self._unseen(record, now_us) for record in unseen]

    def _unseen(self, record: Record, now_us: int) -> Change:
        """An open alert that no outcome is about: its rule is gone, or what it was about is not measured now."""
        rule = self._rules.get(record.alert.rule)
        if rule is None or not rule.watches(record.alert.model):
            ended = life.resolved(record, RULE_GONE, "its rule is no longer there", now_us)
            return Change(record, ended)
        outcome = vanished(rule, record.alert.model, record.identity)
        return Change(record, life.after(record, outcome, now_us), rule, outcome)

    def _escalations(self, fingerprint: str, now_us: int) -> list[Change]:
        """The step of one alert's escalation, if it is still to be taken."""
        document = self._storage.get(ALERTS, fingerprint)
        if document is None:
            return []
        before = record_of(document)
        record, occasion = life.escalated(before, now_us)
        return [Change(before, record, self._rules.get(before.alert.rule), occasion=occasion)]

    def _by_hand(
        self, fingerprint: str, act: Callable[[Record, str, str, int], Record], by: str, comment: str
    ) -> Alert:
        now_us = self._clock.now_us()

        def changes() -> list[Change]:
            before = self._record(fingerprint)
            after = act(before, by, comment, now_us)
            said = after.alert.notes[-1] if after.alert.notes != before.alert.notes else None
            rule = self._rules.get(before.alert.rule)
            return [Change(before, after, rule, occasion=life.taken_over(before, after, rule), said=said)]

        self._writer.commit(changes, now_us)
        return self._record(fingerprint).alert

    def _record(self, fingerprint: str) -> Record:
        document = self._storage.get(ALERTS, fingerprint) if fingerprint else None
        if document is not None:
            return record_of(document)
        page = self._storage.find(ALERTS, after=Document(fingerprint, {}, 0), limit=_MOST_ALIKE) if fingerprint else ()
        begins = [found for found in page if found.key.startswith(fingerprint)]
        if len(begins) == 1:
            return record_of(begins[0])
        if begins:
            raise NotFound(f"{fingerprint!r} begins {len(begins)} alerts: give more of it")
        near = did_you_mean(fingerprint, self._roster.fingerprints())
        raise NotFound(f"{fingerprint!r} is no alert's fingerprint{near}")


def _where(state: AlertState | None, model: str | None) -> dict[str, Any]:
    where: dict[str, Any] = {"is_open": 1} if state is None else {"state": AlertState(state).value}
    return where if model is None else {**where, "model": model}
