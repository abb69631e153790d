"""What is asked of every part of a folder, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.cells import Cells
from watchkeeper.domain.profile import Profile
from watchkeeper.domain.table import Table
from watchkeeper.monitor.evaluating import Judging

PREDICTION: Final = "prediction"


@attrs.frozen(eq=False)
class Question:
    """What is asked of every part."""

    cells: Mapping[str, Cells]
    """By feature, and of the predictions under `PREDICTION`."""
    prediction: str
    """The files' column of predictions."""
    judging: Judging
    outcome: str | None = None
    """The files' column of outcomes; it may be in some files only."""
    time: str | None = None
    """The files' column of times; it may be in some files only."""
    share: float = 1.0
    """The share of labelled rows that is sent back whole, the same whoever works."""
    expected_share: float = 0.0
    """The share of all rows, with an outcome or not, of which what estimates are made from is sent back."""
    together_share: float = 0.0
    """The share of all rows whose features are sent back whole, for what compares all of them together."""
    latency: str | None = None
    """The files' column of latencies; it may be in some files only."""
    error: str | None = None
    """The files' column that is not 0 where a prediction failed; it may be in some files only."""
    latency_share: float = 1.0
    """The share of the latencies that is sent back."""
    segments: tuple[str, ...] = ()
    """The columns that tell parts of the rows whose performance is told apart, as far as the files have them."""
    numbers: frozenset[str] = frozenset()
    """Those of them that are taken for numbers."""


@attrs.frozen
class Part:
    """Some row groups of one file."""

    path: Path
    name: str
    """The file as the caller calls it."""
    groups: tuple[int, ...]
    first_row: int
    rows: int


@attrs.frozen(eq=False)
class Answer:
    """What was counted in one part."""

    part: Part
    rows: int
    profiles: Mapping[str, Profile]
    strange: Mapping[str, str] = attrs.field(factory=dict)
    """By feature that cannot be counted: why."""
    confusion: Mapping[tuple[str, str], int] = attrs.field(factory=dict)
    """Of a classification: the labelled rows of each true and predicted class."""
    labelled: int = 0
    sample: Table | None = None
    """``prediction``, ``outcome``, probabilities and segments of the chosen labelled rows; None without any."""
    expected: Table | None = None
    """``prediction``, and features or probabilities, of the rows chosen for estimates; None without any."""
    performance: str | None = None
    """Why outcomes and predictions cannot be compared; None when they can."""
    span: tuple[int, int] | None = None
    """First and last time, UTC microseconds."""
    together: Table | None = None
    """The features of the rows chosen to be compared together; None without any."""
    latencies: NDArray[np.float64] | None = None
    """(m,) of the chosen rows; None without any."""
    failed: tuple[int, int] = (0, 0)
    """How many of how many rows failed."""
