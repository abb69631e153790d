"""What a column looks like in the window beside the reference: shares of the rows in the same bins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.cells import LabelCells, NumberCells
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.profile import LabelProfile, NumberProfile, Profile, profile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Column

from .axes import BEYOND

BINS: Final = 32
MOST_LABELS: Final = 8
_SHOWN: Final = 0.01
"""The share of the rows on either side that are drawn in the outermost bins."""
OTHERS: Final = "others"
UNSEEN: Final = "not in the reference"


@attrs.frozen
class Shape:
    """Shares of the rows with a value, bin by bin."""

    reference: tuple[float, ...]
    window: tuple[float, ...]
    edges: tuple[float, ...] = ()
    """Of numbers: one more than bins; what lies beyond them is in the outermost bins."""
    labels: tuple[str, ...] = ()
    """Of categories: one a bin, the most changed first."""
    missing: tuple[float, float] = (0.0, 0.0)
    """The share of rows without a value, in the reference and in the window."""


def shape_of(reference: ReferenceColumn, column: Column | Profile) -> Shape | None:
    """The two beside each other, by the profile's cells; None for what has no cells or cannot be compared.

    O(n log n) for a column, O(cells) for a profile.
    """
    if reference.cells is None or reference.profile is None:
        return None
    try:
        counted = column if isinstance(column, NumberProfile | LabelProfile) else profile(column, reference.cells)
    except DataError:
        return None
    if not counted.present or not reference.profile.present:
        return None
    lacking = reference.profile.missing / reference.profile.rows, counted.missing / counted.rows
    before, cells = reference.profile, reference.cells
    if isinstance(before, NumberProfile) and isinstance(counted, NumberProfile) and isinstance(cells, NumberCells):
        return _of_numbers(before, counted, cells, lacking)
    if isinstance(before, LabelProfile) and isinstance(counted, LabelProfile) and isinstance(cells, LabelCells):
        return _of_labels(before, counted, cells, lacking)
    return None


def _of_numbers(
    before: NumberProfile, now: NumberProfile, cells: NumberCells, lacking: tuple[float, float]
) -> Shape | None:
    least = [limit for limit in (before.minimum, now.minimum) if limit is not None]
    most = [limit for limit in (before.maximum, now.maximum) if limit is not None]
    if not least or not most:
        return None
    places = np.clip(cells.edges, max(min(least), -BEYOND), min(max(most), BEYOND))
    reached = [_reached(one) for one in (before, now)]
    low = min(float(_quantile(places, shares, _SHOWN)) for shares in reached)
    high = max(float(_quantile(places, shares, 1.0 - _SHOWN)) for shares in reached)
    if high - low <= abs(low) * 1e-9:
        middle = abs(low) * 0.01 or 0.5
        low, high = low - middle, high + middle
    edges = np.linspace(low, high, BINS + 1)
    parts = [tuple(_shares(places, shares, edges).tolist()) for shares in reached]
    return Shape(parts[0], parts[1], tuple(edges.tolist()), missing=lacking)


def _reached(counted: NumberProfile) -> NDArray[np.float64]:
    """(k,) the share of the rows with a value that is at or below each edge."""
    return np.asarray(np.cumsum(counted.counts)[:-1] / counted.present, dtype=np.float64)


def _quantile(places: NDArray[np.float64], shares: NDArray[np.float64], share: float) -> float:
    return float(places[min(int(np.searchsorted(shares, share)), len(places) - 1)])


def _shares(
    places: NDArray[np.float64], shares: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(bins,) rows in each bin; inside a cell they are taken to lie evenly, beyond the bins in the outermost."""
    inner = np.interp(edges[1:-1], places, shares)
    return np.diff(np.concatenate(([0.0], inner, [1.0])))


def _of_labels(before: LabelProfile, now: LabelProfile, cells: LabelCells, lacking: tuple[float, float]) -> Shape:
    was: Mapping[str, float] = dict(zip(cells.labels, (before.counts / before.present).tolist(), strict=True))
    found: Mapping[str, float] = dict(zip(cells.labels, (now.counts / now.present).tolist(), strict=True))
    order = sorted(was, key=lambda label: (-abs(found[label] - was[label]), -was[label], label))
    told = [(label, was[label], found[label]) for label in order[:MOST_LABELS]]
    if rest := order[MOST_LABELS:]:
        told.append((OTHERS, sum(was[label] for label in rest), sum(found[label] for label in rest)))
    if now.unseen_rows:
        told.append((UNSEEN, 0.0, now.unseen_rows / now.present))
    labels, first, second = zip(*told, strict=True)
    return Shape(tuple(first), tuple(second), labels=tuple(labels), missing=lacking)
