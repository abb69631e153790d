"""Silences: for a while nobody is told about certain alerts; who wanted that, and why, is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Document, LogEntry, Namespace, Put, Storage
from watchkeeper.domain.alert import Alert
from watchkeeper.domain.errors import NotFound, UsageError, WrongState
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.window import iso_time

from .letters import ALERT_LOG
from .matching import Matcher, fits_all
from .permission import Permit, anybody, model_of
from .record import release

SILENCES: Final = Namespace("silences", ("ends_us",))
_PAGE: Final = 100


class SilenceState(StrEnum):
    """Where a silence stands."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@attrs.frozen
class Silence:
    """Alerts that fit all matchers are not told from `starts_us` to `ends_us`; they still fire and are listed."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_us: int
    ends_us: int
    by: str
    comment: str
    created_us: int
    revision: int = 0

    def state(self, now_us: int) -> SilenceState:
        """Where it stands at that time."""
        if now_us < self.starts_us:
            return SilenceState.PENDING
        return SilenceState.ACTIVE if now_us < self.ends_us else SilenceState.EXPIRED

    def covers(self, alert: Alert) -> bool:
        """Whether it is about that alert."""
        return fits_all(self.matchers, alert)

    def put(self) -> Put:
        """The write, expecting that nobody has written since."""
        plain = {
            "matchers": [str(matcher) for matcher in self.matchers],
            "starts_us": self.starts_us,
            "ends_us": self.ends_us,
            "by": self.by,
            "comment": self.comment,
            "created_us": self.created_us,
        }
        return Put(SILENCES, self.id, plain, {"ends_us": self.ends_us}, expect=self.revision)


class Silences:
    """Adds, ends and lists silences. They are never removed: an ended one is history.

    Parameters
    ----------
    permit
        Asked before one is added or ended: with the model that it names, or else for all of them.
    """

    def __init__(self, storage: Storage, clock: Clock, permit: Permit = anybody) -> None:
        self._storage = storage
        self._clock = clock
        self._permit = permit

    def add(
        self, matchers: Iterable[Matcher], ends_us: int, *, by: str, comment: str, starts_us: int | None = None
    ) -> Silence:
        """Silence what fits all of the matchers, from now on when no start is given."""
        now_us = self._clock.now_us()
        wanted = tuple(matchers)
        start_us = now_us if starts_us is None else starts_us
        if not wanted:
            raise UsageError(
                "a silence needs at least one matcher, such as model=momentum: without any it means everything"
            )
        self._permit(model_of(wanted))
        if not by.strip() or not comment.strip():
            raise UsageError("a silence needs who wants it and why: give a name and a comment")
        if ends_us <= max(start_us, now_us):
            raise UsageError(
                f"a silence ends after its start and after now, found from {iso_time(start_us)} to {iso_time(ends_us)}"
            )
        silence = Silence("", wanted, start_us, ends_us, by, comment, now_us)
        named = attrs.evolve(silence, id=hashlib.sha256(repr(silence).encode()).hexdigest()[:12])
        if self._storage.get(SILENCES, named.id) is None:
            self._storage.commit([named.put(), _entry("silenced", named, by, now_us)])
        return self.get(named.id)

    def end(self, silence_id: str, by: str) -> Silence:
        """End it now; one that has not begun never will."""
        silence = self.get(silence_id)
        self._permit(model_of(silence.matchers))
        now_us = self._clock.now_us()
        if silence.state(now_us) is SilenceState.EXPIRED:
            raise WrongState(f"silence {silence.id} ended at {iso_time(silence.ends_us)}; nothing to end")
        over = attrs.evolve(silence, starts_us=min(silence.starts_us, now_us), ends_us=now_us)
        self._storage.commit([over.put(), release(now_us), _entry("silence ended", over, by, now_us)])
        return self.get(silence.id)

    def get(self, silence_id: str) -> Silence:
        """One of them."""
        document = self._storage.get(SILENCES, silence_id) if silence_id else None
        if document is None:
            known = [found.key for found in self._storage.find(SILENCES)]
            raise NotFound(f"there is no silence {silence_id!r}{did_you_mean(silence_id, known)}")
        return _silence_of(document)

    def listed(self, state: SilenceState | None = None) -> tuple[Silence, ...]:
        """Those in that state, or all that are not over; the last to end first."""
        now_us = self._clock.now_us()
        if state is SilenceState.EXPIRED:
            every = (_silence_of(found) for found in self._storage.find(SILENCES, order=("-ends_us",)))
            return tuple(silence for silence in every if silence.state(now_us) is state)
        return tuple(silence for silence in self._unended(now_us) if state in {None, silence.state(now_us)})

    def active(self, now_us: int) -> Sequence[Silence]:
        """Those that hold at that time."""
        return [silence for silence in self._unended(now_us) if silence.state(now_us) is SilenceState.ACTIVE]

    def _unended(self, now_us: int) -> Iterator[Silence]:
        """Read from the end, page by page, so that old ones cost nothing."""
        after: Document | None = None
        while True:
            page = self._storage.find(SILENCES, order=("-ends_us",), after=after, limit=_PAGE)
            for document in page:
                if document.value["ends_us"] <= now_us:
                    return
                yield _silence_of(document)
            if len(page) < _PAGE:
                return
            after = page[-1]


def _silence_of(document: Document) -> Silence:
    plain = document.value
    return Silence(
        id=document.key,
        matchers=tuple(Matcher.parse(text) for text in plain["matchers"]),
        starts_us=plain["starts_us"],
        ends_us=plain["ends_us"],
        by=plain["by"],
        comment=plain["comment"],
        created_us=plain["created_us"],
        revision=document.revision,
    )


def _entry(event: str, silence: Silence, by: str, now_us: int) -> LogEntry:
    body = {
        "event": event,
        "silence": silence.id,
        "matchers": [str(matcher) for matcher in silence.matchers],
        "starts_us": silence.starts_us,
        "ends_us": silence.ends_us,
        "by": by,
        "comment": silence.comment,
        "at_us": now_us,
    }
    return LogEntry(ALERT_LOG, body)
