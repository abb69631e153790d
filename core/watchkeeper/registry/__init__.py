"""Model versioning: versions, artifacts, stages, guards, audit."""

from watchkeeper.domain.access import Access, Action, Grant, Role
from watchkeeper.domain.policy import EnvironmentRule, Policy

from .numbering import next_number
from .provenance import training_data_of
from .refs import Ref
from .registry import Registry
from .stages import ChangeKind, StageChange
from .tenure import Tenure

__all__ = [
    "Access",
    "Action",
    "ChangeKind",
    "EnvironmentRule",
    "Grant",
    "Policy",
    "Ref",
    "Registry",
    "Role",
    "StageChange",
    "Tenure",
    "next_number",
    "training_data_of",
]
