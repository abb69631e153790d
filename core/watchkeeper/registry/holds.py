"""Reasons to keep a version whatever its age: a legal hold, a lease, a deployment under way."""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.contracts.storage import Delete, Document, Namespace, Put
from watchkeeper.domain.access import Action
from watchkeeper.domain.errors import NotFound
from watchkeeper.domain.names import stored_name

from .acting import Acting, unchanged

HOLDS: Final = Namespace("version-holds", ("ref",))


@attrs.frozen
class Hold:
    """A version is kept until this is released, or until it ends by itself."""

    name: str
    reason: str
    by: str
    at_us: int
    until_us: int | None = None
    """UTC, microseconds since 1970; None: until it is released."""


@attrs.frozen(eq=False)
class Holds:
    """Places and releases holds; a version that has one is not deleted."""

    acting: Acting

    def place(self, ref: str, name: str, reason: str = "", *, until_us: int | None = None) -> Hold:
        """Keep a version; a hold of the same name is replaced."""
        version, document = self.acting.found(ref, Action.HOLD)
        hold = Hold(stored_name(name, "hold"), reason, self.acting.actor, self.acting.clock.now_us(), until_us)
        self.acting.storage.commit(
            [
                unchanged(document),
                Put(HOLDS, f"{version.ref}/{name}", attrs.asdict(hold), {"ref": version.ref}),
                self.acting.entry("hold", version.ref, hold=name, reason=reason, until_us=until_us),
            ]
        )
        return hold

    def release(self, ref: str, name: str) -> None:
        """End a hold; NotFound when the version has none of that name."""
        version, _ = self.acting.found(ref, Action.HOLD)
        found = self.acting.storage.get(HOLDS, f"{version.ref}/{name}")
        if found is None:
            known = ", ".join(hold.name for hold in self.of(ref)) or "none"
            raise NotFound(f"{version.ref} has no hold {name!r}; it has {known}")
        self.acting.storage.commit(
            [Delete(HOLDS, found.key, found.revision), self.acting.entry("release hold", version.ref, hold=name)]
        )

    def of(self, ref: str) -> tuple[Hold, ...]:
        """The holds that are on a version now."""
        version, _ = self.acting.found(ref, Action.VIEW)
        return holds_on(self.acting, version.ref)


def holds_on(acting: Acting, ref: str) -> tuple[Hold, ...]:
    """The holds that have not ended."""
    now_us = acting.clock.now_us()
    holds = [_hold(document) for document in acting.storage.find(HOLDS, {"ref": ref})]
    return tuple(hold for hold in holds if hold.until_us is None or hold.until_us > now_us)


def _hold(document: Document) -> Hold:
    return Hold(**document.value)
