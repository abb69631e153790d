"""Domain classifier: how well a classifier tells the window's rows from the reference's, all columns together.

Extremely randomised trees learn on one half of both sides and score the other half, and the other way round. Halves
are stretches of time, so that neighbours that resemble each other are not on both sides of the fence. In each half the
area under the ROC curve counts the pairs that are told apart, ``AUC = (pairs in which the window's row scores higher +
half of the ties) / pairs``; both halves' pairs count together. The p-value is the Mann-Whitney test's.

References: Lopez-Paz and Oquab, Revisiting classifier two-sample tests, ICLR (2017). Geurts, Ernst and Wehenkel,
Machine Learning 63 (2006) 3. Mann and Whitney, Annals of Mathematical Statistics 18 (1947) 50.
Cost: two forests of 40 trees on at most 1,000 rows of each side, about a tenth of a second of CPU time a window.
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

_FEWEST_ROWS: Final = 10
_LEAF_ROWS: Final = 5
_QUANTILE: Final = 1.959963984540054
"""Of the normal distribution, for an interval of 95 %."""


@attrs.frozen
class Options:
    """The classifier and what it is given."""

    trees: int = attrs.field(default=40, validator=attrs.validators.ge(1))
    """In each of the two forests."""
    rows: int = attrs.field(default=1000, validator=attrs.validators.ge(20))
    """At most so many rows of each side, evenly spread in time."""
    seed: int = 0
    """Of the trees."""


@attrs.frozen
class Separation:
    """How well two sides' scores are told apart, over several parts."""

    auc: float
    p_value: float
    error: float
    """Standard error of the AUC."""

    @classmethod
    def of(cls, parts: Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Separation:
        """From (reference scores, window scores) of each part; only scores of one part are compared."""
        wins = pairs = null = own = 0.0
        for before, now in parts:
            won, variance = _wins(before, now)
            pair = float(len(before) * len(now))
            wins, pairs, null = wins + won, pairs + pair, null + variance
            own += pair**2 * _hanley_mcneil(won / pair, len(before), len(now))
        auc = wins / pairs
        excess = (wins - 0.5 * pairs) / math.sqrt(null) if null > 0.0 else 0.0
        return cls(auc, float(ndtr(-excess)), math.sqrt(own) / pairs)


@attrs.frozen(eq=False)
class Fitted:
    """Rows of the reference, evenly spread."""

    options: Options
    rows: NDArray[np.float64]
    """(n, d), at most `Options.rows`."""

    def compare(self, rows: NDArray[np.float64]) -> Drift:
        """``2 AUC - 1``, 0 when no better than guessing and below it when worse; the effect is the AUC."""
        if not rows.shape[1]:
            return Drift(Value.undefined("there are no columns to tell rows apart by", samples=len(rows)))
        fewest = min(len(rows), len(self.rows))
        if fewest < _FEWEST_ROWS:
            where = "the window" if len(rows) < _FEWEST_ROWS else "the reference"
            told = f"{fewest} rows in {where} are too few to train on: at least {_FEWEST_ROWS} are needed"
            return Drift(Value.undefined(told, samples=len(rows)))
        found = Separation.of(self._scores(evenly(rows, self.options.rows)))
        spread = _QUANTILE * found.error
        low, high = max(2.0 * (found.auc - spread) - 1.0, -1.0), min(2.0 * (found.auc + spread) - 1.0, 1.0)
        statistic = Value.of(2.0 * found.auc - 1.0, samples=len(rows), interval=(low, high))
        return Drift(statistic, found.p_value, found.auc)

    def _scores(self, rows: NDArray[np.float64]) -> Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """(reference, window) scores of each half by the forest that learnt on the other."""
        from sklearn.ensemble import ExtraTreesClassifier

        sides = [np.array_split(side.astype(np.float32), 2) for side in (self.rows, rows)]
        for held_out in (0, 1):
            learnt = [side[1 - held_out] for side in sides]
            forest = ExtraTreesClassifier(
                self.options.trees, min_samples_leaf=_LEAF_ROWS, random_state=self.options.seed, n_jobs=1
            )
            forest.fit(np.vstack(learnt), np.repeat([0, 1], [len(side) for side in learnt]))
            before, now = (forest.predict_proba(side[held_out])[:, 1] for side in sides)
            yield before, now

    def to_record(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": self.rows}


@attrs.frozen
class DomainClassifier:
    """Cross-fitted trees that tell the window from the reference.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fitted = DomainClassifier().fit(rng.normal(size=(600, 3)))
    >>> found = fitted.compare(rng.normal([1.0, 0.0, 0.0], size=(300, 3)))
    >>> found.effect > 0.65, found.p_value < 1e-6
    (True, True)
    """

    options: Options = Options()
    calibration_windows: int = 40

    def fit(self, rows: NDArray[np.float64]) -> Fitted:
        """Keep rows of the reference."""
        return Fitted(self.options, evenly(rows, self.options.rows))

    def restored(self, record: Mapping[str, Any]) -> Fitted:
        """The rows again."""
        return Fitted(self.options, **record)


def evenly(rows: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """At most so many rows, evenly spread, in their order."""
    if len(rows) <= most:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, most).astype(int)])


def _wins(before: NDArray[np.float64], now: NDArray[np.float64]) -> tuple[float, float]:
    """Pairs won by the window (half for a tie), and their variance without drift; O(n log n)."""
    ordered = np.sort(before)
    below, upto = np.searchsorted(ordered, now, "left"), np.searchsorted(ordered, now, "right")
    won = 0.5 * float(below.sum() + upto.sum())
    n, m = len(before), len(now)
    ties = np.unique(np.concatenate((before, now)), return_counts=True)[1].astype(np.float64)
    total = n + m
    corrected = total + 1.0 - float((ties**3 - ties).sum()) / (total * (total - 1.0))
    return won, n * m / 12.0 * corrected


def _hanley_mcneil(auc: float, before: int, now: int) -> float:
    """The AUC's variance (Hanley and McNeil, Radiology 143 (1982) 29)."""
    lower, upper = auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc)
    spread = auc * (1.0 - auc) + (now - 1) * (lower - auc * auc) + (before - 1) * (upper - auc * auc)
    return max(spread, 0.0) / (before * now)


def build(options: Options) -> DomainClassifier:
    """The detector with these forests."""
    return DomainClassifier(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(
        Kind.DRIFT,
        "domain_classifier",
        build,
        Options,
        summary="How well trees tell the window from the reference by all features (AUC), with p-value",
    )
