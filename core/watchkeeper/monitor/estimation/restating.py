"""Outcomes that come late: the metrics of past windows are measured again, and stored beside what was said before.

Every window that was checked stays on a list of at most 200. From time to time the rows of the recent ones are joined
with the outcomes that are known by now; where these have changed since, the window's metrics are measured anew. Of too
many windows those that overlap an earlier one go first, then the oldest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.storage import Durability, Namespace, Put, Storage
from watchkeeper.domain.errors import Conflict, DataError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.table import Categories
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.evaluating import Judging, evaluation_of
from watchkeeper.monitor.history import keep_measurements
from watchkeeper.monitor.measuring import Subject, measured_metrics
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.stored_windows import records_between

WINDOWS: Final = Namespace("checked_windows")
MOST_WINDOWS: Final = 200
_MOST_ROWS: Final = 100_000
"""How many rows back a check looks for late outcomes; joining them takes about 0.2 s."""
_SELDOM_US: Final = 3_600_000_000
"""An hour: windows that are longer are looked at this often, shorter ones once in their length."""
_ATTEMPTS: Final = 5


@attrs.frozen(eq=False)
class Remeasuring:
    """What is needed to measure a model's windows again."""

    model: str
    judging: Judging
    metrics: Mapping[str, Metric]


@attrs.frozen
class Listed:
    """A window that was checked."""

    window: Window
    version: str | None
    outcomes: str
    """What was known of its outcomes when it was last measured: a digest."""
    is_complete: bool
    """Whether every outcome was known then."""

    @classmethod
    def of(cls, records: Records) -> Listed:
        """A window as it is known now."""
        return cls(records.window, records.version, outcomes_digest(records), bool(records.has_outcome.all()))


@attrs.frozen
class _List:
    windows: tuple[Listed, ...]
    """In the order in which they were checked."""
    looked_us: int
    revision: int


def listed_and_restated(storage: Storage, checked: Records, measuring: Remeasuring, now_us: int) -> list[Measurement]:
    """Put a window that was just measured on the list, and measure recent ones again whose outcomes have changed.

    Looked at are windows of about the last 100,000 rows that lacked outcomes, and that at most once an hour or once in
    a window's length.
    """
    kept = _list(storage, measuring.model)
    past = [one for one in _recent(kept, now_us) if one.window != checked.window]
    found, seen = _looked_at(storage, past, measuring)
    keep_measurements(storage, measuring.model, found, now_us)
    own = Listed.of(checked)

    def with_own(before: _List) -> _List:
        windows = [seen.get(one.window, one) for one in before.windows if one.window != own.window]
        return _List(thinned((*windows, own)), now_us if seen else before.looked_us, before.revision)

    _change(storage, measuring.model, with_own)
    return found


def restated(storage: Storage, measuring: Remeasuring, now_us: int) -> list[Measurement]:
    """Measure every listed window again whose outcomes have changed; returns what was stored at `now_us`."""
    found, seen = _looked_at(storage, _list(storage, measuring.model).windows, measuring)
    keep_measurements(storage, measuring.model, found, now_us)

    def as_seen(before: _List) -> _List:
        return _List(tuple(seen.get(one.window, one) for one in before.windows), now_us, before.revision)

    _change(storage, measuring.model, as_seen)
    return found


