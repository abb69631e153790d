"""Cleaning up the registry, with limits as a person writes them."""

from __future__ import annotations

from watchkeeper.domain.spans import Duration
from watchkeeper.registry.cleanup import Collected, Limits

from .watchkeeper import Watchkeeper


def tidied(
    watch: Watchkeeper, *, keep: int | None, older_than: str | None, max_bytes: int | None, dry_run: bool
) -> Collected:
    """Delete what is past the limits, or tell what would be; `older_than` as ``90d``."""
    older_than_us = None if older_than is None else watch.now_us() - Duration.parse(older_than).microseconds
    limits = Limits(keep=keep, older_than_us=older_than_us, max_bytes=max_bytes)
    return watch.registry.cleanup.collect(limits, dry_run=dry_run)
