"""Secrets: ``env:NAME`` and ``file:PATH`` in place of a value, looked up when the value is used, never shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from .positions import KeyPath
from .problems import Problem, Wrong, quoted, said

MASK: Final = "***"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_BYTES: Final = 65_536
_TELLING: Final = re.compile(
    r"password|passphrase|secret|token|credential|(^|_)(api|routing|private|access)_?key$", re.IGNORECASE
)
_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)([^/@:]*):.*@")
_SHORTEST: Final = 3
"""A shorter text is no secret, and covering it would cover half of every message."""
_TELLING_START: Final = 16
"""So many characters of a longer secret tell too much."""


def is_secret(value: object) -> bool:
    """Whether a value of the file stands for a secret; ``file://…`` is a URL and does not."""
    return isinstance(value, str) and (
        value.startswith("env:") or (value.startswith("file:") and not value.startswith("file://"))
    )


def references(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """Every text in `value` that stands for a secret, with where it is."""
    if isinstance(value, str):
        if is_secret(value):
            yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from references(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from references(inner, (*path, place))


def check_form(reference: str) -> None:
    """Refuse ``env:`` without the name of a variable, and ``file:`` without a path; nothing is looked up."""
    source, _, place = reference.partition(":")
    if source == "env" and not _VARIABLE.fullmatch(place):
        raise said(f'is {quoted(reference)}; expected "env:" and the name of a variable: letters, digits and _')
    if source == "file" and (not place.strip() or "\0" in place):
        raise said(f'is {quoted(reference)}; expected "file:" and the path of a file that holds the secret')


def filled(value: Any, texts: Mapping[KeyPath, Any], path: KeyPath = ()) -> Any:
    """A copy of `value` with these texts in these places."""
    if path in texts:
        return texts[path]
    if isinstance(value, Mapping):
        return {key: filled(inner, texts, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [filled(inner, texts, (*path, place)) for place, inner in enumerate(value)]
    return value


@attrs.frozen
class Secrets:
    """Where secrets are looked up."""

    environment: Mapping[str, str] = attrs.field(repr=False)
    folder: Path
    """Where relative paths of ``file:`` begin."""

    def text(self, reference: str) -> str:
        """What ``env:NAME`` or ``file:PATH`` stands for; `Wrong` says why there is nothing."""
        check_form(reference)
        source, _, place = reference.partition(":")
        return self._variable(place) if source == "env" else self._file(place)

    def looked_up(self, value: Any) -> dict[KeyPath, str]:
        """The text behind each reference in `value`, by where it is; `Wrong` tells of all that are not there."""
        texts: dict[KeyPath, str] = {}
        problems: list[Problem] = []
        for path, reference in references(value):
            try:
                texts[path] = self.text(reference)
            except Wrong as wrong:
                problems.extend(problem.under(*path) for problem in wrong.problems)
        if problems:
            raise Wrong(*problems)
        return texts

    def _variable(self, name: str) -> str:
        text = self.environment.get(name, "")
        if not text:
            is_set = "empty" if name in self.environment else "not set"
            raise said(f"reads the variable {name}, which is {is_set}; set it where watchkeeper runs")
        return text

    def _file(self, place: str) -> str:
        path = self.folder / place
        try:
            with path.open("rb") as opened:
                content = opened.read(_LONGEST_BYTES + 1)
            text = content.decode("utf-8").rstrip("\r\n")
        except OSError as error:
            raise said(f"reads the file {path}, which cannot be opened: {error.strerror}") from None
        except UnicodeDecodeError:
            raise said(f"reads the file {path}, which is not UTF-8 text; expected the secret alone") from None
        if not text or len(content) > _LONGEST_BYTES:
            size = "longer than 64 KiB" if text else "empty"
            raise said(f"reads the file {path}, which is {size}; expected the secret alone")
        return text


def masked(key: str, value: object, *, is_from_environment: bool) -> object:
    """The value as it may be shown: a secret given in the clear is covered, ``env:NAME`` says where one is."""
    if is_secret(value):
        return value
    if isinstance(value, str):
        if _TELLING.search(key) or is_from_environment:
            return MASK
        return without_password(value)
    if isinstance(value, Mapping):
        return {inner: masked(inner, item, is_from_environment=is_from_environment) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(key, item, is_from_environment=is_from_environment) for item in value]
    return value


def without_password(url: str) -> str:
    """The URL with the password in ``user:password@host`` covered."""
    return _PASSWORD_IN_URL.sub(rf"\1:{MASK}@", url)


def covered(message: str, secrets: Iterable[str]) -> str:
    """The message without the secrets that a plugin may have put into it, whole or cut short."""
    for secret in secrets:
        for form in sorted({secret, repr(secret)[1:-1], quoted(secret)[1:-1]}, key=len, reverse=True):
            if len(form) >= _SHORTEST:
                beginning = re.escape(form[:_TELLING_START])
                whole = re.escape(form)
                message = re.sub(rf"{whole}|{beginning}\S*" if len(form) > _TELLING_START else whole, MASK, message)
    return message
