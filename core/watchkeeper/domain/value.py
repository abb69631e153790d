"""A number that may be undefined, and then says why."""

from __future__ import annotations

import math

import attrs


@attrs.frozen
class Value:
    """What a computation found: a finite number, or None with a reason. Never NaN, never a silent 0.

    Make one with `Value.of` or `Value.undefined`.
    """

    number: float | None
    reason: str | None = None
    interval: tuple[float, float] | None = None
    samples: int = 0

    def __attrs_post_init__(self) -> None:
        if self.number is None and not self.reason:
            raise ValueError("an undefined value needs a reason")
        if self.number is not None and not math.isfinite(self.number):
            raise ValueError(f"a value is finite or undefined with a reason, found {self.number}")

    @classmethod
    def of(cls, number: float, *, samples: int = 0, interval: tuple[float, float] | None = None) -> Value:
        """The number; one that is not finite becomes undefined and says so."""
        plain = float(number)
        if not math.isfinite(plain):
            return cls.undefined(f"the result is {plain}", samples=samples)
        return cls(plain, None, interval, samples)

    @classmethod
    def undefined(cls, reason: str, *, samples: int = 0) -> Value:
        """No number, because of `reason`."""
        return cls(None, reason, None, samples)

    @property
    def is_defined(self) -> bool:
        """Whether there is a number."""
        return self.number is not None
