"""What a back end does besides `Storage` when all that it holds can be listed, copied, backed up and verified."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import attrs

from .storage import Namespace


@attrs.frozen
class HeldSeries:
    """The rows under a stream and a key."""

    stream: str
    key: str
    rows: int
    size: int
    """Bytes that they take, as far as the back end knows."""


@attrs.frozen
class HeldNamespace:
    """The documents of a namespace."""

    namespace: Namespace
    documents: int


@attrs.frozen
class HeldLog:
    """A log with at least one entry."""

    name: str
    entries: int


@attrs.frozen
class Inventory:
    """All that a store holds besides blobs, sorted by name; what holds nothing is not listed."""

    series: tuple[HeldSeries, ...] = ()
    namespaces: tuple[HeldNamespace, ...] = ()
    logs: tuple[HeldLog, ...] = ()


@runtime_checkable
class TellsContents(Protocol):
    """Can be copied and exported, because it knows what it holds; blobs are told by `SweepsBlobs.blobs`."""

    def inventory(self) -> Inventory:
        """What is there now, counted without reading the rows."""
        ...


@runtime_checkable
class VerifiesItself(Protocol):
    """Knows more about its own files than can be seen by reading them through `Storage`."""

    def verify(self) -> tuple[str, ...]:
        """A sentence for each thing that is not as it was written; reads everything."""
        ...


@runtime_checkable
class BacksUp(Protocol):
    """Can be copied as it lies, revisions and all, into a folder that can be opened as a store."""

    def back_up(self, target: Path) -> None:
        """Copy everything into the folder `target`, empty or not there, while others read and write."""
        ...


@runtime_checkable
class ForgetsMissing(Protocol):
    """Keeps rows in files of its own, and can go on without those that are gone."""

    def forget_missing(self) -> tuple[str, ...]:
        """Go on without files that are gone; what they are called, such as the days that they held rows of."""
        ...
