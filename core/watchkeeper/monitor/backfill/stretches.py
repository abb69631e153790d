"""The rows of a history, stretch by stretch, each read once, with every outcome that is known by now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.window import Window
from watchkeeper.monitor.records import PREDICTIONS, Records
from watchkeeper.monitor.stored_windows import joined_records
from watchkeeper.monitor.time_order import sorted_rows

from .cutting import Cut, Cutter, Plan

_MOST_VALUES: Final = 8_000_000
"""So many values of columns are held at once: 64 MB."""
_FIRST_GUESS_US: Final = 3_600_000_000


@attrs.frozen(eq=False)
class Stretch:
    """Some windows that follow one another, and their rows."""

    rows: Records
    cut: Cut
    through_us: int
    """Every window that ends by then has been told."""

    def window(self, at: int) -> Records:
        """The rows of one of the windows."""
        first, stop = int(self.cut.first[at]), int(self.cut.stop[at])
        window = Window(int(self.cut.start_us[at]), int(self.cut.end_us[at]), stop - first)
        return attrs.evolve(self.rows.between(first, stop), window=window)


def stretches(storage: Storage, model: str, columns: Sequence[str], plan: Plan) -> Iterator[Stretch]:
    """All windows of the plan in order; memory holds about 64 MB of rows, or one window.

    Parameters
    ----------
    columns
        The features that are needed, and the columns of segments.
    """
    names = ["id", "prediction", "version", *columns]
    most = max(_MOST_VALUES // len(names), 1)
    cutter = Cutter(plan)
    held: list[Batch] = []
    since_us, slice_us = plan.begin_us, _FIRST_GUESS_US
    while since_us < plan.until_us:
        until_us = min(since_us + slice_us, plan.until_us)
        batches = list(storage.scan(PREDICTIONS, model, since_us, until_us, names))
        read = sum(len(batch.time) for batch in batches)
        time, table = sorted_rows([*held, *batches])
        if len(time):
            cut = cutter.cut(time, until_us)
            if len(cut):
                yield Stretch(joined_records(storage, model, time, table, columns), cut, until_us)
            rest = slice(cut.keep, None)
            held = [Batch(time[rest], table.rows(rest))]
        since_us = until_us
        slice_us = max(slice_us // 2, 1) if read > most else slice_us * (2 if read > most // 8 else 8)
