"""Outcomes beside the predictions they are of: joined by id, the last one counts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.table import Categories, Column, Table, joined

from .records import OUTCOMES, Records, plain_values
from .time_order import all_missing, sorted_rows

_EARLY_OUTCOME_US: Final = 86_400_000_000
"""A day: how much earlier than its prediction an outcome may be stamped (clocks of two hosts differ)."""
_FIRST_LOOK_US: Final = 10_000_000
_WIDER: Final = 4
_MOST_IN_VAIN: Final = 5_000
_MOST_EARLY_ROWS: Final = 100_000
"""So many outcomes from before that are looked through, where none came later than the first prediction."""


@attrs.frozen(eq=False)
class Joined:
    """Outcomes beside n rows."""

    outcome: Column | None
    """(n,), to be read only where `known`; None when there is none."""
    known: NDArray[np.bool_]
    """(n,)."""
    arrived: Batch
    """Every outcome from the first row's time on that was read to find them, by time, whatever row it is of."""


def outcomes_of(storage: Storage, model: str, table: Table, first_us: int, until_us: int | None) -> Joined:
    """The rows' outcomes, and which are known; `table` has ``id``, and the first row was predicted at `first_us`."""
    found = _joined(storage, model, table["id"], first_us, until_us)
    outcome, known = _shared(table, found.outcome, found.known)
    return Joined(outcome, known, found.arrived)


def later_outcomes(storage: Storage, records: Records, model: str, until_us: int) -> int:
    """How many of the rows have an outcome that came at `until_us` or after, and none before."""
    lacking = {name for name, known in zip(records.ids, records.has_outcome.tolist(), strict=True) if not known}
    found: set[object] = set()
    for batch in storage.scan(OUTCOMES, model, until_us, None, ["id"]):
        found.update(lacking.intersection(plain_values(batch.table["id"])))
    return len(found)


def _joined(storage: Storage, model: str, ids: Column, first_us: int, until_us: int | None) -> Joined:
    """The outcomes of the rows with these ids, the first of which was predicted at `first_us`; and which are known."""
    position: dict[object, int] = {name: at for at, name in enumerate(plain_values(ids))}
    arrived = _read(storage, model, first_us, until_us)
    found = _matching(arrived.table, position)
    known = np.zeros(len(ids), dtype=np.bool_)
    known[np.concatenate([rows for rows, _ in found], dtype=np.int64) if found else []] = True
    if not known.all():  # an earlier one can only matter where no later one replaces it
        early_us = first_us if until_us is None else min(first_us, until_us)
        found = [*_before(storage, model, position, first_us - _EARLY_OUTCOME_US, early_us), *found]
    if not found:
        found = _long_before(storage, model, position, first_us)
    if not found:
        return Joined(None, known, arrived)
    values = joined([Table({"outcome": outcome}) for _, outcome in found])["outcome"]
    rows = np.concatenate([rows for rows, _ in found])
    outcome = all_missing(len(ids), values)
    if isinstance(outcome, Categories) and isinstance(values, Categories):
        outcome.codes[rows] = values.codes
    elif not isinstance(outcome, Categories) and not isinstance(values, Categories):
        outcome[rows] = values  # in time order, so that a corrected outcome replaces the first
    known[rows] = True
    return Joined(outcome, known, arrived)


def _shared(table: Table, outcome: Column | None, known: NDArray[np.bool_]) -> tuple[Column | None, NDArray[np.bool_]]:
    """An outcome counts for each version that predicted the row: a shadow's answers have the ids of the others.

    Of several rows of one version with the same id it counts for the last.
    """
    ids = plain_values(table["id"])
    if outcome is None or "version" not in table or len(set(ids)) == len(ids):
        return outcome, known
    versions = plain_values(table["version"])
    source: dict[object, int] = {}
    told: set[tuple[object, object]] = set()
    pairs: list[tuple[int, int]] = []
    for at in range(len(ids) - 1, -1, -1):
        if known[at]:
            source[ids[at]] = at
        elif ids[at] in source and (ids[at], versions[at]) not in told:
            pairs.append((at, source[ids[at]]))
        told.add((ids[at], versions[at]))
    if pairs:
        rows, others = np.array(pairs, dtype=np.int64).T
        known = known.copy()
        known[rows] = True
        positions = np.arange(len(ids), dtype=np.int64)
        positions[rows] = others
        outcome = outcome[positions]
    return outcome, known


def _before(
    storage: Storage, model: str, position: Mapping[object, int], since_us: int, until_us: int
) -> list[tuple[NDArray[np.int64], Column]]:
    """What `_arrived` finds, looking back further and further: to the end only where that is not in vain.

    It is when as many outcomes as there are rows, or thousands, were of none of them since the last that was.
    """
    found: list[tuple[NDArray[np.int64], Column]] = []
    reach_us, in_vain = _FIRST_LOOK_US, 0
    while until_us > since_us and in_vain < max(len(position), _MOST_IN_VAIN):
        from_us = max(until_us - reach_us, since_us)
        arrived = _read(storage, model, from_us, until_us)
        here = _matching(arrived.table, position)
        found = [*here, *found]
        in_vain = 0 if here else in_vain + len(arrived.time)
        until_us, reach_us = from_us, reach_us * _WIDER
    return found


def _long_before(
    storage: Storage, model: str, position: Mapping[object, int], first_us: int
) -> list[tuple[NDArray[np.int64], Column]]:
    """Outcomes stamped more than a day before their predictions, where all that there are come before the first one.

    So it is where they bear another time than that at which they became known: that of an order, a day's begin.
    """
    span = storage.span(OUTCOMES, model)
    if span is None or span[1] >= first_us:
        return []
    until_us, reach_us, read = first_us - _EARLY_OUTCOME_US, 2 * _EARLY_OUTCOME_US, 0
    while until_us > span[0] and read < _MOST_EARLY_ROWS:
        since_us = max(until_us - reach_us, span[0])
        found = _arrived(storage, model, position, since_us, until_us)
        if found:
            return found
        read += sum(len(batch.time) for batch in storage.scan(OUTCOMES, model, since_us, until_us, ["id"]))
        until_us, reach_us = since_us, reach_us * 2
    return []


def _arrived(
    storage: Storage, model: str, position: Mapping[object, int], since_us: int, until_us: int | None
) -> list[tuple[NDArray[np.int64], Column]]:
    """Rows whose outcome arrived, and those outcomes, in order of time."""
    return _matching(_read(storage, model, since_us, until_us).table, position)


def _read(storage: Storage, model: str, since_us: int, until_us: int | None) -> Batch:
    return Batch(*sorted_rows(storage.scan(OUTCOMES, model, since_us, until_us, ["id", "outcome"])))


def _matching(arrived: Table, position: Mapping[object, int]) -> list[tuple[NDArray[np.int64], Column]]:
    if not len(arrived):
        return []
    rows = np.fromiter(map(position.get, plain_values(arrived["id"]), repeat(-1)), dtype=np.int64, count=len(arrived))
    matching = rows >= 0
    return [(rows[matching], arrived["outcome"][matching])] if matching.any() else []
