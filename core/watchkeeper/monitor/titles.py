"""What is asked for by name or by title: ``ks`` is all of that name, ``ks{feature=vol10}`` those of that title."""

from __future__ import annotations

import re
from typing import Final

from watchkeeper.domain.measurement import Measurement, title_of

_LABEL: Final = re.compile(r"""\s*([^={},"']+?)\s*=\s*("[^"]*"|'[^']*'|[^,]*?)\s*(?:,|$)""")


def spellings(asked: str) -> frozenset[str]:
    """The titles that are meant: the text itself, and how it would be shown if its values stood in quotes.

    >>> sorted(spellings('ks{feature="vol10"}'))
    ['ks{feature="vol10"}', 'ks{feature=vol10}']
    """
    asked = asked.strip()
    name, labels = name_asked(asked), _labels(asked)
    return frozenset((asked,)) if labels is None else frozenset((asked, title_of(name, labels)))


def name_asked(asked: str) -> str:
    """The name without its labels: ``ks`` of ``ks{feature=vol10}``."""
    return asked.strip().partition("{")[0].strip()


def is_title(asked: str) -> bool:
    """Whether it has labels."""
    return "{" in asked


def is_asked(found: Measurement, asked: str) -> bool:
    """Whether it is of that name or title."""
    return found.name == asked or found.title in spellings(asked)


def _labels(asked: str) -> dict[str, str] | None:
    """By name the labels' values without quotes; None where it does not read as labels."""
    _, brace, inside = asked.partition("{")
    if not brace or not inside.endswith("}"):
        return None
    labels: dict[str, str] = {}
    at, inside = 0, inside[:-1]
    while at < len(inside):
        match = _LABEL.match(inside, at)
        if match is None:
            return None
        value = match[2]
        labels[match[1]] = value[1:-1] if value[:1] in ("'", '"') and value[:1] == value[-1:] else value
        at = match.end()
    return labels
