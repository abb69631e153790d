"""Reconstruction error: whether the features still depend on one another as in the reference, by principal components.

The reference's components that explain a given share of its variance are kept. A row's error is the length of what
they do not reproduce, ``e(x) = |x - x'|``; a window's is the mean over its rows. Where features stop moving together,
rows leave the plane of the components and errors grow; each feature alone may look as ever.

The p-value is a normal test of the mean error; it takes the components as given. Where the reference's variance is much
the same in all directions they are chosen by chance, and errors of other rows are a little larger than the reference's.

References: Jackson and Mudholkar, Technometrics 21 (1979) 341, for control charts of principal components.
Cost: O(n d² + d³) to fit, O(m d k) a window of m rows with k components.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from watchkeeper.contracts.drift import Drift
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .table_rows import too_few_rows

_ROUNDING: Final = 1e-7
"""An error below this is rounding: the columns are of size 1."""


@attrs.frozen
class Options:
    """How many components are kept."""

    explained: float = attrs.field(default=0.65, validator=[attrs.validators.gt(0.0), attrs.validators.lt(1.0)])
    """The share of the reference's variance that the components explain at least; never all of them are kept."""


@attrs.frozen(eq=False)
class Fitted:
    """The reference's centre and components, and how large its own errors are."""

    centre: NDArray[np.float64]
    """(d,)."""
    components: NDArray[np.float64]
    """(d, k), orthonormal."""
    rows: int
    error: float
    """The reference's mean error."""
    deviation: float
    """The sd of its rows' errors."""

    def compare(self, rows: NDArray[np.float64]) -> Drift:
        """How much larger the mean error is than the reference's, in sds of one row's error; below 0, smaller."""
        if len(self.centre) <= 1:
            told = f"{len(self.centre)} encoded columns depend on nothing: at least 2 are needed"
            return Drift(Value.undefined(told, samples=len(rows)))
        if undefined := too_few_rows(self.rows, len(rows)):
            return undefined
        away = float(errors(rows, self.centre, self.components).mean()) - self.error
        if self.deviation <= _ROUNDING:  # the reference is wholly reproduced: any error is certain
            grown = away > _ROUNDING
            return Drift(Value.of(abs(away) if grown else 0.0, samples=len(rows)), 0.0 if grown else 1.0)
        effect = away / self.deviation
        p_value = float(ndtr(-effect / math.sqrt(1.0 / len(rows) + 1.0 / self.rows)))
        return Drift(Value.of(effect, samples=len(rows)), p_value, effect)

    def to_record(self) -> dict[str, Any]:
        """Arrays and numbers."""
        return attrs.asdict(self)


@attrs.frozen
class Reconstruction:
    """Error of reconstruction from the reference's principal components.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> common = rng.normal(size=(2000, 1))
    >>> rows = common + 0.1 * rng.normal(size=(2000, 3))
    >>> fitted = Reconstruction().fit(rows)
    >>> fitted.compare(rows).statistic.number, fitted.compare(rng.normal(size=(500, 3))).p_value
    (0.0, 0.0)
    """

    options: Options = Options()
    calibration_windows: int = 200

    def fit(self, rows: NDArray[np.float64]) -> Fitted:
        """Find the components."""
        columns = rows.shape[1]
        if not len(rows) or columns <= 1:
            return Fitted(np.zeros(columns), np.zeros((columns, 0)), len(rows), 0.0, 0.0)
        centre = rows.mean(axis=0)
        away = rows - centre
        variances, directions = np.linalg.eigh(away.T @ away)
        total = np.cumsum(variances[::-1])
        kept = int(np.searchsorted(total, self.options.explained * total[-1])) + 1
        components = directions[:, ::-1][:, : min(kept, columns - 1)]
        found = errors(rows, centre, components)
        return Fitted(centre, np.ascontiguousarray(components), len(rows), float(found.mean()), float(found.std()))

    def restored(self, record: Mapping[str, Any]) -> Fitted:
        """The components again."""
        return Fitted(**record)


def errors(
    rows: NDArray[np.float64], centre: NDArray[np.float64], components: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) how much of each row the components do not reproduce."""
    away = rows - centre
    left = away - (away @ components) @ components.T
    return np.asarray(np.sqrt((left * left).sum(axis=1)))


def build(options: Options) -> Reconstruction:
    """The detector with so many components."""
    return Reconstruction(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(
        Kind.DRIFT,
        "pca_reconstruction",
        build,
        Options,
        summary="Error of reconstruction from the reference's principal components, all features together",
    )
