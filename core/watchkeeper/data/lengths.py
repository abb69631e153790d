"""Free text becomes numbers: how many characters and words each text has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of, missing

CHARACTERS: Final = "characters"
WORDS: Final = "words"
_FEWEST_ROWS: Final = 20


def length_names(name: str) -> tuple[str, str]:
    """What the lengths of a text column are called: ``comment.characters``, ``comment.words``."""
    return f"{name}.{CHARACTERS}", f"{name}.{WORDS}"


def length_features(names: Iterable[str]) -> tuple[str, ...]:
    """Those among `names` that are lengths of a text which is not among them itself."""
    known = set(names)
    parts = ((name, *name.rpartition(".")) for name in known)
    return tuple(
        sorted(name for name, base, _, of in parts if base and base not in known and of in (CHARACTERS, WORDS))
    )


def source_of(name: str, known: Iterable[str]) -> str:
    """The column that a feature is read from: the text of a length that is not a column itself."""
    columns = set(known)
    base, _, of = name.rpartition(".")
    return base if name not in columns and base in columns and of in (CHARACTERS, WORDS) else name


def is_free_text(column: Column) -> bool:
    """Whether most of its texts differ: hardly categories; with fewer than 20 texts nobody can tell."""
    if isinstance(column, Categories) or kind_of(column) is not ColumnKind.TEXT:
        return False
    texts = column[~missing(column)].tolist()
    return len(texts) >= _FEWEST_ROWS and len(set(texts)) > len(texts) // 2


def text_lengths(column: Column, of: str) -> NDArray[np.float64]:
    """(n,) float64: how many characters or words each text has; NaN where it is missing. O(n)."""
    texts = column.texts() if isinstance(column, Categories) else column
    return np.array([np.nan if text is None else _length(str(text), of) for text in texts.tolist()], dtype=np.float64)


def with_lengths(table: Table, names: Iterable[str]) -> Table:
    """The table with the lengths among `names` that it lacks and has the text of.

    Examples
    --------
    >>> table = Table({"comment": np.array(["it broke", None], dtype=object)})
    >>> with_lengths(table, ["comment.words", "vol10"])["comment.words"].tolist()
    [2.0, nan]
    """
    added: dict[str, Column] = {}
    for name in names:
        base, _, of = name.rpartition(".")
        if name not in table and base in table and of in (CHARACTERS, WORDS) and _is_text(table[base]):
            added[name] = text_lengths(table[base], of)
    return Table({**table.columns, **added}) if added else table


def lengths_added(features: Any, names: Iterable[str]) -> Any:
    """Features as they are logged, one row or many, with the lengths among `names` in the place of their texts."""
    if not isinstance(features, Mapping):
        return features
    found = dict(features)
    for name in names:
        base, _, of = name.rpartition(".")
        if name in found or base not in features:
            continue
        given = features[base]
        if given is None or isinstance(given, str):
            found[name] = float("nan") if given is None else float(_length(given, of))
        else:
            found[name] = text_lengths(np.array([*given], dtype=object), of)
    for base in {name.rpartition(".")[0] for name in names}:
        found.pop(base, None)
    return found


def _is_text(column: Column) -> bool:
    return kind_of(column) in (ColumnKind.TEXT, ColumnKind.CATEGORY)


def _length(text: str, of: str) -> int:
    return len(text.split()) if of == WORDS else len(text)
