"""What a store holds and how much of it, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from watchkeeper.contracts.storage import Capabilities, Storage
from watchkeeper.contracts.storage_contents import Inventory
from watchkeeper.domain.window import iso_time

from .contents import blob_sizes, inventory_of


@attrs.frozen
class Statistics:
    """Counted without reading the rows."""

    capabilities: Capabilities
    inventory: Inventory
    spans: Mapping[tuple[str, str], tuple[int, int]]
    """The first and the last time of each series."""
    blobs: Mapping[str, int]
    """Sizes by digest."""

    @property
    def size(self) -> int:
        """Bytes of rows and blobs."""
        return sum(held.size for held in self.inventory.series) + sum(self.blobs.values())

    def plain(self) -> dict[str, Any]:
        """What JSON can hold; times in ISO 8601."""
        about = self.capabilities
        return {
            "storage": about.name,
            "schema": about.schema,
            "durability": sorted(about.durability),
            "bytes": self.size,
            "series": [
                {
                    "stream": held.stream,
                    "key": held.key,
                    "rows": held.rows,
                    "bytes": held.size,
                    "first": told_moment(self.spans[held.stream, held.key][0]),
                    "last": told_moment(self.spans[held.stream, held.key][1]),
                }
                for held in self.inventory.series
                if (held.stream, held.key) in self.spans
            ],
            "namespaces": [
                {"name": held.namespace.name, "index": list(held.namespace.index), "documents": held.documents}
                for held in self.inventory.namespaces
            ],
            "logs": [{"name": held.name, "entries": held.entries} for held in self.inventory.logs],
            "blobs": {"count": len(self.blobs), "bytes": sum(self.blobs.values())},
        }


def statistics_of(storage: Storage) -> Statistics:
    """Count what is there now."""
    inventory = inventory_of(storage)
    spans = {(held.stream, held.key): storage.span(held.stream, held.key) for held in inventory.series}
    return Statistics(
        capabilities=storage.describe(),
        inventory=inventory,
        spans={names: span for names, span in spans.items() if span is not None},
        blobs=blob_sizes(storage),
    )


def told_moment(time_us: int) -> str:
    """A time in ISO 8601, or the number itself where no calendar reaches."""
    try:
        return iso_time(time_us)
    except (ValueError, OverflowError, OSError):
        return str(time_us)
