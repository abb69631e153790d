"""A measurement: one number with its name and circumstances, or the reason why it is undefined."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from .value import Value
from .window import Window


@attrs.frozen
class Measurement:
    """Everything that computes yields these; everything that reacts reads them.

    ``name`` is what a rule says: ``accuracy``, ``ks``, ``missing_share``, ``samples``.
    ``labels`` tells which one: ``feature``, ``segment``, ``member``.
    ``details`` are numbers that explain this one: ``p_value``, ``effect``, ``threshold``.
    """

    name: str
    value: Value
    model: str
    version: str | None
    window: Window
    labels: Mapping[str, str] = attrs.field(factory=dict)
    details: Mapping[str, float] = attrs.field(factory=dict)

    @property
    def title(self) -> str:
        """The name with its labels: ``ks{feature=vol10}``."""
        if not self.labels:
            return self.name
        return self.name + "{" + ", ".join(f"{key}={self.labels[key]}" for key in sorted(self.labels)) + "}"
