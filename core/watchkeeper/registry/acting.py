"""What every change to the registry needs: the store, who acts, what time it is, what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Document, LogEntry, Put, Storage
from watchkeeper.domain.access import Access, Action
from watchkeeper.domain.model import Version
from watchkeeper.domain.policy import Policy

from .catalogue import Catalogue
from .records import AUDIT, VERSIONS, version_of
from .refs import Ref


@attrs.frozen(eq=False)
class Acting:
    """Somebody at work on one registry."""

    storage: Storage
    clock: Clock
    actor: str
    """Who acts: what the caller claims to be, nothing here proves it."""
    access: Access = attrs.field(factory=Access)
    policy: Policy = attrs.field(factory=Policy)

    @property
    def catalogue(self) -> Catalogue:
        """What there is."""
        return Catalogue(self.storage)

    def require(self, action: Action, model: str) -> None:
        """Pass, or a NotAllowed."""
        self.access.require(self.actor, action, model)

    def found(self, ref: str, action: Action) -> tuple[Version, Document]:
        """A version and its document, for somebody who wants to do `action` to it."""
        parsed = Ref.parse(ref)
        self.require(action, parsed.model)
        document = self.catalogue.document(parsed)
        return version_of(document), document

    def entry(self, action: str, subject: str, **told: Any) -> LogEntry:
        """The audit entry of something done now."""
        body: Mapping[str, Any] = {
            "action": action,
            "subject": subject,
            "by": self.actor,
            "at_us": self.clock.now_us(),
            **told,
        }
        return LogEntry(AUDIT, body)


def unchanged(document: Document) -> Put:
    """An operation that asserts a version is still as it was read, and lets no two such changes go through at once."""
    return Put(VERSIONS, document.key, document.value, document.index, document.revision)
