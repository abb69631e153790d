"""How sure a difference is: the block jackknife, for any statistic of rows in order of time.

The rows are cut into blocks of equal length, the statistic is computed without each of them, and how much that changes
it tells how much it varies. Blocks that are longer than the rows' dependence make it hold for dependent rows, too.

References
----------
H. R. Künsch, The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17 (1989),
section 2; B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEWEST_BLOCKS: Final = 8
MOST_BLOCKS: Final = 40
_MANY_ROWS: Final = 200_000
_MANY_BLOCKS: Final = 20
_ROWS_OF_BLOCK: Final = 5


def block_count(rows: int) -> int:
    """Into how many blocks so many rows are cut; 0 when they are too few."""
    most = _MANY_BLOCKS if rows > _MANY_ROWS else MOST_BLOCKS
    blocks = min(most, rows // _ROWS_OF_BLOCK)
    return blocks if blocks >= FEWEST_BLOCKS else 0


def jackknife_variance(statistic: Callable[[NDArray[np.bool_]], float | None], rows: int) -> tuple[float, int] | None:
    """The variance of a statistic and the degrees of freedom; None where it is undefined without one of the blocks.

    Parameters
    ----------
    statistic
        Its value over the rows that a mask (n,) keeps.
    rows
        n. Costs at most 40 statistics, 20 above 200,000 rows.
    """
    blocks = block_count(rows)
    if not blocks:
        return None
    block = np.arange(rows) * blocks // rows
    found = [statistic(block != one) for one in range(blocks)]
    values = np.array([value for value in found if value is not None])
    if len(values) < blocks:
        return None
    return float((blocks - 1) / blocks * ((values - values.mean()) ** 2).sum()), blocks - 1


def interval(estimate: float, variance: float, degrees: int, level: float = 0.95) -> tuple[float, float]:
    """A two-sided interval by Student's t.

    >>> low, high = interval(0.0, 1.0, 1000)
    >>> round(low, 3), round(high, 3)
    (-1.962, 1.962)
    """
    from scipy.special import stdtrit

    half = float(stdtrit(degrees, 0.5 + level / 2.0)) * float(np.sqrt(variance))
    return estimate - half, estimate + half
