"""Model versioning: versions, artifacts, stages, audit."""

from .numbering import next_number
from .refs import Ref
from .registry import Registry
from .stages import StageChange

__all__ = ["Ref", "Registry", "StageChange", "next_number"]
