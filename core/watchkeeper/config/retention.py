"""``[retention]``: how long the store keeps what, whatever the back end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import attrs

from .constraints import Inside, OneOf
from .keys import told

_MOST_DAYS: Final = 36_500
_MOST_BYTES: Final = 1e18

STREAMS: Final = ("predictions", "outcomes", "measurements", "measured_windows", "rollups", "profiles", "weights")
"""What watchkeeper appends to a store."""

Stream = Annotated[str, OneOf(STREAMS)]


@attrs.frozen(kw_only=True)
class RetentionConfig:
    """Lifetimes by stream (``predictions``, ``outcomes``, ``measurements``, …); a stream left out is kept for ever."""

    keep_days: Mapping[Stream, Annotated[float, Inside(0, _MOST_DAYS)]] = attrs.field(
        factory=dict, metadata=told("by stream: days that rows are kept, by their own time")
    )
    keep_wide_days: Mapping[Stream, Annotated[float, Inside(0, _MOST_DAYS)]] = attrs.field(
        factory=dict, metadata=told("by stream: days that features are kept; the rest of the row stays")
    )
    keep_bytes: Mapping[Stream, Annotated[float, Inside(0, _MOST_BYTES)]] = attrs.field(
        factory=dict, metadata=told("by stream: bytes that it may take on disk; the oldest rows go first")
    )

    def options(self) -> dict[str, Any]:
        """What the storage plugin is told: the keys that say something."""
        return {name: dict(value) for name, value in attrs.asdict(self).items() if value}
