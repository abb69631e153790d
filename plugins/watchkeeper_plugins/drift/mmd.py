"""Maximum mean discrepancy: how far apart the mean embeddings of two samples of whole rows are, all columns together.

``MMD² = |mean of phi(x) over the reference - mean of phi(y) over the window|²``, phi being random Fourier features of a
Gaussian kernel, ``phi(x) = sqrt(2 / D) (cos w x, sin w x)``, so that ``phi(x) phi(y)`` is about
``exp(-|x - y|² / (2 s²))``. The bandwidth s is the median distance between rows of the reference.

Without drift, ``MMD² / (1/n + 1/m)`` is a weighted sum of chi-squares whose mean and variance are those of the
embedded reference's covariance; a gamma law with both gives the p-value.

References: Gretton, Borgwardt, Rasch, Schölkopf and Smola, Journal of Machine Learning Research 13 (2012) 723. Rahimi
and Recht, Advances in Neural Information Processing Systems 20 (2007).
Cost: O(n d D) to fit, O(m d D) a window; no distances between rows are taken but those for the bandwidth.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from watchkeeper.contracts.drift import Drift
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .table_rows import too_few_rows

_BANDWIDTH_ROWS: Final = 500
_SMALLEST: Final = 1e-12
"""A spread of the embedding below this is rounding."""


@attrs.frozen
class Options:
    """The kernel and how well it is approximated."""

    features: int = attrs.field(default=200, validator=[attrs.validators.ge(2), attrs.validators.le(4000)])
    """Random features D, an even number: the kernel is off by about ``1 / sqrt(D)``."""
    bandwidth: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0.0)))
    """The kernel's width s in encoded units; the reference's median distance when left out."""
    seed: int = 0
    """Of the random features."""


@attrs.frozen(eq=False)
class Fitted:
    """The embedded reference: D numbers and three more, not its rows."""

    frequencies: NDArray[np.float64]
    """(d, D / 2)."""
    mean: NDArray[np.float64]
    """(D,)."""
    rows: int
    trace: float
    """Of the embedding's covariance."""
    squares: float
    """Trace of that covariance times itself."""

    def compare(self, rows: NDArray[np.float64]) -> Drift:
        """The discrepancy; the effect is what is left of it without what chance adds."""
        if undefined := too_few_rows(self.rows, len(rows)):
            return undefined
        gap = embedded(rows, self.frequencies).mean(axis=0) - self.mean
        distance = float((gap * gap).sum())
        noise = self.trace * (1.0 / len(rows) + 1.0 / self.rows)
        statistic = Value.of(math.sqrt(distance), samples=len(rows))
        effect = math.sqrt(max(distance - noise, 0.0))
        if self.squares <= _SMALLEST**2:  # the reference's rows are all the same: any distance is certain
            return Drift(statistic, 1.0 if distance <= _SMALLEST else 0.0, effect)
        freedom = self.trace**2 / self.squares
        return Drift(statistic, float(chdtrc(freedom, freedom * distance / noise)), effect)

    def to_record(self) -> dict[str, Any]:
        """Arrays and numbers."""
        return attrs.asdict(self)


@attrs.frozen
class MeanDiscrepancy:
    """MMD with a Gaussian kernel over all features, encoded.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(2000, 2))
    >>> together = rng.normal(size=(500, 1)) @ np.ones((1, 2))
    >>> found = MeanDiscrepancy().fit(rows).compare(together)
    >>> found.p_value < 1e-6, MeanDiscrepancy().fit(rows).compare(rows).statistic.number
    (True, 0.0)
    """

    options: Options = Options()
    calibration_windows: int = 200

    def fit(self, rows: NDArray[np.float64]) -> Fitted:
        """Embed the reference."""
        width = self.options.bandwidth or median_distance(rows)
        drawn = np.random.default_rng(self.options.seed).normal(size=(rows.shape[1], self.options.features // 2))
        frequencies = drawn / width
        if not len(rows):
            return Fitted(frequencies, np.zeros(2 * frequencies.shape[1]), 0, 0.0, 0.0)
        found = embedded(rows, frequencies)
        mean = found.mean(axis=0)
        found -= mean
        # products of rows have the same squares as products of columns: the fewer of the two are taken
        products = (found.T @ found if len(rows) > len(mean) else found @ found.T) / max(len(rows) - 1, 1)
        return Fitted(frequencies, mean, len(rows), float(np.trace(products)), float((products**2).sum()))

    def restored(self, record: Mapping[str, Any]) -> Fitted:
        """The embedded reference again."""
        return Fitted(**record)


def embedded(rows: NDArray[np.float64], frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, D): cosines, then sines."""
    turned = rows @ frequencies
    found: NDArray[np.float64] = np.hstack((np.cos(turned), np.sin(turned))) / math.sqrt(max(frequencies.shape[1], 1))
    return found


def median_distance(rows: NDArray[np.float64]) -> float:
    """Between pairs of at most 500 evenly spread rows; 1 when more than half of them are equal."""
    chosen = rows[np.unique(np.linspace(0, max(len(rows) - 1, 0), min(len(rows), _BANDWIDTH_ROWS)).astype(int))]
    first, second = np.triu_indices(len(chosen), 1)
    if not len(first):
        return 1.0
    norms = (chosen**2).sum(axis=1)
    squares = norms[first] + norms[second] - 2.0 * (chosen @ chosen.T)[first, second]
    return math.sqrt(max(float(np.median(squares)), 0.0)) or 1.0


def build(options: Options) -> MeanDiscrepancy:
    """The detector with this kernel."""
    return MeanDiscrepancy(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(
        Kind.DRIFT, "mmd", build, Options, summary="Maximum mean discrepancy of all features together, with p-value"
    )
