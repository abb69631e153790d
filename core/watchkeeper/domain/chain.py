"""The hash chain of a log: canonical JSON, and the digest that covers an entry with all before it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, Final

from .errors import UsageError


def canonical_json(value: Mapping[str, Any], what: str = "value") -> str:
    """The one JSON text of `value`: sorted keys, no spaces, no NaN; equal values give equal texts.

    Parameters
    ----------
    value
        What JSON gives back unchanged (a tuple comes back as a list).
    what
        What it is, for the message: ``document 'a'``.

    Raises
    ------
    UsageError
        For NaN, infinities, keys that are not text, lone surrogates, other objects.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [None, "é"]})
    '{"a":[null,"é"],"b":1}'
    """
    try:
        _require_plain(value)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=dict)
        text.encode()
    except (_NotPlain, RecursionError, UnicodeEncodeError) as error:
        reason = "a text holds a lone surrogate" if isinstance(error, UnicodeEncodeError) else error
        raise UsageError(
            f"the {what} cannot be kept as JSON: {reason}; expected text, finite numbers, booleans, None, lists, and "
            "mappings with text keys"
        ) from None
    return text


def entry_digest(previous: str, number: int, body: str) -> str:
    """SHA-256, hexadecimal, over ``previous``, ``number`` and `body`, one a line.

    Parameters
    ----------
    previous
        The digest of the entry before, "" for the first.
    number
        The entry's number, counting from 1.
    body
        The entry's body as `canonical_json`.
    """
    return hashlib.sha256(f"{previous}\n{number}\n{body}".encode()).hexdigest()


_LEAVES: Final = frozenset({str, int, bool, type(None)})
"""What most of a value is made of, and needs no closer look."""


class _NotPlain(Exception):
    """What was found where JSON has no place for it."""


def _require_plain(value: Any) -> None:
    """JSON would turn the keys 1 and True into text, and NaN into a word that others cannot read."""
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _NotPlain(f"found the number {value}")
        return
    if not isinstance(value, Mapping | list | tuple):
        raise _NotPlain(f"found a {type(value).__name__}")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise _NotPlain(f"found the key {key!r}")
    for inner in value.values() if isinstance(value, Mapping) else value:
        if type(inner) not in _LEAVES:
            _require_plain(inner)
