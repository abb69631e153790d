"""What becomes due though no check comes: steps of escalations, news that was held back, ends that no check brings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain, islice, repeat
from typing import Final

from watchkeeper.contracts.storage import Delete, Document, Namespace, Scalar, Storage
from watchkeeper.domain.alert import Alert
from watchkeeper.domain.errors import Conflict

from . import notices
from .changes import Change
from .escalation import COURSES
from .letters import SAME_TIME_US
from .record import ALERTS, DUES, NEVER_US, RELEASED, record_of, release
from .roster import Roster
from .rules import Rule
from .setbacks import ahead, waits_anew
from .transitions import no_longer_configured
from .writing import Writer

_FIRST_PAGE: Final = 10
"""Documents that are read to find that nothing is due."""
_PAGE: Final = 200
_TOGETHER: Final = 100
"""Alerts that are looked at in one commit, so that what is told of them can be one message."""
_SWEEP_US: Final = 600_000_000
"""How often to look at what waits for another alert's end: that end says so itself, but for a race that is rare."""
_log = logging.getLogger("watchkeeper.alerting")


class Timekeeper:
    """Does what is due at a time. Safe from many processes: each alert is changed by compare-and-swap.

    What is due is found by its time, so that a look when nothing is costs three queries, however many alerts are open.
    The first look ends what is not configured, and one every ten minutes goes through what waits for another alert, and
    counts waits anew that a clock has set which was ahead; a look whose clock was set back since the last does so, too.

    Parameters
    ----------
    models
        Those that are configured: alerts of others are ended. None: any is.
    """

    def __init__(
        self,
        storage: Storage,
        roster: Roster,
        writer: Writer,
        rules: Mapping[str, Rule],
        models: Collection[str] | None = None,
    ) -> None:
        self._storage = storage
        self._roster = roster
        self._writer = writer
        self._rules = rules
        self._models = None if models is None else frozenset(models)
        self._swept_us: int | None = None
        self._looked_us: int | None = None

    def tend(self, now_us: int) -> tuple[Alert, ...]:
        """All of it; the alerts that somebody is told about."""
        swept: tuple[Alert, ...] = ()
        is_complete = True
        if self._is_sweep_due(now_us):
            is_complete = self._count_anew(now_us)
            swept = self._swept(now_us)
        self._looked_us = now_us if is_complete else None
        return (*swept, *self.escalate(now_us), *self._told(now_us))

    def escalate(self, now_us: int) -> tuple[Alert, ...]:
        """Every step of an escalation that is due; the alerts that somebody is told about."""
        keys = [document.key for document in self._due(COURSES, now_us)]
        return self._looked_at(keys, self._escalations, now_us, together=1)[0]

    def _told(self, now_us: int) -> tuple[Alert, ...]:
        """News that is due without a check: held back until now, cooled down, or to be repeated."""
        # asked for by a value: SQLite finds the soonest of 10,000 by its index then, and sorts them all otherwise
        found = (self._due(DUES, now_us, {"may_be_let_go": early}) for early in (0, 1))
        due = {document.key: document for document in chain.from_iterable(found)}
        released = due.pop(RELEASED, None)
        held = () if released is None else self._storage.find(DUES, {"may_be_let_go": 1})
        keys = dict.fromkeys((*due, *(document.key for document in held)))
        told, is_complete = self._looked_at(keys, self._owed, now_us)
        if released is not None and is_complete:
            with suppress(Conflict):  # something else has ended meanwhile: the next look is about that
                self._storage.commit([Delete(DUES, RELEASED, expect=released.revision)])
        return told

    def _is_sweep_due(self, now_us: int) -> bool:
        if self._swept_us is None or self._looked_us is None or now_us < self._looked_us - SAME_TIME_US:
            return True
        return not 0 <= now_us - self._swept_us < _SWEEP_US

    def _swept(self, now_us: int) -> tuple[Alert, ...]:
        """What no due time tells of: an end of what is no longer configured, and of what held news back."""
        # once: what others open later is configured for them, by a file that is newer than this process
        is_first = self._swept_us is None
        known = self._roster.alerts({"is_open": 1}) if is_first else ()
        gone = [alert.fingerprint for alert in known if not self._is_configured(alert)]
        held = [document.key for document in self._storage.find(DUES, {"next_us": NEVER_US})]
        ended, _ = self._looked_at(dict.fromkeys((*gone, *held)) if is_first else (), self._ends, now_us)
        told, _ = self._looked_at(held, self._owed, now_us)
        self._swept_us = now_us
        return (*ended, *told)

    def _count_anew(self, now_us: int) -> bool:
        """Count from now what is waited for since a time that is still to come; whether all could be looked at."""
        keys = dict.fromkeys(key for namespace in (COURSES, DUES) for key in ahead(self._storage, namespace, now_us))
        if RELEASED in keys:
            del keys[RELEASED]
            self._storage.commit([release(now_us)])
        if keys:
            _log.warning("the clock was set back: the waits of %d alerts count from now", len(keys))
        return self._looked_at(keys, self._anew, now_us)[1]

    def _due(self, namespace: Namespace, now_us: int, where: Mapping[str, Scalar] | None = None) -> Iterator[Document]:
        """What its time has come for, soonest first, read page by page."""
        after: Document | None = None
        for limit in chain((_FIRST_PAGE,), repeat(_PAGE)):
            page = self._storage.find(namespace, where, ("next_us",), after, limit)
            for document in page:
                if document.value["next_us"] > now_us:
                    return
                yield document
            if len(page) < limit:
                return
            after = page[-1]

    def _looked_at(
        self,
        keys: Iterable[str],
        changes: Callable[[Sequence[str], int], list[Change]],
        now_us: int,
        *,
        together: int = _TOGETHER,
    ) -> tuple[tuple[Alert, ...], bool]:
        """The alerts that somebody is told about, and whether all could be looked at."""
        told: list[Alert] = []
        is_complete = True
        rest = iter(keys)
        while some := tuple(islice(rest, together)):
            try:
                found = self._writer.commit(partial(changes, some, now_us), now_us)
            except Conflict as error:  # others write the same ones all the time: the next look finds them again
                _log.warning("%d alerts wait for the next look: %s", len(some), error)
                is_complete = False
            else:
                told += [one.alert for one in found if one.letters and one.alert is not None]
        return tuple(told), is_complete

    def _escalations(self, keys: Sequence[str], now_us: int) -> list[Change]:
        """The step of each alert's escalation, if it is still to be taken."""
        found = []
        for document in self._documents(keys):
            before = record_of(document)
            record, occasion = notices.escalated(before, now_us)
            found.append(Change(before, record, self._rules.get(before.alert.rule), occasion=occasion))
        return found

    def _anew(self, keys: Sequence[str], now_us: int) -> list[Change]:
        """Each alert with its waits as they count from now."""
        records = [record_of(document) for document in self._documents(keys)]
        return [Change(record, waits_anew(record, now_us), self._rules.get(record.alert.rule)) for record in records]

    def _owed(self, keys: Sequence[str], now_us: int) -> list[Change]:
        """Each alert as it is, for what is owed of it now; one whose rule is not here is for others."""
        records = [record_of(document) for document in self._documents(keys)]
        return [
            Change(record, waits_anew(record, now_us), self._rules[record.alert.rule])
            for record in records
            if self._is_configured(record.alert)
        ]

    def _ends(self, keys: Sequence[str], now_us: int) -> list[Change]:
        """The end of each alert that is open, or in a lull, and no longer configured."""
        records = [record_of(document) for document in self._documents(keys)]
        is_model = [self._models is None or record.alert.model in self._models for record in records]
        return [
            no_longer_configured(record, now_us, "rule" if known else "model")
            for record, known in zip(records, is_model, strict=True)
            if (record.is_open or record.recent.is_flapping) and not self._is_configured(record.alert)
        ]

    def _documents(self, keys: Iterable[str]) -> Iterator[Document]:
        found = (self._storage.get(ALERTS, key) for key in keys)
        return (document for document in found if document is not None)

    def _is_configured(self, alert: Alert) -> bool:
        rule = self._rules.get(alert.rule)
        is_model = self._models is None or alert.model in self._models
        return is_model and rule is not None and rule.watches(alert.model)
