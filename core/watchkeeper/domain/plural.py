"""Numbers with their words: ``1 row``, ``2 rows``."""

from __future__ import annotations


def counted(number: int, word: str, several: str | None = None) -> str:
    """The number with its word, in the plural unless it is 1.

    >>> counted(1, "row"), counted(1200, "row"), counted(2, "entry", "entries")
    ('1 row', '1,200 rows', '2 entries')
    """
    return f"{number:,} {word if number == 1 else several or word + 's'}"
