"""The hash chain of a log: canonical JSON, and the digest that covers an entry with all before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .errors import DataError


def canonical_json(value: Mapping[str, Any]) -> str:
    """The one JSON text of `value`: sorted keys, no spaces, no NaN; equal values give equal texts.

    Raises
    ------
    DataError
        For what JSON cannot give back unchanged: NaN, infinities, keys that are not text, other objects.
    """
    _require_plain(value, "")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=dict)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"a text holds the lone surrogate U+{ord(error.object[error.start]):04X}, which cannot be stored: "
            "decode the text properly first"
        ) from error
    return text


def entry_digest(previous: str, number: int, body: Mapping[str, Any] | str) -> str:
    """SHA-256, hexadecimal, over ``previous``, ``number`` and the canonical JSON of `body`, one a line.

    Parameters
    ----------
    previous
        The digest of the entry before, "" for the first.
    number
        The entry's number, counting from 1.
    body
        The entry's body, or its canonical JSON where that is at hand already.

    Examples
    --------
    >>> entry_digest("", 1, {"by": "ada"}) == entry_digest("", 1, '{"by":"ada"}')
    True
    """
    text = body if isinstance(body, str) else canonical_json(body)
    return hashlib.sha256(f"{previous}\n{number}\n{text}".encode()).hexdigest()


def _require_plain(value: Any, path: str) -> None:
    if value is None or isinstance(value, str | bool | int):
        return
    if isinstance(value, float):
        if value - value != 0.0:  # NaN and the infinities alone
            raise DataError(
                f"{path or 'the value'} is {value}, which JSON cannot hold; expected a finite number or None"
            )
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise DataError(f"{path or 'the value'} has the key {key!r}; expected text keys, as JSON has them")
            _require_plain(inner, f"{path}.{key}" if path else key)
        return
    if isinstance(value, list | tuple):
        for at, inner in enumerate(value):
            _require_plain(inner, f"{path}[{at}]")
        return
    raise DataError(
        f"{path or 'the value'} is a {type(value).__name__}, which JSON cannot hold; expected text, numbers, "
        "booleans, None, "
        "lists and mappings"
    )
