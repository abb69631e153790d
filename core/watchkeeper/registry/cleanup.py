"""Throwing away versions that nobody needs, and bytes that no version names: mark and sweep, dry run by default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import SweepsBlobs
from watchkeeper.domain.access import Action
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Version

from .acting import Acting
from .records import VERSIONS, version_of
from .removal import deleted, reasons_to_keep

GRACE_SECONDS: Final = 3600.0
"""Bytes that were put so recently may belong to a version that is being registered."""


@attrs.frozen(kw_only=True)
class Limits:
    """Which versions are too many; with none of them, none is. What `reasons_to_keep` names is kept in any case."""

    keep: int | None = None
    """Versions of a model, the newest first."""
    max_age_us: int | None = None
    """Microseconds since it was registered."""
    max_bytes: int | None = None
    """Bytes of all artifacts together, each counted once; the oldest versions go first."""

    def __attrs_post_init__(self) -> None:
        for name in ("keep", "max_age_us", "max_bytes"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise UsageError(f"{name} is {value}; expected a number of at least 0, or None for no limit")


@attrs.frozen
class Collected:
    """What `collect` did, or would do."""

    versions: tuple[str, ...]
    blobs: tuple[str, ...]
    freed_bytes: int
    is_dry_run: bool
    can_sweep: bool = True
    """Whether the store can list and remove bytes; when not, only versions go."""


@attrs.frozen(eq=False)
class Cleanup:
    """Finds what can go."""

    acting: Acting

    def collect(
        self,
        limits: Limits | None = None,
        *,
        dry_run: bool = True,
        grace_seconds: float = GRACE_SECONDS,
        reason: str = "",
    ) -> Collected:
        """Delete the versions past `limits`, then the bytes that no version names and that are older than the grace.

        It can be killed at any moment and run again: rows go before bytes, so that a version is never without its own.

        Parameters
        ----------
        dry_run
            Only tell what would go.
        """
        self.acting.require(Action.DELETE, "*")
        doomed = tuple(self._doomed(limits or Limits()))
        if not dry_run:
            for version in doomed:
                deleted(self.acting, version.ref, reason or "cleanup")
        blobs, freed = self._swept({version.ref for version in doomed}, dry_run=dry_run, grace_seconds=grace_seconds)
        can_sweep = isinstance(self.acting.storage, SweepsBlobs)
        found = Collected(tuple(version.ref for version in doomed), blobs, freed, dry_run, can_sweep)
        if not dry_run and (doomed or blobs):
            entry = self.acting.entry(
                "collect", "*", versions=len(doomed), blobs=len(blobs), freed_bytes=freed, reason=reason
            )
            self.acting.storage.commit([entry])
        return found

    def _doomed(self, limits: Limits) -> Iterator[Version]:
        """The versions that go, the oldest first."""
        versions = [version_of(document) for document in self.acting.storage.find(VERSIONS)]
        versions.sort(key=lambda version: (version.created_us, version.number))
        excess = _beyond(versions, limits.keep)
        too_many_bytes = 0
        if limits.max_bytes is not None:
            too_many_bytes = sum(_sizes(versions).values()) - limits.max_bytes
        users = _users(versions)
        now_us = self.acting.clock.now_us()
        for version in versions:
            is_old = limits.max_age_us is not None and now_us - version.created_us > limits.max_age_us
            if not (version.ref in excess or is_old or too_many_bytes > 0) or reasons_to_keep(self.acting, version):
                continue
            yield version
            users[version.digest] -= 1
            if not users[version.digest]:
                too_many_bytes -= version.size

    def _swept(self, gone: set[str], *, dry_run: bool, grace_seconds: float) -> tuple[tuple[str, ...], int]:
        storage = self.acting.storage
        if not isinstance(storage, SweepsBlobs):
            return (), 0
        # the list of blobs before the marks: bytes of a version that appears in between are too young to go anyway
        before_us = self.acting.clock.now_us() - round(grace_seconds * 1e6)
        candidates = [blob for blob in storage.blobs() if blob.kept_us < before_us]
        named = self._named(gone)
        swept = [
            blob
            for blob in candidates
            if blob.digest not in named and (dry_run or storage.remove_blob(blob.digest, before_us))
        ]
        return tuple(blob.digest for blob in swept), sum(blob.size for blob in swept)

    def _named(self, gone: set[str]) -> frozenset[str]:
        """Digests that a version's record names."""
        versions = [version_of(document) for document in self.acting.storage.find(VERSIONS)]
        kept = [version for version in versions if version.ref not in gone]
        digests = {version.digest for version in kept}
        return frozenset(digests | {version.reference_digest for version in kept if version.reference_digest})


def _beyond(versions: Sequence[Version], keep: int | None) -> frozenset[str]:
    """All but the newest `keep` of each model; `versions` are the oldest first."""
    if keep is None:
        return frozenset()
    by_model: dict[str, list[str]] = {}
    for version in versions:
        by_model.setdefault(version.model, []).append(version.ref)
    return frozenset(ref for refs in by_model.values() for ref in refs[: max(len(refs) - keep, 0)])


def _sizes(versions: Iterable[Version]) -> dict[str, int]:
    return {version.digest: version.size for version in versions}


def _users(versions: Iterable[Version]) -> dict[str, int]:
    users: dict[str, int] = {}
    for version in versions:
        users[version.digest] = users.get(version.digest, 0) + 1
    return users
