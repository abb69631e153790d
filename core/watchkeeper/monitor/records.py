"""A window's rows of one model: what was predicted, and the outcomes that have arrived for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.errors import NothingToCheck
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Categories, Column, Table, joined
from watchkeeper.domain.window import Window, iso_time

from .schema import SchemaChanges

PREDICTIONS = "predictions"
OUTCOMES = "outcomes"
_FIRST_GUESS_US = 60_000_000
"""A minute: how far back the search for the last rows begins; a busy model has ten thousand in it."""
_STEP_WHILE_NONE = 8.0
_BOLDEST_STEP = 64.0
"""A few rows tell little about how dense the ones before them are."""
_EARLY_OUTCOME_US = 86_400_000_000
"""A day: how much earlier than its prediction an outcome may be stamped (clocks of two hosts differ)."""
_MOST_EARLY_ROWS: Final = 100_000
"""So many outcomes from before that are looked through, where none came later than the first prediction."""


@attrs.frozen(eq=False)
class Records:
    """n rows in time order, with the outcomes known so far."""

    window: Window
    prediction: Column
    outcome: Column | None
    """(n,), to be read only where `has_outcome`; None when no outcome has arrived at all."""
    has_outcome: NDArray[np.bool_]
    """(n,) bool."""
    features: Table
    version: str | None = None
    """The version that made the predictions; the last one when there are several."""
    ids: tuple[str, ...] = ()
    """The n rows' ids; empty when they have none."""
    time: NDArray[np.int64] | None = None
    """(n,) UTC microseconds, ascending; None when the rows are a file's and not what arrived last."""
    versions: Column | None = None
    """(n,) which version made each prediction; None when that was not asked for, or is not known."""
    strange: Mapping[str, str] = attrs.field(factory=dict)
    """Why features that are not in `features` could not be read."""
    changes: SchemaChanges | None = None
    """How a file's columns differ from the reference's; None for stored rows."""

    def __len__(self) -> int:
        return len(self.prediction)

    def rows(self, which: NDArray[np.bool_]) -> Records:
        """Only these rows, in the same window."""
        return attrs.evolve(
            self,
            prediction=self.prediction[which],
            outcome=None if self.outcome is None else self.outcome[which],
            has_outcome=self.has_outcome[which],
            features=self.features.rows(which),
            ids=tuple(np.array(self.ids, dtype=object)[which]) if self.ids else (),
            time=None if self.time is None else self.time[which],
            versions=None if self.versions is None else self.versions[which],
        )

    @property
    def repeated(self) -> int:
        """How many rows repeat the id of another of the same version."""
        if len(set(self.ids)) == len(self.ids):
            return 0
        if self.versions is None:
            return len(self.ids) - len(set(self.ids))
        return len(self.ids) - len(set(zip(self.ids, _plain(self.versions), strict=True)))

    def taken(self, positions: NDArray[np.int64]) -> Records:
        """The rows at these positions (m,), in this order."""
        return attrs.evolve(
            self,
            prediction=self.prediction[positions],
            outcome=None if self.outcome is None else self.outcome[positions],
            has_outcome=self.has_outcome[positions],
            features=self.features.rows(positions),
            ids=tuple(self.ids[at] for at in positions.tolist()) if self.ids else (),
            time=None if self.time is None else self.time[positions],
            versions=None if self.versions is None else self.versions[positions],
        )

    def between(self, first: int, stop: int) -> Records:
        """The rows from position `first` up to `stop`, in the same window; arrays are views."""
        rows = slice(first, stop)
        return attrs.evolve(
            self,
            prediction=self.prediction[rows],
            outcome=None if self.outcome is None else self.outcome[rows],
            has_outcome=self.has_outcome[rows],
            features=self.features.rows(rows),
            version=None if self.versions is None else _last_version(Table({"version": self.versions[rows]})),
            versions=None if self.versions is None else self.versions[rows],
            ids=self.ids[rows],
            time=None if self.time is None else self.time[rows],
        )


def stored_records(
    storage: Storage, model: str, size: WindowSize, features: Sequence[str], until_us: int | None = None
) -> Records:
    """The model's latest window in the store: its last rows, or its last stretch of time, before `until_us`.

    Without `until_us` the window ends with the model's last row. Outcomes are joined by id; the last one counts.
    """
    span = storage.span(PREDICTIONS, model)
    if span is None:
        raise NothingToCheck(f"the store has no predictions of model {model!r}; log some, or check a file with --data")
    end_us = span[1] + 1 if until_us is None else until_us
    start_us, time, table = _last_rows(
        storage, model, size, Window(min(span[0], end_us), end_us), ["id", "prediction", "version", *features]
    )
    if not len(time):
        raise NothingToCheck(
            f"model {model!r} has no predictions between {iso_time(start_us)} and {iso_time(end_us)}; "
            f"the store has some from {iso_time(span[0])} to {iso_time(span[1])}"
        )
    outcome, known = _shared(table, *_outcomes(storage, model, table["id"], int(time[0]), until_us))
    return Records(
        window=Window(start_us, end_us, len(time)),
        prediction=table["prediction"],
        outcome=outcome,
        has_outcome=known,
        features=table.select(name for name in features if name in table),
        version=_last_version(table),
        ids=tuple(str(name) for name in _plain(table["id"])),
        time=time,
        versions=table.columns.get("version"),
    )


