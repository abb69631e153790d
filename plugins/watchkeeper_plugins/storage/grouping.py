"""Which small chunks become one large one, so that a row is rewritten only a few times in its life."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Final, Generic, TypeVar

import attrs

T = TypeVar("T")
_FEWEST: Final = 16
"""Pieces that are worth a rewrite while more are still coming."""


@attrs.frozen
class Piece(Generic[T]):
    """A chunk that may be compacted."""

    key: T
    """What names it."""
    rows: int
    likeness: Hashable
    """Columns and types, and whether the wide ones are still there: only equal ones go together."""


def groups_of(pieces: Sequence[Piece[T]], full_rows: int) -> Iterator[tuple[Piece[T], ...]]:
    """Which pieces, given in order of time, become one chunk each, while more may still come.

    A group is full at about `full_rows`. What is left over is merged only when there are many, and without a piece
    larger than all after it: so a row is rewritten O(log rows) times.

    Examples
    --------
    >>> pieces = [Piece(number, 10, "same") for number in range(40)]
    >>> [len(group) for group in groups_of(pieces, full_rows=150)]
    [15, 15]
    """
    group: list[Piece[T]] = []
    for piece in pieces:
        is_full = piece.rows * 2 > full_rows
        if group and (is_full or piece.likeness != group[0].likeness):
            yield from _left_over(group)
            group = []
        if is_full:
            continue
        group.append(piece)
        if sum(each.rows for each in group) >= full_rows:
            yield tuple(group)
            group = []
    yield from _left_over(group)


def _left_over(group: Sequence[Piece[T]]) -> Iterator[tuple[Piece[T], ...]]:
    start = 0
    while start < len(group) and group[start].rows > sum(piece.rows for piece in group[start + 1 :]):
        start += 1
    if len(group) - start >= _FEWEST:
        yield tuple(group[start:])
