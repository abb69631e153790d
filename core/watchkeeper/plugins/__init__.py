"""Finds, validates, isolates and lists plugins: a broken one breaks only itself."""

from .boundary import attempt
from .catalogue import Plugins, split_title
from .rows import PluginRow

__all__ = ["PluginRow", "Plugins", "attempt", "split_title"]
