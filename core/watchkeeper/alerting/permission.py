"""Who may act on alerts by hand: asked with the model's name before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from .matching import Matcher

Permit: TypeAlias = "Callable[[str], None]"
"""``permit(model)`` passes, or raises a NotAllowed."""
EVERY_MODEL: Final = "*"


def anybody(_model: str) -> None:
    """Everybody may."""


def model_of(matchers: Iterable[Matcher]) -> str:
    """The one model that the matchers name; `EVERY_MODEL` when they name none, or leave open which.

    >>> model_of([Matcher.parse("model=momentum"), Matcher.parse("feature=vol*")])
    'momentum'
    >>> model_of([Matcher.parse("model=m*")])
    '*'
    """
    named = (one.pattern for one in matchers if one.label == "model" and not one.is_negated)
    return next((name for name in named if not set(name) & set("*?[")), EVERY_MODEL)