def records_between(
    storage: Storage,
    model: str,
    start_us: int,
    end_us: int,
    version: str | None = None,
    *,
    columns: Sequence[str] = (),
) -> Records | None:
    """What was predicted from `start_us` up to `end_us`, with every outcome known by now; None without a row.

    With `version` only what that version predicted; with `columns` those of the features, too.
    """
    names = ["id", "prediction", "version", *columns]
    time, table = sorted_rows(storage.scan(PREDICTIONS, model, start_us, end_us, names))
    if version is not None and "version" in table:
        which = np.array([text == version for text in _plain(table["version"])], dtype=np.bool_)
        time, table = time[which], table.rows(which)
    elif version is not None:
        return None
    if not len(time):
        return None
    found = joined_records(storage, model, time, table, columns)
    return attrs.evolve(found, window=Window(start_us, end_us, len(time)))


def joined_records(
    storage: Storage, model: str, time: NDArray[np.int64], table: Table, columns: Sequence[str]
) -> Records:
    """Rows that were read before, with every outcome that is known by now; `table` has ``id`` and ``prediction``."""
    outcome, known = _shared(table, *_outcomes(storage, model, table["id"], int(time[0]), None))
    return Records(
        window=Window(int(time[0]), int(time[-1]) + 1, len(time)),
        prediction=table["prediction"],
        outcome=outcome,
        has_outcome=known,
        features=table.select(name for name in columns if name in table),
        version=_last_version(table),
        ids=tuple(str(name) for name in _plain(table["id"])),
        time=time,
        versions=table.columns.get("version"),
    )


def has_rows(storage: Storage, model: str, since_us: int, rows: int) -> bool:
    """Whether the model has so many predictions from `since_us` on."""
    found = 0
    for batch in storage.scan(PREDICTIONS, model, since_us, None, ["version"]):
        found += len(batch.time)
        if found >= rows:
            return True
    return False


def _last_rows(
    storage: Storage, model: str, size: WindowSize, reach: Window, names: Sequence[str]
) -> tuple[int, NDArray[np.int64], Table]:
    if size.duration is not None:
        start_us = reach.end_us - size.duration.us
        return start_us, *sorted_rows(storage.scan(PREDICTIONS, model, start_us, reach.end_us, names))
    time, table = sorted_rows(_batches_of_last(storage, model, size.rows or 1, reach, names))
    last = slice(max(len(time) - (size.rows or 1), 0), None)
    return (int(time[last][0]) if len(time) else reach.start_us), time[last], table.rows(last)


def _batches_of_last(storage: Storage, model: str, wanted: int, reach: Window, names: Sequence[str]) -> list[Batch]:
    """Batches with the last `wanted` rows, or with all there are.

    Looks back further and further, each stretch once: as far as the rows found so far let expect, or eight times as far
    while there are none.
    """
    found: list[Batch] = []
    rows, back_us, edge_us = 0, float(_FIRST_GUESS_US), reach.end_us
    while True:
        start_us = max(reach.end_us - round(back_us), reach.start_us)
        earlier = list(storage.scan(PREDICTIONS, model, start_us, edge_us, names))
        found = earlier + found
        rows += sum(len(batch.time) for batch in earlier)
        if rows >= wanted or start_us <= reach.start_us:
            return found
        edge_us = start_us
        back_us *= min(max(1.2 * wanted / rows, 1.5), _BOLDEST_STEP) if rows else _STEP_WHILE_NONE


def sorted_rows(batches: Iterable[Batch]) -> tuple[NDArray[np.int64], Table]:
    """All rows of a scan as one table in time order; a column that some batches lack is missing in their rows."""
    found = [batch for batch in batches if len(batch.time)]
    if not found:
        return np.empty(0, dtype=np.int64), Table({})
    names = list(dict.fromkeys(name for batch in found for name in batch.table))
    likes = {name: next(batch.table[name] for batch in found if name in batch.table) for name in names}
    time = np.concatenate([batch.time for batch in found])
    table = joined([_completed(batch.table, len(batch.time), likes) for batch in found])
    if np.all(time[1:] >= time[:-1]):
        return time, table
    order = np.argsort(time, kind="stable")
    return time[order], table.rows(order)


