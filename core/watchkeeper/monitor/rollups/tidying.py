"""Merging the roll-ups of hours that are over, so that each hour has one profile; nothing is lost or counted twice.

A merged hour names the marks that it covers. Readers take one merged hour, whichever covers most, and add the closed
marks that it does not cover: so it does not matter how often an hour is merged, by whom, or whether the process dies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from watchkeeper.contracts.storage import Durability, Storage
from watchkeeper.domain.cells import Cells
from watchkeeper.domain.profile import Profile

from .hours import HourTold, summed, told_hours
from .increments import FEWEST_ROWS, LONGEST_US
from .reading import read_profiles
from .stored import HOUR_US, PROFILES, Closed, Mark, append_of, hour_of

LOOK_BACK_US: Final = 48 * HOUR_US
_SURELY_US: Final = 2 * LONGEST_US
"""A mark that was opened so long ago, by whichever host's clock, is not going to be closed."""


def merge_hours(
    storage: Storage, model: str, cells: Mapping[str, Cells], now_us: int, look_back_us: int = LOOK_BACK_US
) -> int:
    """Give each hour that is over one profile, also those whose recorder died; returns how many hours were merged.

    Parameters
    ----------
    cells
        The model's columns and their cells now: for hours whose rows must be read.
    look_back_us
        How old an hour may be.
    """
    over_us = hour_of(now_us - LONGEST_US)
    hours = told_hours(storage, model, over_us - look_back_us, over_us)
    return sum(_merge_hour(storage, model, hour, cells, now_us) for hour in hours.values())


def _merge_hour(storage: Storage, model: str, hour: HourTold, cells: Mapping[str, Cells], now_us: int) -> bool:
    if hour.left_open:
        is_deserted = all(one.opened_us < now_us - _SURELY_US for one in hour.left_open)
        return is_deserted and _profile_rows(storage, model, hour, cells)
    if len(hour.counted) < 2:
        return False
    found: dict[tuple[str, str], Profile] = summed(storage, model, [hour])
    if len({column for column, _ in found}) < len(found):
        return False  # its reference changed within the hour: profiles over different cells stay apart
    profiles = {column: counted for (column, _), counted in found.items()}
    _keep(storage, model, hour, sum(one.rows for one in hour.counted), profiles)
    return True


def _profile_rows(storage: Storage, model: str, hour: HourTold, cells: Mapping[str, Cells]) -> bool:
    """Profile the hour's rows, if they are all there with all columns, and worth it."""
    read = read_profiles(storage, model, [(hour.hour_us, hour.hour_us + HOUR_US)], cells)
    profiles = read.profiles()
    if read.rows < FEWEST_ROWS or read.rows < sum(one.rows for one in hour.counted):
        return False
    for name in cells:
        counted = sum(one.column_rows.get(name, 0) for one in hour.counted)
        if name not in profiles or profiles[name].rows < max(counted, 1):
            return False  # features may have expired: what was counted of them is worth more
    now_told = told_hours(storage, model, hour.hour_us, hour.hour_us + HOUR_US)[hour.hour_us]
    if now_told.marks.keys() != hour.marks.keys():
        return False  # rows came while others were read: whether those have seen them is not known
    _keep(storage, model, hour, read.rows, profiles)
    return True


def _keep(storage: Storage, model: str, hour: HourTold, rows: int, profiles: Mapping[str, Profile]) -> None:
    best = hour.best
    covers = frozenset(hour.marks) | (best.covers if best else frozenset())
    told = hashlib.sha256(repr(sorted((mark.source, mark.number) for mark in covers)).encode()).hexdigest()
    merged = Closed(hour.hour_us, Mark(told[:16], len(covers)), 0, rows, profiles, tuple(covers))
    writer = f"hour {hour.hour_us} of {hashlib.sha256(model.encode()).hexdigest()[:16]}: {told[:16]}"
    # whoever merges the same marks at the same time sends the same pair, so that one of them is enough
    storage.commit([append_of(PROFILES, model, (), [merged])], Durability.SYNCED, writer=writer, seq=len(covers))
