"""The open alerts of a store, kept in memory: what has not changed since the last look is not read again."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from watchkeeper.contracts.storage import Document, Outline, Outlines, Storage
from watchkeeper.domain.alert import Alert
from watchkeeper.domain.plain import alert_of

from .record import ALERTS

_ORDER: Final = ("-changed_us",)
_READ_SINGLY: Final = 200
"""Changed alerts up to which each is read by itself; of more, all are read at once."""


class Roster:
    """Lists open alerts, last changed first. Safe from several threads.

    A store that cannot tell outlines of its documents is read anew each time. Otherwise a look costs one outline for
    each open alert, and the reading of those that have changed.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: dict[str, tuple[Outline, Alert]] = {}
        """By fingerprint: the outline by which it is known to be as it was, and the alert."""
        self._lock = threading.Lock()

    def alerts(self, where: Mapping[str, Any]) -> tuple[Alert, ...]:
        """Alerts whose index fields equal `where`, which must leave only open ones."""
        if not isinstance(self._storage, Outlines):
            return tuple(_alert(document) for document in self._storage.find(ALERTS, where, _ORDER))
        outlines = self._storage.outlines(ALERTS, where, _ORDER)
        with self._lock:
            known = self._known
            new = [one for one in outlines if known.get(one[0], _UNKNOWN)[0] != one]
            if len(new) > _READ_SINGLY:
                return self._all_read(where)
            gone = {one.key for one in new if not self._is_read(one.key, where)}
            there = [one for one in outlines if one.key not in gone] if gone else outlines
            listed = [known[one[0]][1] for one in there]
            if where == _ALL_OPEN:
                self._forget_all_but(outlines)
        return tuple(listed)

    def fingerprints(self) -> list[str]:
        """Of every alert that is kept, open or not."""
        if isinstance(self._storage, Outlines):
            return [one.key for one in self._storage.outlines(ALERTS)]
        return [document.key for document in self._storage.find(ALERTS)]

    def _is_read(self, key: str, where: Mapping[str, Any]) -> bool:
        """Whether it is still one of those: it may have been resolved or removed since its outline was read."""
        document = self._storage.get(ALERTS, key)
        if document is None:
            return False
        self._keep(document, _alert(document))
        return all(document.index.get(field) == value for field, value in where.items())

    def _all_read(self, where: Mapping[str, Any]) -> tuple[Alert, ...]:
        listed = []
        for document in self._storage.find(ALERTS, where, _ORDER):
            alert = _alert(document)
            self._keep(document, alert)
            listed.append(alert)
        return tuple(listed)

    def _keep(self, document: Document, alert: Alert) -> None:
        index = tuple(document.index.get(field) for field in ALERTS.index)
        self._known[document.key] = (Outline(document.key, document.revision, index), alert)

    def _forget_all_but(self, outlines: Sequence[Outline]) -> None:
        if len(self._known) > len(outlines):
            there = {one.key for one in outlines}
            for key in self._known.keys() - there:
                del self._known[key]


_ALL_OPEN: Final = {"is_open": 1}
_UNKNOWN: Final = (None, None)


def _alert(document: Document) -> Alert:
    return alert_of(document.value["alert"])
