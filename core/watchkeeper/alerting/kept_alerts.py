"""The alerts as they are stored: pages of them, one by its fingerprint, those whose escalation is stuck."""

from __future__ import annotations

from typing import Any, Final

from watchkeeper.contracts.storage import Document, Storage
from watchkeeper.domain.alert import Alert, AlertState
from watchkeeper.domain.errors import NotFound
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.plain import alert_of

from .escalation import COURSES
from .letters import SAME_TIME_US
from .record import ALERTS, OPEN, Record, record_of
from .roster import Roster

_MOST_ALIKE: Final = 20
"""Alerts that are looked at when only the beginning of a fingerprint is given."""
_LEAST_ALIKE: Final = 4
"""Letters of a piece; what is much shorter than a fingerprint is like none."""


class KeptAlerts:
    """What the store knows of alerts; reads only."""

    def __init__(self, storage: Storage, roster: Roster) -> None:
        self._storage = storage
        self._roster = roster

    def alerts(
        self, state: AlertState | None, model: str | None, limit: int | None, *, after: Alert | None
    ) -> tuple[Alert, ...]:
        """A page of the alerts, last changed first; those that are open when no state is named."""
        where = _where(state, model)
        if limit is None and after is None and state in {None, *OPEN}:
            return self._roster.alerts(where)
        last = None if after is None else Document(after.fingerprint, {}, 0, {"changed_us": after.changed_us})
        found = self._storage.find(ALERTS, where, ("-changed_us",), last, limit)
        return tuple(alert_of(document.value["alert"]) for document in found)

    def of_model(self, model: str) -> list[Record]:
        """Every alert of a model, open or not."""
        return [record_of(document) for document in self._storage.find(ALERTS, {"model": model})]

    def overdue(self, before_us: int, now_us: int) -> tuple[Alert, ...]:
        """Those whose escalation had a step due before `before_us`, or one that nothing will find in time.

        That is one without its reminder, and one whose wait is to begin in the future, of a clock that was set back.
        """
        reminders = {document.key: document.value["next_us"] for document in self._storage.find(COURSES)}
        firing = (record_of(found) for found in self._storage.find(ALERTS, {"state": AlertState.FIRING.value}))
        return tuple(
            record.alert
            for record in firing
            if record.course is not None
            and record.course.next_us is not None
            and (
                min(reminders.get(record.alert.fingerprint, 0), record.course.next_us) < before_us
                or (record.course.from_us or 0) > now_us + SAME_TIME_US
            )
        )

    def record(self, fingerprint: str) -> Record:
        """One by its fingerprint, or by its beginning when no other begins so; else a NotFound."""
        document = self._storage.get(ALERTS, fingerprint) if fingerprint else None
        if document is not None:
            return record_of(document)
        page = self._storage.find(ALERTS, after=Document(fingerprint, {}, 0), limit=_MOST_ALIKE) if fingerprint else ()
        begins = [found for found in page if found.key.startswith(fingerprint)]
        if len(begins) == 1:
            return record_of(begins[0])
        if begins:
            raise NotFound(f"{fingerprint!r} begins {len(begins)} alerts: give more of it")
        near = did_you_mean(fingerprint, self._alike(fingerprint))
        raise NotFound(f"{fingerprint!r} is no alert's fingerprint{near}")

    def _alike(self, fingerprint: str) -> list[str]:
        """Those that may be meant: of four pieces, with three slips, one is right. O(n), and little each.

        To compare each with the wrong one letter by letter takes a quarter of a second for 10,000.
        """
        size = len(fingerprint) // 4
        if size < _LEAST_ALIKE:
            return []
        pieces = [fingerprint[at : at + size] for at in range(0, 4 * size, size)]
        return [one for one in self._roster.fingerprints() if any(piece in one for piece in pieces)]


def _where(state: AlertState | None, model: str | None) -> dict[str, Any]:
    where: dict[str, Any] = {"is_open": 1} if state is None else {"state": AlertState(state).value}
    return where if model is None else {**where, "model": model}
