"""Which stored predictions were answers that somebody got: those of production, not those of a shadow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.table import Categories, Column
from watchkeeper.domain.window import iso_time

from .records import PREDICTIONS

FOLLOWS_US: Final = 3_600_000_000
"""An hour: so long after it left production a version's rows still count, for servers follow one after another."""
_ALWAYS: Final = (-(2**62), 2**62)
_FIRST_LOOK_US: Final = 60_000_000
_FARTHER: Final = 8


class Chosen(Protocol):
    """Says which rows are meant."""

    def which(self, time: NDArray[np.int64], versions: Column | None) -> NDArray[np.bool_] | None:
        """(n,) of rows at these times, made by these versions; None: all."""
        ...


@attrs.frozen
class Stint:
    """A time in which a version answered."""

    number: str
    """``1.4.0``."""
    since_us: int
    until_us: int | None
    """None while it does."""
    is_production: bool = True
    """Otherwise a part of the requests is its, in a deployment."""

    @property
    def counts_until_us(self) -> int:
        """Until when its rows count."""
        if self.until_us is None:
            return _ALWAYS[1]
        return self.until_us + FOLLOWS_US if self.is_production else self.until_us


@attrs.frozen(eq=False)
class Answering:
    """When each version of a model answered, as the registry has it.

    A row is left out where it is known that nobody got that answer: its version is registered, another one was in
    production at the time, and it had no part of the requests. Rows without a version, of one that the registry does
    not know, or of a time when nothing was in production count.
    """

    stints: tuple[Stint, ...]
    is_registered: Callable[[str], bool]
    """Whether the registry has a version of that number."""
    _spans: dict[str, tuple[tuple[int, int], ...] | None] = attrs.field(factory=dict, init=False)

    def which(self, time: NDArray[np.int64], versions: Column | None) -> NDArray[np.bool_] | None:
        """(n,) whether each row is an answer; None when all are."""
        if versions is None:
            return None
        coded = versions if isinstance(versions, Categories) else Categories.of(versions.tolist())
        kept = np.ones(len(time), dtype=np.bool_)
        for code in np.unique(coded.codes).tolist():
            spans = None if code < 0 else self.spans_of(coded.labels[code])
            if spans is not None:
                inside = np.zeros(len(time), dtype=np.bool_)
                for since_us, until_us in spans:
                    inside |= (time >= since_us) & (time < until_us)
                kept &= (coded.codes != code) | inside
        return None if kept.all() else kept

    def spans_of(self, version: str) -> tuple[tuple[int, int], ...] | None:
        """When rows of this version count; None: always."""
        if version not in self._spans:
            self._spans[version] = self._found(plain_number(version))
        return self._spans[version]

    def role_of(self, version: str, since_us: int, until_us: int) -> str:
        """What it was in a stretch of time: ``in production``, ``with a part of the requests``, or ""."""
        number = plain_number(version)
        stints = [
            stint
            for stint in self.stints
            if stint.number == number and stint.since_us < until_us and since_us < (stint.until_us or _ALWAYS[1])
        ]
        if not stints:
            return ""
        last = max(stints, key=lambda stint: (stint.until_us or _ALWAYS[1], stint.is_production))
        role = "in production" if last.is_production else "with a part of the requests"
        return role if last.until_us is None or last.until_us >= until_us else f"{role} until {iso_time(last.until_us)}"

    def _found(self, number: str) -> tuple[tuple[int, int], ...] | None:
        own = [(stint.since_us, stint.counts_until_us) for stint in self.stints if stint.number == number]
        if not own and not self.is_registered(number):
            return None
        return (*own, *self._vacancies())

    def _vacancies(self) -> Iterator[tuple[int, int]]:
        """The times when nothing was in production."""
        since_us = _ALWAYS[0]
        for stint in sorted((one for one in self.stints if one.is_production), key=lambda one: one.since_us):
            if stint.since_us > since_us:
                yield since_us, stint.since_us
            since_us = _ALWAYS[1] if stint.until_us is None else stint.until_us
        if since_us < _ALWAYS[1]:
            yield since_us, _ALWAYS[1]


@attrs.frozen
class OnlyVersion:
    """The rows of one version, whether anybody got its answers or not."""

    version: str

    def which(self, time: NDArray[np.int64], versions: Column | None) -> NDArray[np.bool_]:
        """(n,) whether that version made each row."""
        if versions is None:
            return np.zeros(len(time), dtype=np.bool_)
        coded = versions if isinstance(versions, Categories) else Categories.of(versions.tolist())
        number = plain_number(self.version)
        meant = [code for code, label in enumerate(coded.labels) if plain_number(label) == number]
        return np.isin(coded.codes, meant)


