"""Flapping: an alert that comes and goes is told once, and then not again until it has settled, or fires steadily.

Whether it fired is remembered for the last 21 checks. When at least 8 of the 20 steps between them are changes, the
alert flaps; it has settled when at most 4 are. The two thresholds are apart so that flapping does not flap itself.
What flaps and then fires at 5 checks in a row, or 2 when it is critical, is told to fire: once until it has settled.

References
----------
The percent-state-change method of Nagios, with equal weights for all steps.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import attrs

from watchkeeper.domain.alert import Severity

CHECKS: Final = 21
_BEGINS: Final = 8
_SETTLED: Final = 4
_FIRED, _QUIET = "1", "0"
_STEADY: Final = {Severity.CRITICAL: 2}
_STEADY_ELSE: Final = 5


def steady_checks(severity: Severity) -> int:
    """How many checks in a row it must fire at before it counts as more than a flap."""
    return _STEADY.get(severity, _STEADY_ELSE)


@attrs.frozen
class Recent:
    """The last checks of one alert, oldest first."""

    checks: str = ""
    """``1`` for each after which it fired, ``0`` for each after which it did not; at most `CHECKS`."""
    is_flapping: bool = False
    is_told: bool = False
    """Whether receivers know that it flaps."""
    is_steady_told: bool = False
    """Whether receivers know that it has fired without a break since they were told that it flaps."""

    @property
    def changes(self) -> int:
        """How many of the steps are changes."""
        return sum(before != after for before, after in pairwise(self.checks))

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to remember: it fired after none of these checks."""
        return _FIRED not in self.checks

    def after(self, *, is_firing: bool) -> Recent:
        """With one more check."""
        seen = attrs.evolve(self, checks=(self.checks + (_FIRED if is_firing else _QUIET))[-CHECKS:])
        if seen.changes >= _BEGINS:
            return attrs.evolve(seen, is_flapping=True)
        if seen.is_flapping and seen.changes <= _SETTLED:
            return attrs.evolve(seen, is_flapping=False, is_told=False, is_steady_told=False)
        return seen

    def told(self) -> Recent:
        """When receivers know it."""
        return attrs.evolve(self, is_told=True)

    def told_steady(self) -> Recent:
        """When receivers know that it does not go any more."""
        return attrs.evolve(self, is_steady_told=self.is_flapping)

    @property
    def run(self) -> int:
        """After how many checks in a row it has fired now."""
        return len(self.checks) - len(self.checks.rstrip(_FIRED))

    @property
    def reason(self) -> str:
        """Why nobody is told of each change, in words."""
        return (
            f"it comes and goes ({self.changes} changes in {len(self.checks)} checks); told again when it has settled"
        )
