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
        return title_of(self.name, self.labels)


def title_of(name: str, labels: Mapping[str, str]) -> str:
    """A name with its labels, in their order: ``ks{feature=vol10}``; without labels the name."""
    if not labels:
        return name
    return name + "{" + ", ".join(f"{key}={labels[key]}" for key in sorted(labels)) + "}"
