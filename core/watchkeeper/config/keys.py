"""What a field of the schema says about its key."""

from __future__ import annotations

from typing import Any, Final

KEY: Final = "key"
ABOUT: Final = "about"
IS_NO_KEY: Final = "is_no_key"


def told(about: str, key: str | None = None) -> dict[str, Any]:
    """A field's metadata: what it says in the file, and its key when that is no Python name."""
    return {ABOUT: about} if key is None else {ABOUT: about, KEY: key}
