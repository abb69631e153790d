"""How long a sender waits after a failure, and when it gives up."""

from __future__ import annotations

import math
import random

import attrs

from watchkeeper.contracts.notifier import LEASE_SECONDS


@attrs.frozen(kw_only=True)
class Patience:
    """How long a sender waits, and when it gives up."""

    first_seconds: float = 1.0
    """The longest wait after the first failure, doubled with every other; chance picks between 0 and the longest."""
    longest_seconds: float = 60.0
    """The longest wait of our own; what a receiver asks for (Retry-After) comes before it."""
    longest_asked_seconds: float = 3_600.0
    """What a receiver may ask for at most: one that asks for years must not silence us."""
    give_up_seconds: float = 86_400.0
    """A letter that could not be delivered for so long is dead."""
    broken_attempts: int = 5
    """So many attempts are made with a notifier that raises what it must not."""
    lease_seconds: float = LEASE_SECONDS
    """For how long a sender has a letter to itself; longer than any notifier's time-out, renewed while it sends."""
    batch: int = 8
    """How many letters are leased together."""
    failures_in_a_row: int = 3
    """After so many, the receiver's other letters wait too."""

    def wait_seconds(self, attempts: int, asked_seconds: float | None, rng: random.Random) -> float:
        """Full jitter over an exponentially growing wait, and not before the receiver allows, if it allows it at all.

        Parameters
        ----------
        asked_seconds
            What the receiver asked for; counts up to `longest_asked_seconds`. Below 0 or no number says nothing.
        """
        longest = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempts - 1, 30))
        chosen = rng.uniform(0.0, longest)
        return chosen + self._asked(asked_seconds)

    def _asked(self, seconds: object) -> float:
        """Not trusted: it comes from a receiver, by way of a plugin."""
        if not isinstance(seconds, int | float) or math.isnan(seconds):
            return 0.0
        return min(max(0.0, seconds), self.longest_asked_seconds)
