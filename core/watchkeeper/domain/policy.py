"""What a version must have before it goes to production, before it is loaded, and before it is thrown away."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import attrs


class EnvironmentRule(StrEnum):
    """What to do when a version is loaded beside another framework than it was made with."""

    REFUSE = "refuse"
    """Another major or minor version is an error; another patch is a warning in the log."""
    WARN = "warn"
    IGNORE = "ignore"


@attrs.frozen
class Signer:
    """Somebody whose signatures count."""

    key: str
    """The public key: ed25519, 64 hexadecimal digits."""
    may_run_code: bool = False
    """Whether versions with this signature may be loaded by formats that run code from the file, such as pickle."""


@attrs.frozen(kw_only=True)
class Policy:
    """The rules of a project; the defaults ask for nothing that nobody can give yet."""

    required_checks: tuple[str, ...] = ()
    """Checks that must have passed before production, by name."""
    approvals: int = 0
    """How many people must have approved a version before production."""
    separate_duties: bool = True
    """Whoever registered a version cannot approve it."""
    rollback_targets: int = 3
    """How many former versions in production are kept to go back to."""
    environment: EnvironmentRule = EnvironmentRule.REFUSE
    signatures: int = 0
    """How many valid signatures of different trusted keys a version needs to be promoted to production and loaded."""
    signers: Mapping[str, Signer] = attrs.field(factory=dict)
    """The trust store: whose signatures count, by name."""
