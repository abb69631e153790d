"""Which rows of a file are in the store already, and in what those differ from what is there."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Storage
from watchkeeper.data.frames import times_us
from watchkeeper.domain.plural import counted
from watchkeeper.domain.table import Categories, Column, Table, missing
from watchkeeper.monitor.outcomes import outcomes_of
from watchkeeper.monitor.records import PREDICTIONS, plain_values

from .assembly import Systems

_ID_DIGITS: Final = 24


@attrs.frozen(eq=False)
class KnownRows:
    """What the store has of n rows."""

    known: NDArray[np.bool_]
    """(n,) whether a prediction with the row's id and time is stored."""
    predictions: tuple[frozenset[object], ...]
    """What was predicted there; empty where the row is not known."""


def ids_by_content(table: Table, outcome: str | None) -> list[str]:
    """Ids of rows that have none: a digest of the file's rows up to each, but for their outcomes; O(cells).

    So a file that has grown, or that was written anew, has the ids that it had, and another file has others, though
    some of its rows may be the same.
    """
    columns = [_plain(table[name]) for name in table if name != outcome]
    digest = hashlib.sha256()
    ids = []
    for row in zip(*columns, strict=True):
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
        ids.append(digest.hexdigest()[:_ID_DIGITS])
    return ids


def known_rows(storage: Storage, model: str, ids: list[str], times: NDArray[np.int64]) -> KnownRows:
    """Which rows are stored, told by id and time; reads the ids and predictions of the rows' own stretch."""
    places: dict[tuple[object, int], set[object]] = {place: set() for place in zip(ids, times.tolist(), strict=True)}
    span = storage.span(PREDICTIONS, model)
    if places and span is not None and times.min() <= span[1] and times.max() >= span[0]:
        for batch in storage.scan(PREDICTIONS, model, int(times.min()), int(times.max()) + 1, ["id", "prediction"]):
            said = _plain(batch.table["prediction"])
            for name, time_us, one in zip(plain_values(batch.table["id"]), batch.time.tolist(), said, strict=True):
                if (name, time_us) in places:
                    places[name, time_us].add(one)
    found = tuple(frozenset(places[place]) for place in zip(ids, times.tolist(), strict=True))
    return KnownRows(np.array([bool(one) for one in found], dtype=np.bool_), found)


def changed_predictions(found: KnownRows, predictions: Column, model: str) -> tuple[str, ...]:
    """What is told where a known row says another prediction than the store."""
    told = _plain(predictions)
    changed = [
        row
        for row in np.flatnonzero(found.known).tolist()
        if told[row] not in found.predictions[row] and type(told[row]) in map(type, found.predictions[row])
    ]
    if not changed:
        return ()
    first = changed[0]
    stored = next(iter(found.predictions[first]))
    sentence = (
        f"{counted(len(changed), 'prediction')} of {model} {'is' if len(changed) == 1 else 'are'} not what is stored "
        f"for the same id and time, the first in row {first + 1}: {told[first]} and not {stored}; what was stored "
        "first is kept (--again stores every row once more)"
    )
    return (sentence,)


@attrs.frozen(eq=False)
class KnownOutcomes:
    """How the outcomes of m rows differ from those that are stored."""

    new: NDArray[np.int64]
    """Positions of those to record."""
    withdrawn: int
    """How many are stored and are not in the file any more."""


def known_outcomes(systems: Systems, model: str, table: Table, ids: list[str]) -> KnownOutcomes:
    """Compare the outcomes of rows with those that are stored; of rows with one id the last outcome counts."""
    columns = systems.models.config(model).columns
    told = table[str(columns.outcome)]
    is_told = ~missing(told)
    last = {name: row for row, name in enumerate(ids)}
    last |= {ids[row]: row for row in np.flatnonzero(is_told).tolist()}
    rows = np.array(sorted(last.values()), dtype=np.int64)
    named = Table({"id": np.array([ids[row] for row in rows.tolist()], dtype=object)})
    first_us = int(times_us(table, columns.time).min())
    found = outcomes_of(systems.storage, model, named, first_us, None)
    new = is_told[rows]
    if found.outcome is not None:
        new &= ~found.known | _differ(found.outcome, told[rows])
    withdrawn = int((found.known & ~is_told[rows]).sum()) if is_told.any() else 0
    return KnownOutcomes(rows[new], withdrawn)


def _differ(stored: Column, told: Column) -> NDArray[np.bool_]:
    """(n,) whether two columns say other things."""
    pairs = zip(_plain(stored), _plain(told), strict=True)
    return np.fromiter((one != other for one, other in pairs), dtype=np.bool_, count=len(told))


def _plain(column: Column) -> list[Any]:
    """Numbers as floats, all else as text."""
    if isinstance(column, Categories) or column.dtype.kind not in "fiub":
        return [None if one is None else str(one) for one in plain_values(column)]
    values: list[Any] = column.astype(np.float64).tolist()
    return values
