"""What has times of a clock that has been set back since: letters and alerts would wait until it is as late again."""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.contracts.storage import Document, Namespace, Storage

from .letters import BEHIND_CRITICAL, OUTBOX, SAME_TIME_US, Letter, Status
from .record import NEVER_US, Record

_MOST: Final = 500


def latest(storage: Storage) -> list[Document]:
    """The letters that are due last, critical ones and others: what a clock has left behind is among them."""
    where = {"status": Status.WAITING.value}
    others = storage.find(OUTBOX, where, ("-next_us",), limit=_MOST)
    critical = storage.find(OUTBOX, where, ("-next_us",), BEHIND_CRITICAL, _MOST)
    return list({document.key: document for document in (*others, *critical)}.values())


def counted_anew(letter: Letter, now_us: int) -> Letter:
    """The same letter with its whole wait from now on, when that was set by a clock that has been set back since."""
    if letter.set_us <= now_us + SAME_TIME_US:
        return letter
    next_us = now_us + max(0, letter.next_us - letter.set_us)
    return attrs.evolve(letter, next_us=next_us, set_us=now_us, first_us=min(letter.first_us, now_us))


def ahead(storage: Storage, namespace: Namespace, now_us: int) -> list[str]:
    """The keys of the alerts whose wait would begin only in more than a minute. O(n) for those that wait."""
    return [
        document.key
        for document in storage.find(namespace)
        if now_us + SAME_TIME_US < document.value.get("from_us", document.value["next_us"]) < NEVER_US
    ]


def waits_anew(record: Record, now_us: int) -> Record:
    """The same record with no past time that is still to come: where the clock was set back, waits count from now."""
    told_us, recovering_us, course = record.told_us, record.recovering_us, record.course
    from_us = None if course is None else course.from_us
    if max(record.begun_us, told_us or 0, recovering_us or 0, from_us or 0) <= now_us:
        return record
    if course is not None and course.next_us is not None and from_us is not None and from_us > now_us:
        since_us = None if course.since_us is None else min(course.since_us, now_us)
        course = attrs.evolve(course, next_us=course.next_us - from_us + now_us, since_us=since_us)
    back_us = max(0, (told_us or 0) - now_us)
    return attrs.evolve(
        record,
        begun_us=min(record.begun_us, now_us),
        told_us=None if told_us is None else min(told_us, now_us),
        recovering_us=None if recovering_us is None else min(recovering_us, now_us),
        course=course,
        # whoever knows the rule sets it once more; until then this is what that comes to
        look_us=record.look_us if record.look_us is None or record.alert.muted else record.look_us - back_us,
    )
