"""Drift alarms: fitted once on the reference, then told block after block, raising alarms at the stated rate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.martingales import ChangeBets
from watchkeeper.domain.table import Table

from .blocks import BlockSize, Cut, cut_by_time, cut_evenly
from .evidence import ENDED_ALARMS, DriftAlarm, Evidence
from .legs import Legs
from .seasons import Seasons
from .table_legs import TableLegs
from .whitening import Whitening

_AT_REST: Final = 2.0
"""A sum below so many blocks' shares is at rest: no change is under way."""
_LEAST_PATIENCE: Final = 4
_MOST_PATIENCE: Final = 50
_LARGEST_SHARE: Final = 0.05
"""However generous the budget, a block is not more than this part of the period of one false alarm."""


@attrs.frozen(eq=False)
class Blocks:
    """b blocks of k series in time order."""

    values: NDArray[np.float64]
    """(b, k) statistics, NaN where undefined."""
    rows: NDArray[np.float64]
    """(b,)."""
    start_us: NDArray[np.int64]
    """(b,)."""
    end_us: NDArray[np.int64]
    """(b,)."""
    shares: NDArray[np.float64]
    """(b,) each block's part of the period of one false alarm."""
    has_times: bool
    """Whether `start_us` are times; positions otherwise."""


@attrs.frozen(eq=False, slots=False)
class DriftAlarms:
    """What is usual in the reference's blocks, and the bets on a change; made by `fitting.fitted_alarms`.

    A series is one leg of one column; there are k.
    """

    legs: Mapping[str, Legs | TableLegs]
    """Of each column; those of all features together stand beside them."""
    seasons: Seasons
    whitening: Whitening
    bets: ChangeBets
    latitude: NDArray[np.float64]
    """(k,) how much more the evidence counts, because its bets are safer than they need be."""
    size: BlockSize
    period_us: float
    """The time in which one false alarm is allowed."""
    digest: str
    """Of the reference and the terms."""
    reference_end_us: int | None
    """Where the reference's last block ends; None when its times are not known."""
    reference_blocks: int
    """How many blocks of the reference they are fitted on."""

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that are watched."""
        return tuple(name for name, found in self.legs.items() if not isinstance(found, TableLegs))

    @cached_property
    def series(self) -> tuple[tuple[str, str], ...]:
        """Column and leg of each series."""
        return tuple((name, leg) for name, found in self.legs.items() for leg in found.names)

    @cached_property
    def column_of(self) -> NDArray[np.int64]:
        """(k,) the position of each series' column in `legs`."""
        return np.repeat(np.arange(len(self.legs)), [len(found.names) for found in self.legs.values()])

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """(k,) each series' part of its column's evidence, times its `latitude`."""
        return np.array([weight for found in self.legs.values() for weight in found.weights]) * self.latitude

    @property
    def fresh(self) -> Evidence:
        """Before the first block; the rows of the reference are not counted again."""
        return self.evidence_from(self.reference_end_us or 0)

    def evidence_from(self, since_us: int) -> Evidence:
        """Before the first block, which begins at `since_us` or later."""
        return Evidence.fresh(self.digest, self.bets.nothing, since_us)

    def blocks(self, table: Table, times: NDArray[np.int64] | None, cut: Cut) -> Blocks:
        """The statistics of rows (in time order) that were cut into blocks; a missing column is undefined."""
        values, rows = block_statistics(self.legs, table, cut)
        if times is None:
            typical = self.size.typical_us or 0.0
            lasted = typical * rows / self.size.rows
        else:
            lasted = (cut.end_us - cut.start_us).astype(np.float64)
        shares = np.minimum(lasted / self.period_us, _LARGEST_SHARE)
        shares[lasted <= 0] = _LARGEST_SHARE
        return Blocks(values, rows, cut.start_us, cut.end_us, shares, times is not None)

    def advanced(self, evidence: Evidence, blocks: Blocks) -> Evidence:
        """The evidence after these blocks. O(blocks * series)."""
        usual = self.seasons.at(blocks.start_us) if blocks.has_times else 0.0
        deviations = blocks.values - self.whitening.mean - usual
        for at in range(len(deviations)):
            evidence = self._after(evidence, deviations[at], blocks, at)
        return evidence

    def _after(self, evidence: Evidence, deviation: NDArray[np.float64], blocks: Blocks, at: int) -> Evidence:
        share, start_us, end_us = float(blocks.shares[at]), int(blocks.start_us[at]), int(blocks.end_us[at])
        residual = self.whitening.residual(deviation, evidence.expected, blocks.rows[at])
        sums = self.bets.advanced(evidence.sums, residual, share)
        rested = evidence.sums.mean(axis=1) <= _AT_REST * share
        known = np.isfinite(deviation)
        moved = np.where(rested, 0.0, evidence.moved) + np.where(known, deviation, 0.0)
        lasted = np.where(rested, 0.0, evidence.lasted) + known
        after = attrs.evolve(
            evidence,
            through_us=end_us,
            blocks=evidence.blocks + 1,
            sums=sums,
            expected=self.whitening.expected(deviation, evidence.expected, blocks.rows[at]),
            began_us=np.where(rested, float(start_us), evidence.began_us),
            moved=moved,
            lasted=lasted,
        )
        return self._judged(self._reconsidered(after, deviation, end_us), end_us)

    def by_column(self, evidence: Evidence) -> NDArray[np.float64]:
        """(columns,) each column's evidence of a change: an alarm needs 1 on average over all columns."""
        by_series = evidence.sums.mean(axis=1).sum(axis=0) * self.weights
        return np.bincount(self.column_of, by_series, len(self.legs)).astype(np.float64)

    def _reconsidered(self, evidence: Evidence, deviation: NDArray[np.float64], now_us: int) -> Evidence:
        """Open alarms after one more block: those whose data are back end, and their columns begin anew."""
        if not evidence.open:
            return evidence
        every = [alarm.after(float(deviation[self._series_of(alarm)])) for alarm in evidence.open.values()]
        over = tuple(attrs.evolve(alarm, ended_us=now_us) for alarm in every if alarm.is_over)
        stay = {alarm.column: alarm for alarm in every if not alarm.is_over}
        names = list(self.legs)
        anew = np.isin(self.column_of, [names.index(alarm.column) for alarm in over])
        sums = np.where(anew, 0.0, evidence.sums)
        return attrs.evolve(evidence, sums=sums, open=stay, ended=(*evidence.ended, *over)[-ENDED_ALARMS:])

    def _judged(self, evidence: Evidence, now_us: int) -> Evidence:
        """New alarms: of every column that has evidence for one on its own, when all together have enough."""
        at_large = self.by_column(evidence)
        names = list(self.legs)
        at_large[[names.index(column) for column in evidence.open]] = 0.0
        if at_large.mean() < 1.0:
            return evidence
        found = {names[at]: self._alarm(evidence, int(at), now_us) for at in np.flatnonzero(at_large >= 1.0)}
        return attrs.evolve(evidence, open={**evidence.open, **found})

    def _alarm(self, evidence: Evidence, column: int, now_us: int) -> DriftAlarm:
        side, series = self._strongest(evidence, column)
        blocks = float(evidence.lasted[side, series])
        size = float(evidence.moved[side, series]) / max(blocks, 1.0)
        name, leg = self.series[series]
        patience = int(min(max(blocks, _LEAST_PATIENCE), _MOST_PATIENCE))
        return DriftAlarm(
            column=name,
            leg=leg,
            is_up=side == 0,
            noticed_size=size,
            size=size,
            since_us=int(evidence.began_us[side, series]),
            noticed_us=now_us,
            patience=patience,
        )

    def _series_of(self, alarm: DriftAlarm) -> int:
        return self.series.index((alarm.column, alarm.leg))

    def _strongest(self, evidence: Evidence, column: int) -> tuple[int, int]:
        weighed = np.where(self.column_of == column, evidence.sums.mean(axis=1) * self.weights, -1.0)
        side, series = np.unravel_index(int(np.argmax(weighed)), weighed.shape)
        return int(side), int(series)

    def judged_alone(self, table: Table, times: NDArray[np.int64] | None) -> Evidence:
        """The evidence after these rows only, with nothing known from before: for a file, or the first rows of all."""
        count = len(table)
        if times is not None and self.size.duration_us is not None:
            cut = cut_by_time(times, self.size.duration_us)
            inside = np.minimum(np.maximum(cut.end_us, 1), times[-1] + 1)
            cut = attrs.evolve(cut, end_us=inside)
        else:
            cut = cut_evenly(count, self.size.rows)
            if times is not None:
                cut = _timed(cut, times)
        blocks = self.blocks(table, times, cut)
        return self.advanced(self.evidence_from(int(blocks.start_us[0])), blocks)


def _timed(cut: Cut, times: NDArray[np.int64]) -> Cut:
    starts = np.searchsorted(cut.block, np.arange(len(cut)))
    start_us = times[starts]
    return Cut(cut.block, start_us, np.append(start_us[1:], times[-1] + 1))


def block_statistics(
    legs: Mapping[str, Legs | TableLegs], table: Table, cut: Cut, *, is_reference: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(b, k) statistics and (b,) rows; rows after the last full block are left out."""
    count = len(cut)
    parts = []
    for name, found in legs.items():
        if isinstance(found, TableLegs):
            inside = table.rows(slice(len(cut.block)))
            statistics = found.reference_statistics if is_reference else found.statistics
            parts.append(statistics(inside, cut.block, count))
        elif name in table:
            parts.append(found.statistics(table[name][: len(cut.block)], cut.block, count))
        else:
            parts.append(np.full((count, len(found.names)), np.nan))
    return np.hstack(parts), np.bincount(cut.block, minlength=count).astype(np.float64)
