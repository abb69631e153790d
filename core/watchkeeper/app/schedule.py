"""When each model is checked next: on a grid of its own, so that checks neither drift nor pile up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Schedule:
    """Due times that are whole multiples of each model's step since 1970: 12:00, 12:05, 12:10.

    At the beginning every model is due. Of the times that pass while checks take long or the process is away, the last
    is made up for at once and the others never: a round that takes a little longer than the step costs no whole step.
    A clock that is set back makes no model wait longer than its step.

    Examples
    --------
    >>> schedule = Schedule({"slow": 60, "fast": 10})
    >>> schedule.due(3)
    ('slow', 'fast')
    >>> schedule.begun(schedule.due(3), 3)
    >>> schedule.wait_us(7), schedule.due(10), schedule.due(60)
    (3, ('fast',), ('slow', 'fast'))
    """

    def __init__(self, every_us: Mapping[str, int]) -> None:
        self._every_us = dict(every_us)
        self._next_us = dict.fromkeys(every_us, 0)

    def due(self, now_us: int) -> tuple[str, ...]:
        """The models whose time has come."""
        self._mend(now_us)
        return tuple(model for model, next_us in self._next_us.items() if next_us <= now_us)

    def begun(self, models: Iterable[str], now_us: int) -> None:
        """Their checks began now: each is due at the next point of its grid, even when they end after it."""
        for model in models:
            every_us = self._every_us[model]
            self._next_us[model] = (now_us // every_us + 1) * every_us

    def wait_us(self, now_us: int) -> int:
        """How long until the next model is due; 0 when one is."""
        self._mend(now_us)
        return max(min(self._next_us.values()) - now_us, 0) if self._next_us else 0

    def _mend(self, now_us: int) -> None:
        for model, next_us in self._next_us.items():
            if next_us - now_us > self._every_us[model]:  # the clock was set back
                self.begun([model], now_us)