@attrs.frozen(eq=False)
class ChosenRows:
    """A store in which a model has only the predictions that are meant; all else is the store's own."""

    storage: Storage
    model: str
    chosen: Chosen
    _span: list[tuple[int, int] | None] = attrs.field(factory=list, init=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.storage, name)

    def scan(
        self,
        stream: str,
        key: str,
        since_us: int | None = None,
        until_us: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[Batch]:
        """As the store does; batches without a row that is meant are left out."""
        if stream != PREDICTIONS or key != self.model:
            yield from self.storage.scan(stream, key, since_us, until_us, columns)
            return
        is_asked = columns is None or "version" in columns
        names = columns if columns is None or is_asked else (*columns, "version")
        for batch in self.storage.scan(stream, key, since_us, until_us, names):
            table = batch.table
            kept = self.chosen.which(batch.time, table.columns.get("version"))
            if not is_asked:
                table = table.select(name for name in table if name != "version")
            if kept is None:
                yield Batch(batch.time, table)
            elif kept.any():
                yield Batch(batch.time[kept], table.rows(kept))

    def span(self, stream: str, key: str) -> tuple[int, int] | None:
        """As the store does; the last time is that of a row that is meant, as of the first question."""
        if stream != PREDICTIONS or key != self.model:
            return self.storage.span(stream, key)
        if not self._span:
            self._span.append(self._searched())
        return self._span[0]

    def _searched(self) -> tuple[int, int] | None:
        span = self.storage.span(PREDICTIONS, self.model)
        if span is None:
            return None
        until_us, reach_us = span[1] + 1, _FIRST_LOOK_US
        while until_us > span[0]:
            since_us = max(until_us - reach_us, span[0])
            last = [int(one.time.max()) for one in self.scan(PREDICTIONS, self.model, since_us, until_us, ["version"])]
            if last:
                return span[0], max(last)
            until_us, reach_us = since_us, reach_us * _FARTHER
        return None


def chosen_rows(storage: Storage, model: str, chosen: Chosen | None) -> Storage:
    """The store as it is when nothing is to be left out; else with the rows that are meant."""
    return storage if chosen is None else cast("Storage", ChosenRows(storage, model, chosen))


def left_out(storage: Storage, model: str, since_us: int | None = None, until_us: int | None = None) -> dict[str, int]:
    """By version: how many predictions of a stretch of time are in the store and not among the chosen."""
    if not isinstance(storage, ChosenRows):
        return {}
    found: dict[str, int] = {}
    for batch in storage.storage.scan(PREDICTIONS, model, since_us, until_us, ["version"]):
        versions = batch.table.columns.get("version")
        kept = storage.chosen.which(batch.time, versions)
        if kept is not None and versions is not None:
            for version, rows in rows_by_version(versions[~kept]).items():
                found[version] = found.get(version, 0) + rows
    return found


def hours_left_out(storage: Storage, model: str, since_us: int, until_us: int, hour_us: int) -> frozenset[int]:
    """The hours that have a row which is not among the chosen."""
    if not isinstance(storage, ChosenRows):
        return frozenset()
    found: set[int] = set()
    for batch in storage.storage.scan(PREDICTIONS, model, since_us, until_us, ["version"]):
        kept = storage.chosen.which(batch.time, batch.table.columns.get("version"))
        if kept is not None:
            found.update((np.unique(batch.time[~kept] // hour_us) * hour_us).tolist())
    return frozenset(found)


def rows_by_version(versions: Column) -> dict[str, int]:
    """How many rows each version has, by its `plain_number`; those without one are left out."""
    coded = versions if isinstance(versions, Categories) else Categories.of(versions.tolist())
    counts = np.bincount(coded.codes[coded.codes >= 0], minlength=len(coded.labels))
    found: dict[str, int] = {}
    for label, rows in zip(coded.labels, counts.tolist(), strict=True):
        if rows and label:
            found[plain_number(label)] = found.get(plain_number(label), 0) + int(rows)
    return found


def plain_number(version: str) -> str:
    """A version as the registry writes it, where it can be told: ``v1.2`` and ``momentum@1.2.0`` are ``1.2.0``.

    Examples
    --------
    >>> plain_number("v1.2"), plain_number("momentum@1.2.0"), plain_number("champion")
    ('1.2.0', '1.2.0', 'champion')
    """
    bare = version.rpartition("@")[2].removeprefix("v")
    parts = bare.split(".")
    if len(parts) > 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return version
    return ".".join([*(str(int(part)) for part in parts), "0", "0"][:3])