def thinned(windows: Sequence[Listed]) -> tuple[Listed, ...]:
    """At most `MOST_WINDOWS` of them, in their order."""
    if len(windows) <= MOST_WINDOWS:
        return tuple(windows)
    kept: list[Listed] = []
    recent = set(range(len(windows) - MOST_WINDOWS // 2, len(windows)))
    for at, one in enumerate(windows):
        if at in recent or not kept or one.window.start_us >= kept[-1].window.end_us:
            kept.append(one)
    return tuple(kept[-MOST_WINDOWS:])


def outcomes_digest(records: Records) -> str:
    """Tells apart any two states of knowledge about the same rows' outcomes."""
    known = records.has_outcome
    told = hashlib.sha256(np.packbits(known).tobytes())
    if records.outcome is not None and known.any():
        outcome = records.outcome[known]
        if isinstance(outcome, Categories) or outcome.dtype.kind == "O":
            texts = outcome.texts() if isinstance(outcome, Categories) else outcome
            told.update("\0".join(str(text) for text in texts).encode())
        else:
            told.update(outcome.astype(np.float64).tobytes())
    return told.hexdigest()[:16]


def _looked_at(
    storage: Storage, chosen: Sequence[Listed], measuring: Remeasuring
) -> tuple[list[Measurement], dict[Window, Listed]]:
    """What is measured anew, and each window as it is known now; one that has no rows any more is left out."""
    found: list[Measurement] = []
    seen: dict[Window, Listed] = {}
    if not chosen or not measuring.metrics:
        return found, seen
    start_us, end_us = min(one.window.start_us for one in chosen), max(one.window.end_us for one in chosen)
    rows = records_between(storage, measuring.model, start_us, end_us, columns=measuring.judging.probabilities)
    if rows is None:
        return found, seen
    for one in chosen:
        records = _in_window(rows, one)
        if not len(records):
            continue
        seen[one.window] = Listed.of(records)
        if seen[one.window].outcomes != one.outcomes:
            found += _measured(records, measuring)
    return found, seen


def _measured(records: Records, measuring: Remeasuring) -> list[Measurement]:
    """The metrics as they are now; what a plugin fails at is left out, for the check has told of it."""
    subject = Subject(measuring.model, records.version, records.window)
    labelled = subject.measurement("labelled", Value.of(int(records.has_outcome.sum())))
    try:
        found, failed = measured_metrics(subject, evaluation_of(records, measuring.judging), measuring.metrics)
    except DataError as error:
        return [labelled, *(subject.measurement(name, Value.undefined(str(error))) for name in measuring.metrics)]
    left_out = {failure.subject for failure in failed}
    return [labelled, *(one for one in found if one.name not in left_out)]


def _in_window(rows: Records, listed: Listed) -> Records:
    """The rows of one window; of those that share its first moment as many as it had."""
    window = listed.window
    time = np.empty(0, dtype=np.int64) if rows.time is None else rows.time
    start, stop = np.searchsorted(time, [window.start_us, window.end_us]).tolist()
    last = stop - window.rows
    if last > start and time[last] == window.start_us:
        start = last
    which = np.zeros(len(rows), dtype=np.bool_)
    which[start:stop] = True
    return attrs.evolve(rows.rows(which), window=window, version=listed.version)


def _recent(kept: _List, now_us: int) -> tuple[Listed, ...]:
    """Those that it is time to look at."""
    if not kept.windows:
        return ()
    last = kept.windows[-1].window
    length_us = max(last.end_us - last.start_us, 1)
    if now_us < kept.looked_us + min(length_us, _SELDOM_US):
        return ()
    reach_us = _MOST_ROWS * length_us / max(last.rows, 1)
    return tuple(one for one in kept.windows if last.end_us - one.window.end_us < reach_us and not one.is_complete)


def _change(storage: Storage, model: str, change: Callable[[_List], _List]) -> None:
    """Store the list as `change` makes it; again when another process was faster."""
    for left in reversed(range(_ATTEMPTS)):
        try:
            _store(storage, model, change(_list(storage, model)))
        except Conflict:
            if not left:
                raise
        else:
            return


def _list(storage: Storage, model: str) -> _List:
    document = storage.get(WINDOWS, model)
    if document is None:
        return _List((), 0, 0)
    windows = tuple(
        Listed(Window(start, end, rows), version, outcomes, is_complete)
        for start, end, rows, version, outcomes, is_complete in document.value["windows"]
    )
    return _List(windows, document.value["looked_us"], document.revision)


def _store(storage: Storage, model: str, kept: _List) -> None:
    value: dict[str, Any] = {
        "looked_us": kept.looked_us,
        "windows": [
            [one.window.start_us, one.window.end_us, one.window.rows, one.version, one.outcomes, one.is_complete]
            for one in kept.windows
        ],
    }
    storage.commit([Put(WINDOWS, model, value, expect=kept.revision)], Durability.FLUSHED)
