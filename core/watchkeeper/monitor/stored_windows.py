"""Windows of one model as they are stored: its last rows, or those of a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.errors import NothingToCheck
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Table
from watchkeeper.domain.window import CLOCKS_DIFFER_US, Window, iso_time, told_time

from .outcomes import outcomes_of
from .records import PREDICTIONS, Records, last_version, plain_values
from .time_order import sorted_rows

_FIRST_GUESS_US: Final = 60_000_000
"""A minute: how far back the search for the last rows begins; a busy model has ten thousand in it."""
_ONE_ROW: Final = WindowSize.parse("1 rows")
_STEP_WHILE_NONE: Final = 8.0
_BOLDEST_STEP: Final = 64.0
"""A few rows tell little about how dense the ones before them are."""


def stored_records(
    storage: Storage,
    model: str,
    size: WindowSize,
    features: Sequence[str],
    until_us: int | None = None,
    *,
    now_us: int | None = None,
) -> Records:
    """The model's latest window in the store: its last rows, or its last stretch of time, before `until_us`.

    Without `until_us` the window ends with the model's last row; with `now_us` with its last row up to now, or as much
    later as clocks differ. Outcomes are joined by id; the last one counts.
    """
    span = storage.span(PREDICTIONS, model)
    if span is None:
        raise NothingToCheck(f"the store has no predictions of model {model!r}; log some, or check a file with --data")
    end_us = _end_us(storage, model, span, now_us) if until_us is None else until_us
    start_us, time, table = _last_rows(
        storage, model, size, Window(min(span[0], end_us), end_us), ["id", "prediction", "version", *features]
    )
    if not len(time):
        when = (
            f"between {iso_time(start_us)} and {iso_time(end_us)}"
            if start_us < end_us
            else f"before {iso_time(end_us)}"
        )
        raise NothingToCheck(
            f"model {model!r} has no predictions {when}; "
            f"the store has some from {iso_time(span[0])} to {iso_time(span[1])}"
        )
    found = joined_records(storage, model, time, table, features, until_us=until_us)
    return attrs.evolve(found, window=Window(start_us, end_us, len(time)))


def rows_after(storage: Storage, model: str, now_us: int) -> tuple[int, int]:
    """How many predictions are stamped later than now, by more than clocks differ, and the time of the last one."""
    latest_us = now_us + CLOCKS_DIFFER_US
    span = storage.span(PREDICTIONS, model)
    if span is None or span[1] <= latest_us:
        return 0, now_us
    return sum(len(batch.time) for batch in storage.scan(PREDICTIONS, model, latest_us + 1, None, ["version"])), span[1]


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
        which = np.array([text == version for text in plain_values(table["version"])], dtype=np.bool_)
        time, table = time[which], table.rows(which)
    elif version is not None:
        return None
    if not len(time):
        return None
    found = joined_records(storage, model, time, table, columns)
    return attrs.evolve(found, window=Window(start_us, end_us, len(time)))


def joined_records(
    storage: Storage,
    model: str,
    time: NDArray[np.int64],
    table: Table,
    columns: Sequence[str],
    *,
    until_us: int | None = None,
) -> Records:
    """Rows that were read before, with every outcome known by now, or by `until_us`.

    `table` has ``id`` and ``prediction``.
    """
    found = outcomes_of(storage, model, table, int(time[0]), until_us)
    return Records(
        window=Window(int(time[0]), int(time[-1]) + 1, len(time)),
        prediction=table["prediction"],
        outcome=found.outcome,
        has_outcome=found.known,
        features=table.select(name for name in columns if name in table),
        version=last_version(table),
        ids=tuple(str(name) for name in plain_values(table["id"])),
        time=time,
        versions=table.columns.get("version"),
        arrived=found.arrived if until_us is None else None,
    )


def has_rows(storage: Storage, model: str, since_us: int, rows: int) -> bool:
    """Whether the model has so many predictions from `since_us` on."""
    found = 0
    for batch in storage.scan(PREDICTIONS, model, since_us, None, ["version"]):
        found += len(batch.time)
        if found >= rows:
            return True
    return False


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
            for name, time_us in zip(plain_values(batch.table["id"]), batch.time.tolist(), strict=True):
                if name in ids:
                    found[str(name)] = time_us
        until_us, reach_us = since_us, reach_us * 4
    return found


def _end_us(storage: Storage, model: str, span: tuple[int, int], now_us: int | None) -> int:
    """The end of the latest window: after the last row that is not of the future."""
    if now_us is None or span[1] <= now_us + CLOCKS_DIFFER_US:
        return span[1] + 1
    latest = Window(span[0], max(now_us + CLOCKS_DIFFER_US + 1, span[0]))
    _, time, _ = _last_rows(storage, model, _ONE_ROW, latest, ["version"])
    if not len(time):
        raise NothingToCheck(
            f"all predictions of model {model!r} are stamped later than now, {told_time(now_us)}: from "
            f"{told_time(span[0])} to {told_time(span[1])}; expected UTC microseconds of when they were made"
        )
    return int(time[-1]) + 1


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
