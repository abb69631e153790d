"""Watchkeeper: the six systems over one store, and the cycle that runs them."""

from .watchkeeper import Watchkeeper, open_project

__all__ = ["Watchkeeper", "open_project"]
