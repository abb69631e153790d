"""Where the evidence stands: a small document, updated block by block, and the alarms that are open."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

_LEFT_OVER: Final = 0.5
ENDED_ALARMS: Final = 100
"""So many alarms that have ended are remembered."""


@attrs.frozen
class DriftAlarm:
    """One column's alarm: what moved, where to, since when."""

    column: str
    leg: str
    """What moved: ``mean``, ``spread``, ``middle``, ``missing``, ``unseen``, ``share of "label"``, ``other labels``."""
    is_up: bool
    noticed_size: float
    """How far it had moved, on average since it began, when it was noticed; in reference sds of one row."""
    size: float
    """How far it is moved now, on average over about as many blocks as `patience`."""
    since_us: int
    """When the change began, by the evidence."""
    noticed_us: int
    """The end of the block with which the budget allowed to say so."""
    patience: int
    """How many blocks it took to notice (4 to 50); the data are back when they are for about as long."""
    ended_us: int | None = None
    """When the data were back; None while it is open."""

    @property
    def is_over(self) -> bool:
        """Whether less than half of the movement is left."""
        return self.size / self.noticed_size < _LEFT_OVER

    def after(self, deviation: float) -> DriftAlarm:
        """With one more block; one that says nothing (NaN) changes nothing."""
        if math.isnan(deviation):
            return self
        return attrs.evolve(self, size=self.size + (deviation - self.size) / self.patience)

    def is_open_at(self, time_us: int) -> bool:
        """Whether it had been noticed and had not ended."""
        return self.noticed_us <= time_us and (self.ended_us is None or time_us < self.ended_us)


@attrs.frozen(eq=False)
class Evidence:
    """What the blocks so far have told about k series (the legs of all columns)."""

    digest: str
    """Of the reference and the settings: evidence against another reference is worth nothing."""
    through_us: int
    """Rows before this are counted."""
    blocks: int
    """How many blocks have been counted."""
    sums: NDArray[np.float64]
    """(2, s, k) Shiryaev-Roberts sums."""
    expected: NDArray[np.float64]
    """(k,) the next block's deviations, by what came before; NaN where nothing did."""
    began_us: NDArray[np.float64]
    """(2, k) since when each side's evidence has not been at rest."""
    moved: NDArray[np.float64]
    """(2, k) sum of the deviations since then."""
    lasted: NDArray[np.float64]
    """(2, k) number of blocks since then."""
    open: Mapping[str, DriftAlarm] = attrs.field(factory=dict)
    """The open alarm of each column that has one."""
    ended: tuple[DriftAlarm, ...] = ()

    @classmethod
    def fresh(cls, digest: str, nothing: NDArray[np.float64], since_us: int) -> Evidence:
        """Before the first block."""
        series = nothing.shape[-1]
        began = np.full((2, series), float(since_us))
        unknown = np.full(series, np.nan)
        return cls(digest, since_us, 0, nothing, unknown, began, np.zeros((2, series)), np.zeros((2, series)))

    def open_at(self, time_us: int) -> dict[str, DriftAlarm]:
        """The alarms that were open at a time, by column."""
        every = (*self.ended, *self.open.values())
        return {alarm.column: alarm for alarm in every if alarm.is_open_at(time_us)}

    def to_document(self) -> dict[str, Any]:
        """What JSON can hold; numbers of arrays bit for bit."""
        return {
            "digest": self.digest,
            "through_us": self.through_us,
            "blocks": self.blocks,
            "arrays": {name: _text(getattr(self, name)) for name in _ARRAYS},
            "open": [attrs.asdict(alarm) for alarm in self.open.values()],
            "ended": [attrs.asdict(alarm) for alarm in self.ended],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], nothing: NDArray[np.float64]) -> Evidence | None:
        """What `to_document` told; None when it was written by another version of watchkeeper."""
        series = nothing.shape[-1]
        shapes = {"sums": nothing.shape, "expected": (series,)}
        try:
            arrays = {name: _array(document["arrays"][name], shapes.get(name, (2, series))) for name in _ARRAYS}
            alarms = [DriftAlarm(**alarm) for alarm in document["open"]]
            ended = tuple(DriftAlarm(**alarm) for alarm in document["ended"])
            told = (str(document["digest"]), int(document["through_us"]), int(document["blocks"]))
        except (KeyError, TypeError, ValueError):
            return None
        digest, through_us, blocks = told
        return cls(digest, through_us, blocks, **arrays, open={alarm.column: alarm for alarm in alarms}, ended=ended)


_ARRAYS: Final = ("sums", "expected", "began_us", "moved", "lasted")


def _text(array: NDArray[np.float64]) -> str:
    return base64.b64encode(array.astype("<f8").tobytes()).decode("ascii")


def _array(text: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.frombuffer(base64.b64decode(text), dtype="<f8").astype(np.float64).reshape(shape)
