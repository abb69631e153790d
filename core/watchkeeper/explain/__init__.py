"""Explainability: attributions with a measured fidelity."""

from .explaining import Explaining

__all__ = ["Explaining"]
