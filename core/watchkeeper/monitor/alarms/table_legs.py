"""The legs of all features together: what each table detector's p-value says about a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from watchkeeper.contracts.drift import Drift
from watchkeeper.domain.table import Table
from watchkeeper.domain.verdict import Failure
from watchkeeper.monitor.tables import BLOCKS, Tables

_SMALLEST: Final = 1e-300
_LARGEST: Final = 1.0 - 1e-12


@attrs.frozen(eq=False)
class TableLegs:
    """One leg for each table detector that is a test.

    A block's p-value p becomes its normal score divided by the root of its rows, ``-ndtri(p) / sqrt(rows)``: a number
    with a sampling sd of 1/sqrt(rows), as other legs are. Dependence between rows widens it, which the reference's
    own blocks show.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    tables: Tables

    @classmethod
    def of(cls, tables: Tables) -> TableLegs | None:
        """The legs of all detectors that could be fitted; None without any."""
        names = tuple(title for title, found in tables.fitted.items() if not isinstance(found, Failure))
        if not names or not tables.encoding.codes:
            return None
        return cls(names, (1.0 / len(names),) * len(names), tables)

    def statistics(self, table: Table, block: NDArray[np.int64], count: int) -> NDArray[np.float64]:
        """(count, legs) float64, NaN where a detector has no p-value, or a column cannot be compared."""
        found: list[Mapping[str, float | None]] = []
        rows = np.bincount(block, minlength=count)
        starts = np.concatenate(([0], np.cumsum(rows)))
        for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            found.append(self._p_values(table.rows(slice(first, last))) if last > first else {})
        return np.column_stack([_scores([one.get(name) for one in found], rows) for name in self.names])

    def reference_statistics(self, table: Table, block: NDArray[np.int64], count: int) -> NDArray[np.float64]:
        """The same of the reference's own blocks, each compared with other stretches of it."""
        usual = self.tables.usual(table, block, count, BLOCKS)
        rows = np.bincount(block, minlength=count)
        return np.column_stack([_scores(usual[name].p_values, rows) for name in self.names])

    def _p_values(self, part: Table) -> dict[str, float | None]:
        found = self.tables.compare(part.columns)
        if found.lacking:
            return {}
        return {title: one.p_value for title, one in found.drifts.items() if isinstance(one, Drift)}


def _scores(p_values: Sequence[float | None], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    shares = np.array([np.nan if share is None else share for share in p_values], dtype=np.float64)
    scores = -ndtri(np.clip(shares, _SMALLEST, _LARGEST))
    return np.asarray(scores / np.sqrt(np.maximum(rows, 1)))
