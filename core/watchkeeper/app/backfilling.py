"""History measured window after window, in order: what is known already is left, what has changed is restated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

import attrs

from watchkeeper.config.settings import plain
from watchkeeper.contracts.storage import Durability, Operation
from watchkeeper.data.files import file_digest
from watchkeeper.domain.errors import NothingToCheck
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.verdict import Failure, Status
from watchkeeper.domain.window import Window, iso_time
from watchkeeper.monitor.backfill.cutting import Plan
from watchkeeper.monitor.backfill.kept import MeasuredWindow, measured_windows, to_keep
from watchkeeper.monitor.backfill.stretches import Stretch, stretches
from watchkeeper.monitor.estimation.restating import outcomes_digest
from watchkeeper.monitor.history import to_append
from watchkeeper.monitor.records import PREDICTIONS, Records
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.watched import WatchedModel
from watchkeeper.plugins.boundary import attempt, each_told_once

from .answering import answers
from .assembly import Systems
from .checking import without_consequences
from .replaying import Replay, Tracing

_AT_ONCE: Final = 256
"""Windows whose measurements are committed together."""
_NO_TERMS: Final = frozenset({"every", "health", "false_alarms"})
"""Keys of a model on which measurements do not depend."""


class Novelty(StrEnum):
    """Whether a window of the past was measured before."""

    MEASURED = "measured"
    RESTATED = "restated"
    KNOWN = "known"


@attrs.frozen
class PastWindow:
    """One window of a history, as it was judged."""

    window: Window
    status: Status
    sentence: str
    """The most serious finding."""
    novelty: Novelty
    """``measured`` now for the first time, ``restated`` because rows, outcomes or terms have changed, or ``known``."""


@attrs.frozen
class BackfillProgress:
    """How far it is."""

    since_us: int
    until_us: int
    through_us: int
    windows: int


@each_told_once()
def backfilled(
    systems: Systems, model: str, since_us: int, until_us: int | None, tell: Callable[[BackfillProgress], None]
) -> tuple[PastWindow, ...]:
    """Every complete window from `since_us` on, in order; what is measured is kept, nobody is told.

    Evidence, alerts, health and the standing become what checks at each window's end would have made of them, as far as
    no check has been there before.

    Windows whose rows, outcomes and terms are as they were when they were measured are not measured again, so that
    what was interrupted goes on where it was, and what is run again restates only what has changed.
    """
    plan = _plan(systems, model, since_us, until_us)
    watched = systems.models.watched(model)
    work = _Work(systems, watched, _terms(systems, model, watched), Tracing(systems, watched), Replay(systems, watched))
    found: list[PastWindow] = []
    for stretch in stretches(answers(systems, model), model, watched.recorded, plan):
        for through_us, windows in work.measured(stretch):
            found += windows
            tell(BackfillProgress(plan.begin_us, plan.until_us, through_us, len(found)))
    if not found:
        raise NothingToCheck(
            f"model {model!r} has no complete window of {plan.size} from {iso_time(plan.since_us)} to "
            f"{iso_time(plan.until_us)}; give an earlier --since or a shorter window"
        )
    return tuple(found)


def _plan(systems: Systems, model: str, since_us: int, until_us: int | None) -> Plan:
    config = systems.models.config(model)
    span = systems.storage.span(PREDICTIONS, model)
    if span is None:
        raise NothingToCheck(f"the store has no predictions of model {model!r}; log some first")
    last_us = span[1] + 1 if until_us is None else min(until_us, span[1] + 1)
    if since_us >= last_us or last_us <= span[0]:
        raise NothingToCheck(
            f"model {model!r} has no predictions from {iso_time(since_us)} to "
            f"{iso_time(span[1] + 1 if until_us is None else until_us)}; the store has some from "
            f"{iso_time(span[0])} to {iso_time(span[1])}"
        )
    step: WindowSize = config.every or config.window
    return Plan(config.window, step, max(since_us, span[0]), last_us)


def _terms(systems: Systems, model: str, watched: WatchedModel) -> str:
    config = systems.models.config(model)
    keys = {key: value for key, value in plain(config).items() if key not in _NO_TERMS}
    if config.reference is not None:
        reference = file_digest(systems.config.folder / config.reference)
    else:
        reference = watched.alarms if isinstance(watched.alarms, str) else watched.alarms.digest
    told = json.dumps([keys, reference], default=str, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@attrs.frozen(eq=False)
class _Work:
    systems: Systems
    watched: WatchedModel
    terms: str
    tracing: Tracing
    replay: Replay

    def measured(self, stretch: Stretch) -> Iterator[tuple[int, list[PastWindow]]]:
        """Piece by piece the windows, each piece kept; and up to when they are done."""
        first_us, last_us = int(stretch.cut.end_us[0]), int(stretch.cut.end_us[-1])
        known = measured_windows(self.systems.storage, self.watched.name, first_us, last_us)
        at_once = 1 if self.replay.looks_back else _AT_ONCE
        for begin in range(0, len(stretch.cut), at_once):
            end = min(begin + at_once, len(stretch.cut))
            yield int(stretch.cut.end_us[end - 1]), self._piece(stretch, range(begin, end), known)

    def _piece(
        self, stretch: Stretch, positions: range, known: dict[tuple[int, int], MeasuredWindow]
    ) -> list[PastWindow]:
        self.replay.begin()
        windows: list[PastWindow] = []
        new: list[MeasuredWindow] = []
        measurements: list[Measurement] = []
        for at in positions:
            records = stretch.window(at)
            before = known.get((records.window.start_us, records.window.end_us))
            draft = MeasuredWindow(records.window, self.terms, outcomes_digest(records), Status.UNKNOWN, "")
            if before is not None and draft.is_like(before):
                windows.append(PastWindow(before.window, before.status, before.sentence, Novelty.KNOWN))
                continue
            status, sentence, found = self._judged(records, stretch.rows)
            measurements += found
            new.append(attrs.evolve(draft, status=status, sentence=sentence))
            novelty = Novelty.MEASURED if before is None else Novelty.RESTATED
            windows.append(PastWindow(records.window, status, sentence, novelty))
        self._keep(new, measurements)
        return windows

    def _judged(self, records: Records, rows: Records) -> tuple[Status, str, tuple[Measurement, ...]]:
        checked = attempt("monitor", self.watched.name, lambda: self._checked(records, rows))
        if isinstance(checked, Failure):
            return Status.UNKNOWN, f"{self.watched.name} could not be checked: {checked.error}", ()
        return checked.status, checked.verdict.sentence, checked.measurements

    def _checked(self, records: Records, rows: Records) -> CheckResult:
        """As a check at the end of the window would have found it; `rows` are those of the stretch."""
        drift, risk = self.tracing.by(records, rows)
        end_us = records.window.end_us
        if not self.replay.takes(end_us):
            return without_consequences(self.systems, self.watched.check(records, None, drift, risk))
        return self.replay.acted(self.watched.check(records, end_us, drift, risk), end_us)

    def _keep(self, windows: list[MeasuredWindow], measurements: list[Measurement]) -> None:
        if not windows:
            return
        model, now_us = self.watched.name, self.systems.clock.now_us()
        operations: list[Operation] = [to_keep(model, windows, now_us)]
        if measurements:
            operations.append(to_append(model, measurements, now_us))
        self.systems.storage.commit(operations, Durability.FLUSHED)
        self.tracing.keep()
