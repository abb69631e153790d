"""Who answers which request: a frozen table of shares, and a choice by hash that stays the same for the same key."""

from __future__ import annotations

import hashlib
from typing import Final

import attrs

from watchkeeper.domain.errors import UsageError

_SPAN: Final = 2**64


@attrs.frozen
class Arm:
    """A version and its share of the requests."""

    ref: str
    share: float

    def __attrs_post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise UsageError(f"the share of {self.ref} is {self.share}; expected 0 to 1")


@attrs.frozen
class WeightTable:
    """The shares of a model's versions at one moment.

    The arm that takes over comes first: raising its share only moves keys to it, and nobody flips back on the way.

    Examples
    --------
    >>> table = WeightTable("momentum", 7, (Arm("momentum@1.1.0", 0.1), Arm("momentum@1.0.0", 0.9)), "salt")
    >>> table.decide("customer 14"), table.decide("customer 15"), table.decide("customer 16")
    ('momentum@1.0.0', 'momentum@1.1.0', 'momentum@1.0.0')
    """

    model: str
    version: int
    """Counts up with each change."""
    arms: tuple[Arm, ...]
    salt: str
    """Keeps the choice of one deployment apart from the next one's."""
    shadow: str | None = None
    """A version that sees every request and whose answers nobody gets."""

    def __attrs_post_init__(self) -> None:
        if len(self.salt.encode()) > hashlib.blake2b.MAX_KEY_SIZE:
            raise UsageError(f"the salt of {self.model} is longer than {hashlib.blake2b.MAX_KEY_SIZE} bytes")
        total = sum(arm.share for arm in self.arms)
        if not self.arms or abs(total - 1.0) > 1e-9:
            raise UsageError(f"the shares of {self.model} add up to {total}; expected 1")

    def decide(self, key: str) -> str:
        """The version that answers for a key: a customer, an instrument, a request's id. About a microsecond.

        Keyed BLAKE2b of the key, as a number between 0 and 1, falls into one of the arms' shares.
        """
        # the last arm takes what rounding leaves
        place = hashlib.blake2b(key.encode(), digest_size=8, key=self.salt.encode()).digest()
        point = int.from_bytes(place)
        edge = 0.0
        for arm in self.arms[:-1]:
            edge += arm.share
            if point < edge * _SPAN:
                return arm.ref
        return self.arms[-1].ref
