"""Rows that were profiled instead of read, as a check wants them."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.profile import Profile
from watchkeeper.domain.table import Table
from watchkeeper.domain.verdict import Finding
from watchkeeper.domain.window import Window
from watchkeeper.monitor.records import Records


@attrs.frozen(eq=False)
class ProfiledRows:
    """n rows, known by their profiles."""

    window: Window
    """Its `rows` is n."""
    profiles: Mapping[str, Profile]
    """By feature, and of the predictions under ``prediction``."""
    labelled: int
    """Rows whose outcome is known."""
    evaluation: Evaluation | None
    """Truths and predictions of the labelled rows, or of a part of them that stands for all; None: see `findings`."""
    findings: tuple[Finding, ...] = ()
    """What was noticed on the way: a file or a column that could not be read."""
    version: str | None = None
    expected: Records | None = None
    """Some of the rows, chosen by chance, to estimate from what their outcomes will be; None: nothing is estimated."""
    answers: Evaluation | None = None
    """The labelled rows by the answers alone, where probabilities of labels are given, too; else None."""
    outcomes: Records | None = None
    """The labelled rows, or a part of them, with what tells their segments; None without any."""
    together: Table | None = None
    """(m,) rows chosen by chance whose features are at hand, to compare them all together; None: not at hand."""
    latencies: NDArray[np.float64] | None = None
    """(m,) of all rows, or of some chosen by chance; None where they are not at hand."""
    failed: tuple[int, int] = (0, 0)
    """How many of how many rows failed."""
