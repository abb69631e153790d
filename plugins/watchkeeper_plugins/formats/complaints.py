"""What a framework complains of, as part of a sentence."""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """The first line of its message, or its kind when it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
