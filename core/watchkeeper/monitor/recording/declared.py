"""What was declared to a recorder: which features a model's rows have, and what its predictions and outcomes are."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.nearest import did_you_mean

from .channel import Channel

Kind = type[float | str]


class Declared:
    """The models of one recorder."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        """By model."""
        self.refused_outcomes: dict[str, Kind | None] = {}
        """By model: what its outcomes are not."""

    def declare(self, model: str, features: Sequence[str], categories: Sequence[str], predictions: Kind | None) -> None:
        """A model's rows; its channel stays when nothing has changed."""
        known, refused = self.channels.get(model), _other_than(predictions)
        if known is None or not known.is_declared_as(features, categories, refused):
            self.channels[model] = Channel(model, features, categories, refused=refused)

    def expect_outcomes(self, model: str, kind: Kind) -> None:
        """What a model's outcomes are."""
        self.refused_outcomes[model] = _other_than(kind)

    def unknown(self, model: str) -> UsageError:
        """What to say of a model that was not declared."""
        return UsageError(
            f"model {model!r} was not declared; declared are {', '.join(self.channels) or 'none'}"
            f"{did_you_mean(str(model), self.channels)}"
        )


def _other_than(kind: Kind | None) -> Kind | None:
    return None if kind is None else str if kind is float else float
