"""Says of a check whether it is unlike the clean history of its series, at a stated rate of false alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import UsageError

from .features import Scale
from .legs import Scorer, scorer_of
from .methods import Leg, Method
from .seasons import Profile, profile_of
from .tails import Tail

FEWEST: Final = 100
"""So many clean checks are needed whatever the rate is."""
_BEYOND: Final = 30
"""A tail is followed to a rate so many times smaller than one in all the history's checks, no further."""
_FOLDS: Final = 4
LOOKS_BACK: Final = 64
"""Rows before the judged one after which no score remembers anything that counts."""


def needed(rate: float, method: Method = Method.ALL) -> int:
    """How many clean checks a rate of false alarms needs: at least 100; a thirtieth of one false alarm in each leg.

    >>> needed(1 / 720), needed(1 / 43_200), needed(1 / 43_200, Method.EWMA)
    (120, 7200, 1440)
    """
    return max(FEWEST, math.ceil(round(len(method.legs) / (_BEYOND * rate), 6)))


@attrs.frozen
class Reading:
    """What was found of one check."""

    p_value: float
    """How likely a clean check is as unusual, over all legs (Bonferroni)."""
    evidence: float
    """``log(p_value) / log(rate)``: above 1 it is an anomaly, at 2 it would be at the square of the rate."""
    leg: Leg
    """The one that found it most unusual."""
    column: int
    """Which of the k series is furthest from what is usual."""

    @property
    def is_anomaly(self) -> bool:
        """Whether it is unlike the clean history."""
        return self.evidence > 1.0


@attrs.frozen(eq=False)
class _Fitted:
    """Everything that is learned from the clean rows."""

    profile: Profile
    scale: Scale
    scorers: Mapping[Leg, Scorer]

    @classmethod
    def on(
        cls, times: NDArray[np.int64], values: NDArray[np.float64], rows: NDArray[np.bool_], method: Method
    ) -> _Fitted:
        profile = profile_of(times[rows], values[rows])
        left = profile.without(times, values)
        scale = Scale.of(left[rows])
        scores = scale.scores(left)
        return cls(profile, scale, {leg: scorer_of(leg, scores, rows) for leg in method.legs})

    def scores(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Robust z scores (n, k)."""
        return self.scale.scores(self.profile.without(times, values))


@attrs.frozen(eq=False)
class AnomalyDetector:
    """Fitted on the clean history of k series that are measured together; make one with `fit`."""

    rate: float
    """The false alarms in each check that are allowed."""
    method: Method
    fitted: _Fitted
    tails: Mapping[Leg, Tail]

    @classmethod
    def fit(
        cls,
        times: NDArray[np.int64],
        values: NDArray[np.float64],
        rate: float,
        method: Method = Method.ALL,
        *,
        left_out: int = 0,
    ) -> AnomalyDetector:
        """Learn what is usual, and how high each leg's score is by chance.

        The scores that set the limits are those of a quarter of the history by what was learned from the other three
        (in blocks of time): rows that a forest was fitted on look more usual to it than fresh ones. O(n k) and five
        forests.

        Parameters
        ----------
        times
            (n,) UTC microseconds, ascending.
        values
            (n, k) finite; n at least `needed`.
        rate
            Allowed false alarms in each check, between 0 and 1.
        left_out
            How many checks were taken out of the history as anomalies: as many of them as the rate allows count as
            clean, so that the limits do not creep down.

        Raises
        ------
        UsageError
            For too short a history.
        """
        if len(values) < needed(rate, method):
            raise UsageError(f"{len(values)} clean checks; a rate of {rate:g} needs {needed(rate, method)}")
        every = np.ones(len(values), dtype=np.bool_)
        by_chance = min(left_out, round(rate * len(values)))
        held_out = {leg: np.empty(len(values)) for leg in method.legs}
        for block in np.array_split(np.arange(len(values)), _FOLDS):
            rows = every.copy()
            rows[block] = False
            fitted = _Fitted.on(times, values, rows, method)
            scores = fitted.scores(times, values)
            begin = max(block[0] - LOOKS_BACK, 0)
            for leg, found in held_out.items():
                found[block] = fitted.scorers[leg](scores[begin : block[-1] + 1])[block[0] - begin :]
        tails = {leg: Tail.of(found, by_chance) for leg, found in held_out.items()}
        return cls(rate, method, _Fitted.on(times, values, every, method), tails)

    def judge(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> Reading:
        """The last row of ``values`` (m, k), with up to `LOOKS_BACK` rows before it."""
        return self.judge_each(times, values, 1)[0]

    def usual(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """(m, k) what was expected at those times."""
        zero = np.zeros((len(times), len(self.fitted.scale.middle)))
        return self.fitted.scale.middle - self.fitted.profile.without(times, zero)

    def judge_each(self, times: NDArray[np.int64], values: NDArray[np.float64], last: int) -> list[Reading]:
        """Each of the last rows; the others are what came before them. O(m k)."""
        scores = self.fitted.scores(times, values)
        found = {leg: self.fitted.scorers[leg](scores)[-last:] for leg in self.method.legs}
        columns = np.argmax(np.abs(scores[-last:]), axis=1)
        return [
            self._reading({leg: float(of_leg[row]) for leg, of_leg in found.items()}, int(columns[row]))
            for row in range(last)
        ]

    def _reading(self, scores: Mapping[Leg, float], column: int) -> Reading:
        p_values = {leg: self.tails[leg].p_value(score) for leg, score in scores.items()}
        leg = min(p_values, key=lambda one: p_values[one])
        p_value = min(p_values[leg] * len(p_values), 1.0)
        evidence = math.log(max(p_value, 1e-300)) / math.log(self.rate)
        return Reading(p_value, max(evidence, 0.0), leg, column)
