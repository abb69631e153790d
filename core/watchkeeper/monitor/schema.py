"""Schema changes: columns that are missing, new, renamed or of another kind than in the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np

from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.nearest import nearest_name
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Column, ColumnKind, Table, kind_of
from watchkeeper.domain.table import missing as absent

SCHEMA_CHANGES: Final = "schema_changes"
_ALIKE: Final = 0.15
"""Two columns whose shares of rows in ten bins differ by less in all may be one and the same."""
_FEWEST_ROWS: Final = 30
_TOLD: Final = {
    ColumnKind.NUMERIC: "numbers",
    ColumnKind.CATEGORY: "text",
    ColumnKind.TEXT: "text",
    ColumnKind.TIME: "times",
}


@attrs.frozen
class SchemaChanges:
    """How the columns of a file differ from the reference's."""

    missing: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    renamed: Mapping[str, str] = attrs.field(factory=dict)
    """Missing columns, and the new column that each may have become."""
    retyped: Mapping[str, str] = attrs.field(factory=dict)
    """Columns of another kind, and what they hold instead of what."""

    @property
    def count(self) -> int:
        """How many columns changed; a renamed one counts once."""
        return len(self.missing) + len(self.new) - len(self.renamed) + len(self.retyped)

    @property
    def sentence(self) -> str:
        """``columns differ from the reference's: "vol10" is missing (renamed to "vol1"?)``."""
        renamed = set(self.renamed.values())
        told = [
            f'"{name}" is missing' + (f' (renamed to "{self.renamed[name]}"?)' if name in self.renamed else "")
            for name in self.missing
        ]
        told += [f'"{name}" is new' for name in self.new if name not in renamed]
        told += [f'"{name}" holds {change}' for name, change in self.retyped.items()]
        return "columns differ from the reference's: " + ", ".join(told)


def schema_changes(
    usual: Mapping[str, ColumnKind], found: Table, references: Mapping[str, ReferenceColumn]
) -> SchemaChanges:
    """Compare a file's columns with the reference's.

    Parameters
    ----------
    usual
        The kinds of the reference's columns, also of those that are no features.
    references
        Its features: a new column that is distributed like a missing one, or has a name near, may be it renamed.
    """
    kinds = {name: _plain(kind_of(found[name])) for name in found}
    missing = tuple(name for name in usual if name not in kinds)
    new = tuple(name for name in kinds if name not in usual)
    renamed: dict[str, str] = {}
    for name in missing:
        left = [one for one in new if one not in renamed.values() and kinds[one] is _plain(usual[name])]
        became = _became(name, left, found, references.get(name))
        if became is not None:
            renamed[name] = became
    retyped = {
        name: f"{_TOLD[kinds[name]]}, not {_TOLD[kind]}"
        for name, kind in usual.items()
        if name in kinds and kinds[name] is not _plain(kind) and not bool(absent(found[name]).all())
    }
    return SchemaChanges(missing, new, renamed, retyped)


def _plain(kind: ColumnKind) -> ColumnKind:
    return ColumnKind.CATEGORY if kind is ColumnKind.TEXT else kind


def _became(name: str, candidates: list[str], found: Table, reference: ReferenceColumn | None) -> str | None:
    near = nearest_name(name, candidates)
    if near is not None or reference is None:
        return near
    distances = {one: _distance(reference, found[one]) for one in candidates}
    closest = min(distances, key=distances.__getitem__, default=None)
    return closest if closest is not None and distances[closest] < _ALIKE else None


def _distance(reference: ReferenceColumn, column: Column) -> float:
    """Half the sum of differences between shares of rows, 0 to 1."""
    comparison = Comparison(reference, column)
    if comparison.obstacle((ColumnKind.NUMERIC, ColumnKind.CATEGORY)) is not None or comparison.rows < _FEWEST_ROWS:
        return 1.0
    before, now = comparison.counts(10).shares
    return 0.5 * float(np.abs(before - now).sum())
