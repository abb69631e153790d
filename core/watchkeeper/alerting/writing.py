"""Writes changes of alerts: all of them in one commit, asked for again, alone, when somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import Durability, Operation, Storage
from watchkeeper.domain.alert import Alert
from watchkeeper.domain.errors import Conflict, Contended
from watchkeeper.domain.measurement import Measurement

from .changes import Backgrounds, Change, Circumstances, History
from .grouping import Grouping, bundled
from .maintenance import MaintenanceWindow
from .muting import Inhibition, Muting, has_ended, has_targets, possible_sources
from .outbox import Outbox
from .record import release
from .roster import Roster
from .silences import Silences
from .turns import Turns
from .written import Written, written

_ATTEMPTS: Final = 100
"""In a turn of its own, in which everybody else waits."""


@attrs.frozen(eq=False)
class Writer:
    """The one way by which alerts are changed."""

    storage: Storage
    roster: Roster
    outbox: Outbox
    silences: Silences
    inhibitions: Sequence[Inhibition]
    history: History
    backgrounds: Backgrounds
    observer: Callable[[Alert], None]
    turns: Turns
    grouping: Grouping | None = None
    windows: Sequence[MaintenanceWindow] = ()

    def commit(
        self, changes: Callable[[], Sequence[Change]], now_us: int, measurements: Sequence[Measurement] = ()
    ) -> list[Written]:
        """Store what `changes` gives, then tell the observer; what had to be written and what came of it.

        Parameters
        ----------
        measurements
            Everything that was measured, when a check led to it.
        """
        self.turns.wait()
        found = self._tried(changes, now_us, measurements)
        if found is None:
            found = self._in_turn(changes, now_us, measurements)
        for one in found:
            if one.change.is_transition and one.alert is not None:
                self.observer(one.alert)
        return found

    def _in_turn(
        self, changes: Callable[[], Sequence[Change]], now_us: int, measurements: Sequence[Measurement]
    ) -> list[Written]:
        """What came of it while others wait: only who had begun before, or sends letters, can still be faster."""
        with self.turns.taken() as prolong:
            for _ in range(_ATTEMPTS):
                prolong()
                found = self._tried(changes, now_us, measurements)
                if found is not None:
                    return found
        raise Contended(
            f"alerts were changed by others {_ATTEMPTS} times in a row, so nothing was changed; try again in a moment"
        )

    def _tried(
        self, changes: Callable[[], Sequence[Change]], now_us: int, measurements: Sequence[Measurement]
    ) -> list[Written] | None:
        """What came of one attempt; None when somebody else was faster."""
        wanted = changes()
        given = Circumstances(now_us, self.history, self._muting(wanted, now_us), self.backgrounds, measurements)
        found = [written(change, given) for change in wanted]
        return found if self._stored(found, now_us) else None

    def _stored(self, found: Sequence[Written], now_us: int) -> bool:
        """Whether it is in the store now; False when it was decided upon what has changed since."""
        letters = [letter for one in found for letter in one.letters]
        keys: dict[str, str] = {}
        sending: list[Operation] = [letter.put() for letter in letters]
        if self.grouping is not None:
            sending, keys = bundled(letters, self.grouping, self.storage, now_us)
        operations = [operation for one in found for operation in one.with_keys(keys).operations(now_us)] + sending
        if not operations:
            return True
        if any(self._lets_go(one.change) for one in found):
            operations.append(release(now_us))
        is_news = any(one.event is not None or one.change.said is not None for one in found)
        try:
            self.storage.commit(operations, Durability.SYNCED if is_news else Durability.FLUSHED)
        except Conflict:
            return False
        if letters:
            self.outbox.wake()
        return True

    def _lets_go(self, change: Change) -> bool:
        """Whether news about other alerts may have been held back by it and is not any more."""
        return (
            change.is_transition
            and change.before is not None
            and (has_ended(self.inhibitions, change.before.alert, change.after.alert if change.after else None))
        )

    def _muting(self, changes: Sequence[Change], now_us: int) -> Muting:
        """What holds back news: silences, windows, and alerts that explain others, as they are after these changes."""
        silences = self.silences.active(now_us)
        windows = [(one, until_us) for one in self.windows if (until_us := one.until_us(now_us)) is not None]
        told = [change.after.alert for change in changes if change.after is not None]
        if not has_targets(self.inhibitions, told):
            return Muting(silences, windows)
        alerts = {alert.fingerprint: alert for alert in self.roster.alerts({"is_open": 1})}
        alerts |= {alert.fingerprint: alert for alert in told}
        return Muting(silences, windows, self.inhibitions, possible_sources(self.inhibitions, alerts.values()))
