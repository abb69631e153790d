"""A window's rows of one model: what was predicted, and the outcomes that have arrived for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Batch
from watchkeeper.domain.table import Categories, Column, Table
from watchkeeper.domain.window import Window

from .schema import SchemaChanges

PREDICTIONS: Final = "predictions"
"""The stream of what was predicted."""
OUTCOMES: Final = "outcomes"
"""The stream of what turned out to be true."""


@attrs.frozen(eq=False)
class Records:
    """n rows in time order, with the outcomes known so far."""

    window: Window
    prediction: Column
    outcome: Column | None
    """(n,), to be read only where `has_outcome`; None when no outcome has arrived at all."""
    has_outcome: NDArray[np.bool_]
    """(n,) bool."""
    features: Table
    version: str | None = None
    """The version that made the predictions; the last one when there are several."""
    ids: tuple[str, ...] = ()
    """The n rows' ids; empty when they have none."""
    time: NDArray[np.int64] | None = None
    """(n,) UTC microseconds, ascending; None when the rows are a file's and not what arrived last."""
    versions: Column | None = None
    """(n,) which version made each prediction; None when that was not asked for, or is not known."""
    strange: Mapping[str, str] = attrs.field(factory=dict)
    """Why features that are not in `features` could not be read."""
    changes: SchemaChanges | None = None
    """How a file's columns differ from the reference's; None for stored rows."""
    arrived: Batch | None = None
    """Every outcome from the first row's time on that was in the store, by time; None: that was not read."""

    def __len__(self) -> int:
        return len(self.prediction)

    def rows(self, which: NDArray[np.bool_]) -> Records:
        """Only these rows, in the same window."""
        return self._picked(which, tuple(np.array(self.ids, dtype=object)[which]) if self.ids else ())

    def taken(self, positions: NDArray[np.int64]) -> Records:
        """The rows at these positions (m,), in this order."""
        return self._picked(positions, tuple(self.ids[at] for at in positions.tolist()) if self.ids else ())

    def between(self, first: int, stop: int) -> Records:
        """The rows from position `first` up to `stop`, in the same window; arrays are views."""
        rows = slice(first, stop)
        found = self._picked(rows, self.ids[rows])
        return attrs.evolve(
            found, version=None if found.versions is None else last_version(Table({"version": found.versions}))
        )

    @property
    def repeated(self) -> int:
        """How many rows repeat the id of another of the same version."""
        if len(set(self.ids)) == len(self.ids):
            return 0
        if self.versions is None:
            return len(self.ids) - len(set(self.ids))
        return len(self.ids) - len(set(zip(self.ids, plain_values(self.versions), strict=True)))

    def _picked(self, which: NDArray[np.bool_] | NDArray[np.int64] | slice, ids: tuple[str, ...]) -> Records:
        """The rows at `which`, whose ids are `ids`."""
        return attrs.evolve(
            self,
            prediction=self.prediction[which],
            outcome=None if self.outcome is None else self.outcome[which],
            has_outcome=self.has_outcome[which],
            features=self.features.rows(which),
            ids=ids,
            time=None if self.time is None else self.time[which],
            versions=None if self.versions is None else self.versions[which],
        )


def plain_values(column: Column) -> list[object]:
    """The column's values as a list: texts, numbers or None."""
    return list(column.texts() if isinstance(column, Categories) else column)


def last_version(table: Table) -> str | None:
    """The version of the last row; None where it is not known."""
    if "version" not in table:
        return None
    versions = table["version"]
    texts = versions.texts() if isinstance(versions, Categories) else versions
    return str(texts[-1]) if len(texts) and texts[-1] is not None else None
