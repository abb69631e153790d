"""The alerting system: measurements in; alerts, and notifications in the outbox, out."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Self

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.notifier import Notifier
from watchkeeper.contracts.storage import LoggedEntry, Storage
from watchkeeper.domain.alert import Alert, AlertState
from watchkeeper.domain.measurement import Measurement

from . import by_hand
from .acting import Hands
from .anomalies.methods import AnomalyOf
from .attempts import Attempt
from .changes import Backgrounds, Change, History, no_background, no_history
from .delivery import Courier
from .grouping import Grouping
from .groups import AlertGroup, grouped
from .kept_alerts import KeptAlerts
from .letters import ALERT_LOG
from .limits import Limit, RateLimits
from .maintenance import MaintenanceWindow
from .measured import Measured
from .muting import Inhibition
from .outbox import Outbox
from .outcome import Outcome, outcomes
from .patience import Patience
from .permission import Permit, anybody
from .reports import DeliveryReport
from .roster import Roster
from .rules import Rule
from .silences import Silences
from .timekeeping import Timekeeper
from .transitions import changes_of_check
from .turns import Turns
from .writing import Writer


def _ignore(_alert: Alert) -> None:
    """Nobody listens."""


class Alerting:
    """Rules over measurements, the alerts that they raise, and the outbox of who is to be told.

    Parameters
    ----------
    storage
        Where alerts, their log and the outbox are kept.
    clock
        For when nobody gives a time.
    rules
        All rules; an open alert whose rule is not among them is resolved at the next check of its model, or by `tend`.
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
    permit
        ``permit(model)`` is asked before somebody changes an alert, a silence or a letter by hand; it raises a
        NotAllowed when they may not.
    models
        Names of the configured models: `tend` ends the alerts of others. None: any model is.
    turns
        By which writers that overtake each other go one after another; None: with chance and pauses of its own.
    """

    def __init__(  # noqa: PLR0913 - two that are needed, and by name what a project may add
        self,
        storage: Storage,
        clock: Clock,
        rules: Iterable[Rule] = (),
        *,
        observer: Callable[[Alert], None] = _ignore,
        history: History = no_history,
        backgrounds: Backgrounds = no_background,
        inhibitions: Sequence[Inhibition] = (),
        grouping: Grouping | None = None,
        windows: Sequence[MaintenanceWindow] = (),
        permit: Permit = anybody,
        models: Collection[str] | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._rules = {rule.name: rule for rule in rules}
        roster = Roster(storage)
        self._kept = KeptAlerts(storage, roster)
        self.outbox = Outbox(storage, permit)
        self.silences = Silences(storage, clock, permit)
        self._writer = Writer(
            storage,
            roster,
            self.outbox,
            self.silences,
            tuple(inhibitions),
            history,
            backgrounds,
            observer,
            turns or Turns(storage, clock),
            grouping,
            windows,
        )
        self._hands = Hands(self._kept, self._writer, self._rules, clock, permit)
        self._timekeeper = Timekeeper(storage, roster, self._writer, self._rules, models)

    def permitted_by(self, permit: Permit) -> Self:
        """The same system for somebody else, whom `permit` is asked about; what is known and sent is shared."""
        other = copy.copy(self)
        other.outbox = Outbox(self._storage, permit)
        other.silences = Silences(self._storage, self._clock, permit)
        other._hands = attrs.evolve(self._hands, permit=permit)  # noqa: SLF001 - the same class
        return other

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
        return self._timekeeper.escalate(self._clock.now_us() if now_us is None else now_us)

    def tend(self, *, now_us: int | None = None) -> tuple[Alert, ...]:
        """Do everything that is due though no check comes; give the alerts that somebody is told about.

        That are steps of escalations; news that a silence, a maintenance window, another alert or the cooldown has
        held back until now; repetitions; and the end of alerts whose rule or model is no longer configured.
        """
        return self._timekeeper.tend(self._clock.now_us() if now_us is None else now_us)

    def overdue(self, grace_us: int = 60_000_000, *, now_us: int | None = None) -> tuple[Alert, ...]:
        """Alerts whose escalation is stuck: its step is late by `grace_us`, or nothing will find it in time."""
        moment = self._clock.now_us() if now_us is None else now_us
        return self._kept.overdue(moment - grace_us, moment)

    def rules_for(self, model: str) -> tuple[Rule, ...]:
        """The rules that watch a model, as configured."""
        return tuple(rule for rule in self._rules.values() if rule.watches(model))

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
        return self._kept.alerts(state, model, limit, after=after)

    def groups(
        self, by: Sequence[str] = ("model",), state: AlertState | None = None, model: str | None = None
    ) -> tuple[AlertGroup, ...]:
        """How many alerts have the same values of these labels, the most severe first; open ones without a state."""
        return grouped(self.alerts(state, model), tuple(by))

    def alert(self, fingerprint: str) -> Alert:
        """One alert; the beginning of its fingerprint is enough when no other begins so."""
        return self._kept.record(fingerprint).alert

    def log(self) -> Iterator[LoggedEntry]:
        """Every entry about alerts, silences and deliveries, oldest first, each checked against the one before."""
        return self._storage.read_log(ALERT_LOG)

    def history(self, fingerprint: str) -> tuple[LoggedEntry, ...]:
        """What the log says about it, oldest first."""
        whole = self.alert(fingerprint).fingerprint
        return tuple(entry for entry in self.log() if entry.body.get("fingerprint") == whole)

    def acknowledge(self, fingerprint: str, by: str, comment: str = "") -> Alert:
        """Somebody takes care of it: it is not told again until it is over."""
        return self._hands.act(fingerprint, by_hand.acknowledged, by, comment)

    def give_back(self, fingerprint: str, by: str, comment: str = "") -> Alert:
        """Nobody takes care of it any more."""
        return self._hands.act(fingerprint, by_hand.given_back, by, comment)

    def comment(self, fingerprint: str, by: str, text: str) -> Alert:
        """Say something about it: it stays with the alert, is in the log, and in what is told from now on."""
        return self._hands.act(fingerprint, by_hand.commented, by, text)

    def resolve(self, fingerprint: str, by: str, comment: str = "") -> Alert:
        """End it; should its condition hold at the next check, it begins anew."""
        return self._hands.act(fingerprint, by_hand.resolved, by, comment)

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
        return changes_of_check(self._rules, self._kept.of_model(model), model, measured, now_us)
