"""Two versions compared over the rows that are stored of them."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from watchkeeper.domain.errors import NothingToCheck, UsageError
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window, iso_time
from watchkeeper.monitor.backfill.cutting import Cutter, Plan
from watchkeeper.monitor.records import PREDICTIONS
from watchkeeper.monitor.stored_windows import records_between
from watchkeeper.monitor.versions import Compared, Side, at_shared_times, compared_versions, windows_compared

from .answering import number_of
from .assembly import Systems


@attrs.frozen
class VersionComparison:
    """Two versions over the same stretch of time."""

    first: str
    second: str
    window: Window
    """The stretch in which both predicted; `rows` are those of both together."""
    rows: tuple[int, int]
    """How many predictions each has there."""
    labelled: tuple[int, int]
    """How many of them have an outcome."""
    metrics: tuple[Compared, ...]
    windows: tuple[tuple[Window, dict[str, tuple[Value, Value]]], ...] = ()
    """Window by window the metrics of both."""

    @property
    def pairs(self) -> int:
        """How many rows with an outcome both predicted, if the difference is of those; else 0."""
        return max((one.difference.samples for one in self.metrics), default=0)


def versions_compared(
    systems: Systems, first: str, second: str, since_us: int | None, until_us: int | None
) -> VersionComparison:
    """Every metric of the first's model for both, over the stretch in which both predicted."""
    sides = [_side(systems, ref, since_us, until_us) for ref in (first, second)]
    begin_us, end_us = _stretch(sides)
    if begin_us >= end_us:
        told = "; ".join(
            f"{side.title} from {iso_time(_bounds(side)[0])} to {iso_time(_bounds(side)[1] - 1)}" for side in sides
        )
        raise NothingToCheck(f"there is no time in which both predicted: {told}; compare them by `watchkeeper history`")
    one, two = (side.within(Window(begin_us, end_us)) for side in sides)
    model = first.partition("@")[0]
    metrics = systems.models.watched(model).metrics
    window = Window(begin_us, end_us, len(one.records) + len(two.records))
    aligned = at_shared_times(one, two)
    windows = _windows(one, aligned, systems.models.config(model).window)
    return VersionComparison(
        one.title,
        two.title,
        window,
        (len(one.records), len(two.records)),
        (int(one.records.has_outcome.sum()), int(two.records.has_outcome.sum())),
        compared_versions(one, two, metrics),
        tuple(windows_compared(one.labelled, aligned.labelled, windows, metrics)),
    )


def _side(systems: Systems, ref: str, since_us: int | None, until_us: int | None) -> Side:
    model, _, version = ref.partition("@")
    watched = systems.models.watched(model)
    if not version:
        raise UsageError(f"{ref!r} does not say which version; expected such as {model}@1.4.0 or {model}@production")
    span = systems.storage.span(PREDICTIONS, model)
    if span is None:
        raise NothingToCheck(f"the store has no predictions of model {model!r}; log some with their versions")
    since = span[0] if since_us is None else since_us
    until = span[1] + 1 if until_us is None else until_us
    columns = watched.judging.probabilities
    for name in dict.fromkeys((version, number_of(systems, model, version))):
        found = None if name is None else records_between(systems.storage, model, since, until, name, columns=columns)
        if found is not None:
            return Side(f"{model}@{name}", found, watched.judging)
    known = ", ".join(_versions(systems, model, since, until)) or "no version that was told"
    raise NothingToCheck(
        f"{ref} has predicted nothing from {iso_time(since)} to {iso_time(until)}; the predictions there are of {known}"
    )


def _versions(systems: Systems, model: str, since_us: int, until_us: int) -> list[str]:
    found: set[str] = set()
    for batch in systems.storage.scan(PREDICTIONS, model, since_us, until_us, ["version"]):
        if "version" in batch.table:
            column = batch.table["version"]
            texts = column.texts() if hasattr(column, "texts") else column
            found |= {str(text) for text in set(texts.tolist()) if text is not None}
    return sorted(found)


def _bounds(side: Side) -> tuple[int, int]:
    time = side.records.time
    return (0, 0) if time is None or not len(time) else (int(time[0]), int(time[-1]) + 1)


def _stretch(sides: list[Side]) -> tuple[int, int]:
    """When both predicted, and whenever either predicted rows that the other did, told by their ids, too.

    Two that are asked one after the other about the same rows stamp them at different instants.
    """
    bounds = [_bounds(side) for side in sides]
    begin_us, end_us = max(begin for begin, _ in bounds), min(end for _, end in bounds)
    shared = set(sides[0].records.ids) & set(sides[1].records.ids)
    for records in (side.records for side in sides):
        if records.time is None or not shared:
            continue
        at = [at for at, name in enumerate(records.ids) if name in shared]
        begin_us, end_us = min(begin_us, int(records.time[at[0]])), max(end_us, int(records.time[at[-1]]) + 1)
    return begin_us, end_us


def _windows(one: Side, two: Side, size: WindowSize) -> Iterator[Window]:
    """The model's windows over the rows of both."""
    parts = [side.records.time for side in (one, two) if side.records.time is not None]
    time = np.sort(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)
    if not len(time):
        return
    step_us = 1 if size.duration is None else size.duration.us
    plan = Plan(size, size, int(time[0]), int(time[-1]) + step_us)
    cut = Cutter(plan).cut(time, plan.until_us)
    for at in range(len(cut)):
        yield Window(int(cut.start_us[at]), int(cut.end_us[at]), int(cut.stop[at] - cut.first[at]))
