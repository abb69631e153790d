"""Watchkeeper: the six systems over one store, and the cycle that runs them."""

from .opening import open_project
from .watchkeeper import Watchkeeper

__all__ = ["Watchkeeper", "open_project"]
