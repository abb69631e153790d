"""Who was told in place of a receiver that could not be reached, so that they hear of the end as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from watchkeeper.contracts.storage import Delete, Namespace, Operation, Put, Storage
from watchkeeper.domain.alert import Alert, AlertState

from .letters import Letter

STAND_INS: Final = Namespace("stand-ins", ("since_us",))
"""By firing and receiver, who was told instead and in which letter."""


def told_instead(letter: Letter, instead: Letter, storage: Storage) -> list[Operation]:
    """The writes that send `instead` in place of `letter`, after what it follows, and remember who was told."""
    found = _found(letter, storage)
    operations: list[Operation] = [Delete(STAND_INS, key) for key in found]
    for alert in _alerts(letter):
        if alert.state is not AlertState.RESOLVED:
            told = {"receiver": instead.receiver, "key": instead.key}
            operations.append(Put(STAND_INS, _key(alert, letter.receiver), told, {"since_us": alert.since_us}))
    return [*operations, attrs.evolve(instead, after=_keys(found, instead.receiver)).put()]


def ends(letter: Letter, storage: Storage, now_us: int) -> list[Operation]:
    """The end that `letter` has told its receiver, written to who was told of the beginning in its place."""
    found = _found(letter, storage)
    operations: list[Operation] = [Delete(STAND_INS, key) for key in found]
    for receiver in sorted({told["receiver"] for told in found.values()}):
        reason = f"{letter.receiver} knows of the end; you were told of the beginning in its place"
        notification = attrs.evolve(letter.notification, key=f"{letter.key}-instead-{now_us}", reason=reason)
        after = _keys(found, receiver)
        end = Letter(receiver, notification, now_us, now_us, after=after, is_fallback=True, is_belated=True)
        operations.append(end.put())
    return operations


def _found(letter: Letter, storage: Storage) -> dict[str, Mapping[str, str]]:
    """By the document's key, who was told in its receiver's place of a firing that the letter says is over."""
    over = [_key(alert, letter.receiver) for alert in _alerts(letter) if alert.state is AlertState.RESOLVED]
    documents = {key: storage.get(STAND_INS, key) for key in over}
    return {key: document.value for key, document in documents.items() if document is not None}


def _keys(found: Mapping[str, Mapping[str, str]], receiver: str) -> tuple[str, ...]:
    return tuple(told["key"] for told in found.values() if told["receiver"] == receiver)


def _alerts(letter: Letter) -> tuple[Alert, ...]:
    return (letter.notification.alert, *letter.notification.others)


def _key(alert: Alert, receiver: str) -> str:
    return f"{alert.fingerprint}-{alert.since_us}-{receiver}"
