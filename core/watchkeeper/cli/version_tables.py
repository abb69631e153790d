"""Versions, their history and the audit log as tables that fold what is too wide and cut nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.table import Table

    from watchkeeper.contracts.storage import LoggedEntry
    from watchkeeper.domain.model import Version
    from watchkeeper.registry.pages import VersionLine
    from watchkeeper.registry.stages import StageChange

_DIGITS_OF_A_DIGEST: Final = 12
_TOLD_ELSEWHERE: Final = frozenset({"action", "subject", "by", "at_us", "digest", "seal"})
"""Parts of an audit entry that its table has a place for, or that only a program reads."""
_WIDE: Final = 100
"""From so many columns on a list has room for everything."""


def folding(*names: str, whole: Iterable[str] = (), title: str | None = None) -> Table:
    """A table whose columns fold where they are too wide; those named `whole` stay on one line as long as they can."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    kept = frozenset(whole)
    table = Table(box=SIMPLE_HEAD, title=title, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in names:
        table.add_column(name, overflow="fold", no_wrap=name in kept)
    return table


def versions_table(lines: Iterable[VersionLine], aliases: Mapping[str, list[str]], width: int) -> Table:
    """A line for each version; its format and the bytes of its artifact where the terminal is `width` enough."""
    extra = ("format", "bytes") if width >= _WIDE else ()
    table = folding("version", "stage", "aliases", "registered", "by", *extra, "metrics", whole=("version", "stage"))
    for one in lines:
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in one.metrics.items())
        called = ", ".join(aliases.get(one.ref, ()))
        size = (one.format, f"{one.size:,}") if extra else ()
        table.add_row(one.ref, one.stage, called, minute(one.created_us), one.created_by, *size, metrics)
    return table


def history_table(changes: Iterable[StageChange]) -> Table:
    """A line for each change of stage."""
    table = folding("#", "version", "kind", "stages", "at", "by", "reason", whole=("version", "kind"))
    for one in changes:
        stages = f"{one.before} -> {one.after}"
        table.add_row(str(one.generation), one.ref, one.kind, stages, minute(one.at_us), one.by, one.reason)
    return table


def audit_table(entries: Iterable[LoggedEntry]) -> Table:
    """A line for each entry: when who did what to what, and the beginning of its digest."""
    table = folding("#", "at", "by", "what", "digest", whole=("digest",))
    for one in entries:
        at_us = one.body.get("at_us")
        at = minute(at_us) if isinstance(at_us, int) else ""
        table.add_row(
            str(one.number), at, str(one.body.get("by", "")), _done(one.body), one.digest[:_DIGITS_OF_A_DIGEST]
        )
    return table


def facts_table(title: str, known: Mapping[str, Any]) -> Table:
    """A line for each field that says something; what is made of parts has one below the other."""
    table = folding("field", "value", whole=("field",), title=title)
    for name, value in known.items():
        if value not in (None, "", (), [], {}):
            table.add_row(_title(name), _told(name, value))
    return table


def plain_version(version: Version) -> dict[str, Any]:
    """The version's record for a program."""
    import attrs

    return {"ref": version.ref, **attrs.asdict(version), "number": str(version.number)}


def minute(time_us: int) -> str:
    """UTC microseconds since 1970 as ``2008-09-15 16:30``; in JSON they are whole."""
    from watchkeeper.domain.window import iso_time

    return iso_time(time_us)[:16].replace("T", " ")


def _title(name: str) -> str:
    return name.removesuffix("_us").replace("_", " ")


def _told(name: str, value: Any) -> str:
    if name.endswith("_us"):
        return minute(value)
    if isinstance(value, Mapping):
        parts = (
            f"{key.removesuffix('_us')} {_told(key, item)}" for key, item in value.items() if item not in (None, "")
        )
        return "\n".join(parts)
    if isinstance(value, list | tuple):
        apart = "\n" if any(isinstance(item, Mapping) for item in value) else ", "
        return apart.join(_told("", item).replace("\n", ", ") for item in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _done(body: Mapping[str, Any]) -> str:
    """``promote momentum@1.4.0: from staging, to production, reason quarterly review``."""
    done = f"{body.get('action', '')} {body.get('subject', '')}".strip()
    more = (f"{key} {value}" for key, value in body.items() if key not in _TOLD_ELSEWHERE and value not in (None, ""))
    return ": ".join(part for part in (done, ", ".join(more)) if part)