def _completed(table: Table, rows: int, likes: dict[str, Column]) -> Table:
    return Table({name: table[name] if name in table else _all_missing(rows, like) for name, like in likes.items()})


def _all_missing(rows: int, like: Column) -> Column:
    if isinstance(like, Categories):
        return Categories(np.full(rows, -1, dtype=np.int32), like.labels)
    if like.dtype.kind == "O":
        return np.full(rows, None, dtype=object)
    if like.dtype.kind == "M":
        return np.full(rows, np.datetime64("NaT"), dtype=like.dtype)
    return np.full(rows, np.nan)


def _outcomes(
    storage: Storage, model: str, ids: Column, first_us: int, until_us: int | None
) -> tuple[Column | None, NDArray[np.bool_]]:
    """The outcomes of the rows with these ids, the first of which was predicted at `first_us`; and which are known."""
    position: dict[object, int] = {name: at for at, name in enumerate(_plain(ids))}
    found = _arrived(storage, model, position, first_us, until_us)
    known = np.zeros(len(ids), dtype=np.bool_)
    known[np.concatenate([rows for rows, _ in found], dtype=np.int64) if found else []] = True
    if not known.all():  # an earlier one can only matter where no later one replaces it
        early_us = first_us if until_us is None else min(first_us, until_us)
        found = [*_arrived(storage, model, position, first_us - _EARLY_OUTCOME_US, early_us), *found]
    if not found:
        found = _long_before(storage, model, position, first_us)
    if not found:
        return None, known
    values = joined([Table({"outcome": outcome}) for _, outcome in found])["outcome"]
    rows = np.concatenate([rows for rows, _ in found])
    outcome = _all_missing(len(ids), values)
    if isinstance(outcome, Categories) and isinstance(values, Categories):
        outcome.codes[rows] = values.codes
    elif not isinstance(outcome, Categories) and not isinstance(values, Categories):
        outcome[rows] = values  # in time order, so that a corrected outcome replaces the first
    known[rows] = True
    return outcome, known


def _shared(table: Table, outcome: Column | None, known: NDArray[np.bool_]) -> tuple[Column | None, NDArray[np.bool_]]:
    """An outcome counts for each version that predicted the row: a shadow's answers have the ids of the others.

    Of several rows of one version with the same id it counts for the last.
    """
    ids = _plain(table["id"])
    if outcome is None or "version" not in table or len(set(ids)) == len(ids):
        return outcome, known
    versions = _plain(table["version"])
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


def later_outcomes(storage: Storage, records: Records, model: str, until_us: int) -> int:
    """How many of the rows have an outcome that came at `until_us` or after, and none before."""
    lacking = {name for name, known in zip(records.ids, records.has_outcome.tolist(), strict=True) if not known}
    found: set[object] = set()
    for batch in storage.scan(OUTCOMES, model, until_us, None, ["id"]):
        found.update(lacking.intersection(_plain(batch.table["id"])))
    return len(found)


def times_of_ids(storage: Storage, model: str, ids: set[str]) -> dict[str, int]:
    """When each of these was predicted, as far as the store knows; reads back from the last until all are found."""
    span = storage.span(PREDICTIONS, model)
    found: dict[str, int] = {}
    if span is None:
        return found
    until_us, reach_us = span[1] + 1, _FIRST_GUESS_US
    while until_us > span[0] and len(found) < len(ids):
        since_us = max(until_us - reach_us, span[0])
        for batch in storage.scan(PREDICTIONS, model, since_us, until_us, ["id"]):
            for name, time_us in zip(_plain(batch.table["id"]), batch.time.tolist(), strict=True):
                if name in ids:
                    found[str(name)] = time_us
        until_us, reach_us = since_us, reach_us * 4
    return found


def _arrived(
    storage: Storage, model: str, position: Mapping[object, int], since_us: int, until_us: int | None
) -> list[tuple[NDArray[np.int64], Column]]:
    """Rows whose outcome arrived, and those outcomes, in order of time."""
    _, arrived = sorted_rows(storage.scan(OUTCOMES, model, since_us, until_us, ["id", "outcome"]))
    if not len(arrived):
        return []
    rows = np.fromiter(map(position.get, _plain(arrived["id"]), repeat(-1)), dtype=np.int64, count=len(arrived))
    matching = rows >= 0
    return [(rows[matching], arrived["outcome"][matching])] if matching.any() else []


def _plain(column: Column) -> list[object]:
    return list(column.texts() if isinstance(column, Categories) else column)


def _last_version(table: Table) -> str | None:
    if "version" not in table:
        return None
    versions = table["version"]
    texts = versions.texts() if isinstance(versions, Categories) else versions
    return str(texts[-1]) if len(texts) and texts[-1] is not None else None
