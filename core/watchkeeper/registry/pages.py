"""A line for each version, many to a document, so that listing a thousand versions reads a few documents."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Namespace, Put, Storage
from watchkeeper.domain.model import Stage, Version, VersionNumber

PAGES: Final = Namespace("version-pages", ("model",))
_NUMBERS_A_PAGE: Final = 64


@attrs.frozen
class VersionLine:
    """What a list shows of a version. It is written in the same commit as the version's record, which `get` reads."""

    model: str
    number: VersionNumber
    stage: Stage
    format: str
    digest: str
    size: int
    created_us: int
    created_by: str
    metrics: Mapping[str, float]

    @property
    def ref(self) -> str:
        """``name@1.4.0``."""
        return f"{self.model}@{self.number}"


def page_puts(storage: Storage, now: Iterable[Version] = (), gone: Iterable[Version] = ()) -> list[Put]:
    """The operations that bring the pages up to date: lines of versions as they are now, and without those gone."""
    changed: dict[str, dict[str, list[Any]]] = {}
    revisions: dict[str, tuple[str, int]] = {}

    def page(version: Version) -> dict[str, list[Any]]:
        key = _key(version)
        if key not in changed:
            document = storage.get(PAGES, key)
            changed[key] = {} if document is None else json.loads(document.value["lines"])
            revisions[key] = (version.model, 0 if document is None else document.revision)
        return changed[key]

    for version in now:
        page(version)[str(version.number)] = _line(version)
    for version in gone:
        page(version).pop(str(version.number), None)
    # the lines as one text: the store then checks one value instead of a thousand
    return [
        Put(PAGES, key, {"lines": json.dumps(lines, separators=(",", ":"))}, {"model": model}, revision)
        for (key, lines), (model, revision) in zip(changed.items(), revisions.values(), strict=True)
    ]


def lines_of(storage: Storage, model: str) -> tuple[VersionLine, ...]:
    """All of a model's lines, the greatest number first. About 2 µs each."""
    found: list[tuple[tuple[int, int, int], list[Any]]] = []
    for document in storage.find(PAGES, {"model": model}):
        for number, line in json.loads(document.value["lines"]).items():
            major, minor, patch = number.split(".")
            found.append(((int(major), int(minor), int(patch)), line))
    found.sort(key=_number, reverse=True)
    return tuple(VersionLine(model, VersionNumber(*number), _STAGES[line[0]], *line[1:]) for number, line in found)


def _number(found: tuple[tuple[int, int, int], list[Any]]) -> tuple[int, int, int]:
    return found[0]


def _key(version: Version) -> str:
    number = version.number
    return f"{version.model}/{number.major}.{number.minor // _NUMBERS_A_PAGE}.{number.patch // _NUMBERS_A_PAGE}"


def _line(version: Version) -> list[Any]:
    return [
        version.stage,
        version.format,
        version.digest,
        version.size,
        version.created_us,
        version.created_by,
        dict(version.metrics),
    ]


_STAGES: Final = {str(stage): stage for stage in Stage}
