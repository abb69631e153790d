"""What watchkeeper.toml says about versions: what they must have, who may do what, whose signatures count."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import attrs

from watchkeeper.domain.access import Access, Grant, Role
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.policy import EnvironmentRule, Policy, Signer

from .constraints import AtLeast, Distinct, NotEmpty
from .keys import told

_KEY_DIGITS: Final = 64
Word = Annotated[str, NotEmpty("character")]


@attrs.frozen(kw_only=True)
class RegistryConfig:
    """``[registry]``: what a version must have before production and before it is loaded."""

    artifacts: Word | None = attrs.field(
        default=None,
        metadata=told("a folder elsewhere for the models' bytes: a URL of fsspec's, such as s3://bucket/watch"),
    )
    required_checks: Annotated[tuple[Word, ...], Distinct()] = attrs.field(
        default=(), metadata=told("the checks that must have passed before production")
    )
    approvals: Annotated[int, AtLeast(0)] = attrs.field(
        default=0, metadata=told("how many people must have approved a version before production")
    )
    separate_duties: bool = attrs.field(default=True, metadata=told("whoever registered a version cannot approve it"))
    rollback_targets: Annotated[int, AtLeast(0)] = attrs.field(
        default=3, metadata=told("how many former versions in production are kept to go back to")
    )
    environment: EnvironmentRule = attrs.field(
        default=EnvironmentRule.REFUSE,
        metadata=told("what to do when a version is loaded beside another framework: refuse, warn or ignore"),
    )
    signatures: Annotated[int, AtLeast(0)] = attrs.field(
        default=0, metadata=told("how many signatures of different trusted signers a version needs")
    )
    signing_key: Path | None = attrs.field(
        default=None, metadata=told("the private key (PEM, ed25519) that registered versions are signed with")
    )
    signs_as: Word | None = attrs.field(
        default=None, metadata=told("whose key that is: a signer's name; needed with `signing_key`")
    )

    def __attrs_post_init__(self) -> None:
        if (self.signing_key is None) != (self.signs_as is None):
            raise UsageError("signing_key and signs_as go together; expected both or neither")


@attrs.frozen(kw_only=True)
class SignerConfig:
    """``[signers.NAME]``: somebody whose signatures count."""

    key: Word = attrs.field(metadata=told("the public key: ed25519, 64 hexadecimal digits"))
    may_run_code: bool = attrs.field(
        default=False, metadata=told("whether versions with this signature may be loaded by formats that run code")
    )

    def __attrs_post_init__(self) -> None:
        if len(self.key) != _KEY_DIGITS or set(self.key) - set("0123456789abcdef"):
            raise UsageError(f"{self.key!r} is no public key: expected ed25519 as 64 hexadecimal digits in lower case")


@attrs.frozen(kw_only=True)
class IdentityConfig:
    """``[identities.NAME]``: somebody who must prove by a token who they are."""

    sha256: Word = attrs.field(metadata=told("SHA-256 of their token, as `models token` prints it"))

    def __attrs_post_init__(self) -> None:
        if len(self.sha256) != _KEY_DIGITS or set(self.sha256) - set("0123456789abcdef"):
            raise UsageError(f"{self.sha256!r} is no SHA-256: expected 64 hexadecimal digits in lower case")


@attrs.frozen(kw_only=True)
class RoleConfig:
    """``[roles.NAME]``: a role for some people on some models; NAME only tells one such table from another."""

    role: Role = attrs.field(metadata=told("viewer, operator, approver or admin"))
    who: Annotated[tuple[Word, ...], NotEmpty("item"), Distinct()] = attrs.field(
        metadata=told("the people; * and ? stand for any characters")
    )
    models: Annotated[tuple[Word, ...], NotEmpty("item"), Distinct()] = attrs.field(
        default=("*",), metadata=told("the models; * and ? stand for any characters")
    )

    def grants(self) -> tuple[Grant, ...]:
        """One grant for each person."""
        return tuple(Grant(who, self.role, self.models) for who in self.who)


def access_of(roles: dict[str, RoleConfig]) -> Access:
    """Everybody's grants."""
    return Access(tuple(grant for role in roles.values() for grant in role.grants()))


def policy_of(registry: RegistryConfig, signers: dict[str, SignerConfig]) -> Policy:
    """The rules for versions."""
    return Policy(
        required_checks=registry.required_checks,
        approvals=registry.approvals,
        separate_duties=registry.separate_duties,
        rollback_targets=registry.rollback_targets,
        environment=registry.environment,
        signatures=registry.signatures,
        signers={name: Signer(signer.key, signer.may_run_code) for name, signer in signers.items()},
    )
