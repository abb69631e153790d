"""Loading: every check before a parser sees a byte, in the order in which the threat model names them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, BinaryIO

import attrs

from watchkeeper.contracts.storage import Operation
from watchkeeper.domain.errors import NotAllowed
from watchkeeper.domain.model import Version
from watchkeeper.domain.policy import EnvironmentRule

from .acting import Acting
from .artifacts import Artifacts
from .environment import environment_changes
from .signatures import Signatures

_log = logging.getLogger("watchkeeper.registry")


@attrs.frozen(eq=False)
class Loading:
    """Loads versions whose records have been compared with their seals."""

    acting: Acting
    artifacts: Artifacts
    signatures: Signatures
    known_distributions: dict[str, str | None]
    """As in `environment_of`."""

    def loaded(self, version: Version, *, any_environment: bool = False) -> Any:
        """The model: bytes, signatures and environment first; then a parser sees the bytes that were checked."""
        with self.artifacts.verified(version) as source:
            self.require_signatures(version)
            self._require_environment(version, EnvironmentRule.IGNORE if any_environment else None)
            return self.artifacts.parsed(version, source)

    def verified(self, version: Version) -> BinaryIO:
        """The bytes after all checks but the environment's; no parser has seen them."""
        source = self.artifacts.verified(version)
        try:
            self.signatures.require(version, runs_code=False)
        except BaseException:
            source.close()
            raise
        return source

    def require_loadable(self, version: Version) -> None:
        """Pass when everything but the parser lets it through."""
        with self.artifacts.verified(version):
            self.require_signatures(version)
            self._require_environment(version, None)

    def require_signatures(self, version: Version) -> Sequence[Operation]:
        """Pass when the policy's signatures are there; returns operations that assert them."""
        return self.signatures.require(version, runs_code=self.artifacts.runs_code(version.format))

    def _require_environment(self, version: Version, rule: EnvironmentRule | None) -> None:
        rule = self.acting.policy.environment if rule is None else rule
        if rule is EnvironmentRule.IGNORE:
            return
        changes = environment_changes(version, self.known_distributions)
        decisive = [str(change) for change in changes if change.is_decisive]
        if decisive and rule is EnvironmentRule.REFUSE:
            raise NotAllowed(
                f"{version.ref} was not loaded: {', '.join(decisive)}, so it may answer differently; install what it "
                "was made with, register it again here, or load it with any_environment=True"
            )
        for change in changes:
            _log.warning("%s: %s", version.ref, change, extra={"version": version.ref, "package": change.package})
