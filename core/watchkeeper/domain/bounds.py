"""How far apart two profiles are: bounds that hold for every pair of columns with these profiles."""

from __future__ import annotations

import math
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from .cells import NumberCells
from .errors import DataError
from .profile import NumberProfile
from .tally import FARTHEST, SUM_BITS

Bounds: TypeAlias = tuple[float, float]
"""At least, at most."""


def ks_bounds(cells: NumberCells, reference: NumberProfile, current: NumberProfile) -> Bounds:
    """Bounds of the Kolmogorov-Smirnov distance between the columns of two profiles.

    At every edge both distribution functions are known exactly, so their largest gap there is a lower bound.
    Inside a cell from a to b, where both only rise, ``F - G <= F(b) - G(a) = gap(a) + p`` and
    ``G - F <= G(b) - F(a) = gap(b) + p``, with p the reference's share of the cell. A cell of one value has no
    inside. For a reference of n rows whose own cells these are, p is at most n/240 rounded up to whole rows, hence
    ``edge_max <= KS <= edge_max + ceil(n / 240) / n`` whatever the current values are. O(cells).
    """
    below, above = _shares(reference), _shares(current)
    lower = float(np.abs(below - above).max())
    inside = np.maximum(below[1:] - above[:-1], above[1:] - below[:-1])[~cells.is_single[1:]]
    return lower, max(lower, float(inside.max(initial=0.0)))


def wasserstein_bounds(cells: NumberCells, reference: NumberProfile, current: NumberProfile) -> Bounds:
    """Bounds of the first Wasserstein distance between the finite values of two profiles, in the column's unit.

    Inside a cell the integral of ``F - G`` follows exactly from the cell's sums. Its size is the cell's share of the
    distance where F and G cannot cross, and a lower bound where they can; there the width times the largest
    possible gap is an upper bound. The outermost cells end at the farthest value. O(cells).
    """
    gaps = _gaps(cells, reference, current)
    most = np.where(gaps.can_cross, np.maximum(gaps.width * gaps.largest, gaps.integral), gaps.integral)
    return cells.scale * float(gaps.integral.sum()), cells.scale * float(most.sum())


def energy_bounds(cells: NumberCells, reference: NumberProfile, current: NumberProfile) -> Bounds:
    """Bounds of the energy distance between the finite values of two profiles, in the root of the column's unit.

    In a cell of width w where ``F - G`` integrates to I and is at most g in size, its square integrates to at least
    ``I² / w`` (Cauchy and Schwarz) and at most ``g |I|``, or ``g² w`` where F and G can cross. O(cells).
    """
    gaps = _gaps(cells, reference, current)
    least = np.divide(gaps.integral**2, gaps.width, out=np.zeros_like(gaps.width), where=gaps.width > 0)
    most = gaps.largest * np.where(gaps.can_cross, np.maximum(gaps.width * gaps.largest, gaps.integral), gaps.integral)
    lower, upper = (math.sqrt(2 * cells.scale * float(part.sum())) for part in (least, most))
    return lower, max(lower, upper)


@attrs.frozen(eq=False)
class _Gaps:
    """What is known of ``F - G`` within each finite cell; lengths in scales."""

    width: NDArray[np.float64]
    integral: NDArray[np.float64]
    """The size of its integral."""
    largest: NDArray[np.float64]
    """What its size is at most."""
    can_cross: NDArray[np.bool_]
    """Whether it can change its sign."""


def _gaps(cells: NumberCells, reference: NumberProfile, current: NumberProfile) -> _Gaps:
    if not reference.present - reference.infinite or not current.present - current.infinite:
        raise DataError("a profile without finite values has no distance to another; check `present` and `infinite`")
    start, stop = _extents(cells, reference, current)
    before, now = _inside(reference, start, stop), _inside(current, start, stop)
    width = stop - start
    largest = np.maximum(np.maximum(before.stop - now.start, now.stop - before.start), 0.0)
    # in cells narrower than the rounding of sums the difference of integrals is noise: it cannot exceed its limit
    integral = np.minimum(np.abs(before.integral - now.integral), width * largest)
    return _Gaps(width, integral, largest, (before.stop > now.start) & (now.stop > before.start))


@attrs.frozen(eq=False)
class _Inside:
    """A distribution function within the finite cells, over the finite values; lengths in scales."""

    start: NDArray[np.float64]
    """At each cell's left edge."""
    stop: NDArray[np.float64]
    """At each cell's right edge."""
    integral: NDArray[np.float64]
    """Over each cell."""


def _inside(counted: NumberProfile, start: NDArray[np.float64], stop: NDArray[np.float64]) -> _Inside:
    counts = counted.counts[1:-1]
    total = int(counts.sum())
    upto = np.cumsum(counts) / total
    before = np.concatenate(([0.0], upto[:-1]))
    sums = np.array([units / (1 << SUM_BITS) for units in counted.sums[1:-1]])
    return _Inside(before, upto, before * (stop - start) + (counts * stop - sums) / total)


def _extents(
    cells: NumberCells, first: NumberProfile, second: NumberProfile
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Left and right edges of the finite cells in scales from the centre; the outermost end at the farthest value."""
    borders = cells.edges.copy()
    borders[0] = min(cells.edges[1], *(side.minimum for side in (first, second) if side.minimum is not None))
    borders[-1] = max(cells.edges[-2], *(side.maximum for side in (first, second) if side.maximum is not None))
    with np.errstate(over="ignore"):
        distances = (borders - cells.centre) * (1 / cells.scale)
    distances = np.clip(distances, -FARTHEST, FARTHEST)
    return distances[:-1], distances[1:]


def _shares(counted: NumberProfile) -> NDArray[np.float64]:
    """(cells,) the share of values up to the right edge of each cell."""
    return np.cumsum(counted.counts) / counted.present
