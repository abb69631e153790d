"""What the recorder keeps until it is flushed: rows and outcomes, copied when they are handed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.table import Column

from .channel import Channel

_OUTCOME_BYTES: Final = 250

Prediction: TypeAlias = float | str


Row: TypeAlias = tuple[Channel, str, int, Prediction, bytes | None, tuple[str | None, ...], str | None]
"""One prediction: channel, id, time, prediction, and as a `PackedRow` its numbers and texts, then the version.

A plain tuple, because a class of its own would make `log` a quarter slower.
"""


@attrs.frozen(eq=False)
class Rows:
    """Many predictions of one call."""

    channel: Channel
    ids: list[str]
    times: NDArray[np.int64]
    prediction: Column
    """(n,) float64 or categories."""
    features: Mapping[str, Column] | None
    version: str | None

    @property
    def size(self) -> int:
        """About how many bytes of memory it holds."""
        return len(self.ids) * self.channel.row_bytes

    def parts(self, most_bytes: int) -> list[Rows]:
        """The same rows in pieces of about `most_bytes` at most."""
        step = max(most_bytes // self.channel.row_bytes, 1)
        return [self._part(slice(at, at + step)) for at in range(0, len(self.ids), step)]

    def _part(self, part: slice) -> Rows:
        features = None if self.features is None else {name: found[part] for name, found in self.features.items()}
        return attrs.evolve(
            self, ids=self.ids[part], times=self.times[part], prediction=self.prediction[part], features=features
        )


@attrs.frozen(eq=False)
class Outcomes:
    """What turned out to be true for some predictions of a model."""

    model: str
    ids: list[str]
    times_us: list[int]
    values: list[Prediction | None]
    """None is a label that is missing; a number that is missing is NaN."""

    @property
    def size(self) -> int:
        """About how many bytes of memory it holds."""
        return len(self.ids) * _OUTCOME_BYTES

    def parts(self, most_bytes: int) -> list[Outcomes]:
        """The same outcomes in pieces of about `most_bytes` at most."""
        step = max(most_bytes // _OUTCOME_BYTES, 1)
        starts = range(0, len(self.ids), step)
        return [self._chosen(list(range(at, min(at + step, len(self.ids))))) for at in starts]

    def by_kind(self) -> list[Outcomes]:
        """The numbers and the labels apart, as a column holds only one of them."""
        is_number = [isinstance(value, float) for value in self.values]
        if len(set(is_number)) <= 1:
            return [self]
        return [
            self._chosen([at for at, number in enumerate(is_number) if number is wanted]) for wanted in (True, False)
        ]

    def _chosen(self, rows: list[int]) -> Outcomes:
        return Outcomes(
            self.model,
            [self.ids[at] for at in rows],
            [self.times_us[at] for at in rows],
            [self.values[at] for at in rows],
        )


Entry: TypeAlias = Row | Rows | Outcomes
