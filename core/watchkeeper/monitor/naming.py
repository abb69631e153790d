"""What is measured beside single features, by the label it has and in words."""

from __future__ import annotations

from typing import Final

PREDICTION: Final = "prediction"
"""The label under which the drift of the predictions themselves is measured."""
OUTCOME: Final = "outcome"
"""The label under which the drift of the outcomes is measured."""
ALL_FEATURES: Final = "all features"
"""The label under which what is found in all features together is measured."""


def called(subject: str) -> str:
    """How a sentence begins that speaks of it."""
    special = {ALL_FEATURES: "all features together", OUTCOME: "outcomes", PREDICTION: "the prediction"}
    return special.get(subject, f'feature "{subject}"')


def are(subject: str) -> str:
    """``is``, or ``are`` of several."""
    return "are" if subject in (ALL_FEATURES, OUTCOME) else "is"
