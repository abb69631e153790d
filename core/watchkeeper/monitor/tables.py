"""All features together: table detectors fitted once on the reference, compared with windows, calibrated on its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.drift import Drift, FittedTable, TableDetector
from watchkeeper.contracts.storage import Namespace
from watchkeeper.domain.encoding import TableEncoding
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.records import packed, unpacked
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Column, Table
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Failure
from watchkeeper.plugins.boundary import attempt

from .learned import Learned, digest_of, written_as
from .naming import ALL_FEATURES

TOGETHER_BUDGET: Final = 0.05
"""The part of a model's budget that single windows of all features together have, beside their alarms."""
SAMPLE_ROWS: Final = 10_000
"""Of more rows so many are compared, evenly spread."""
TABLES: Final = Namespace("learned_tables")
"""Table detectors, fitted."""
WINDOWS: Final = Namespace("learned_table_windows")
"""What they find in the reference's own windows."""
BLOCKS: Final = Namespace("learned_table_blocks")
"""What they find in the reference's own blocks."""
_STRIPES: Final = 10
_RUN: Final = 5
"""Blocks that are chosen for calibration lie in runs of so many, so that their dependence shows."""


@attrs.frozen
class Usual:
    """What one detector finds in the reference's own blocks; None where it was not asked or has no number."""

    statistics: tuple[float | None, ...]
    p_values: tuple[float | None, ...]

    @property
    def distances(self) -> list[float]:
        """The statistics that there are."""
        return [number for number in self.statistics if number is not None]

    @property
    def has_p_values(self) -> bool:
        """Whether the detector is a test."""
        return any(share is not None for share in self.p_values)


@attrs.frozen
class Compared:
    """What the detectors found in one window."""

    drifts: Mapping[str, Drift | Failure]
    lacking: tuple[str, ...] = ()
    """Columns that could not be compared: they are absent, of another kind, or all missing."""


@attrs.frozen(eq=False)
class Tables:
    """Table detectors over one reference. Make one with `Tables.fit`."""

    encoding: TableEncoding
    sample: NDArray[np.float64]
    """(r, d) encoded rows of the reference, evenly spread, at most 10,000."""
    detectors: Mapping[str, TableDetector]
    fitted: Mapping[str, FittedTable | Failure]
    digest: str
    """Of the reference's rows and the detectors."""
    learned: Learned | None = None
    _parts: dict[tuple[str, ...], Mapping[str, FittedTable | Failure]] = attrs.field(factory=dict, init=False)

    @classmethod
    def fit(
        cls,
        detectors: Mapping[str, TableDetector],
        references: Mapping[str, ReferenceColumn],
        table: Table,
        learned: Learned | None = None,
    ) -> Tables:
        """Encode the reference's columns and fit each detector; what was learned from the same rows is not again.

        Parameters
        ----------
        references, table
            The fitted features, and their rows in time order.
        """
        encoding = TableEncoding.of(references.values())
        sample = encoding.encoded(table.rows(_evenly(len(table))))
        told = [f"tables 1 {title} {written_as(detector)}" for title, detector in detectors.items()]
        digest = digest_of([*told, *encoding.names], [table[name] for name in encoding.names])

        def records() -> bytes:
            found = _fitted(detectors, sample)
            kept = {title: one.to_record() for title, one in found.items() if not isinstance(one, Failure)}
            return packed(kept) if len(kept) == len(found) else b""

        restored = _restored(detectors, _remembered(learned, TABLES, digest, records))
        return cls(encoding, sample, detectors, restored or _fitted(detectors, sample), digest, learned)

    def compare(self, columns: Mapping[str, Column]) -> Compared:
        """Every detector's distance of a window; columns that cannot be compared are left out of both sides."""
        usable = self.encoding.usable(columns)
        lacking = tuple(name for name in self.encoding.names if name not in usable)
        if not usable:
            reason = Value.undefined("no feature has values that can be compared with the reference")
            return Compared(dict.fromkeys(self.detectors, Drift(reason)), lacking)
        window = Table({name: columns[name] for name in usable})
        rows = self.encoding.only(usable).encoded(window.rows(_evenly(len(window))))
        return Compared(compared(self._fitted_on(usable), rows), lacking)

    def _fitted_on(self, usable: tuple[str, ...]) -> Mapping[str, FittedTable | Failure]:
        if len(usable) == len(self.encoding.codes):
            return self.fitted
        if usable not in self._parts:
            self._parts[usable] = _fitted(self.detectors, self.sample[:, self.encoding.places_of(usable)])
        return self._parts[usable]

    def usual(self, table: Table, block: NDArray[np.int64], count: int, kind: Namespace) -> dict[str, Usual]:
        """What each detector finds in blocks of the reference, fitted on other stretches of it.

        The reference is cut into ten stretches; those of even number are compared by what was fitted on the odd ones,
        and the other way round. Costs two fits, and `calibration_windows` comparisons a detector at most.

        Parameters
        ----------
        block
            (n,) ascending: which block each row of `table` (in time order) is in.
        """

        def found() -> bytes:
            usual = {title: _usual(self, title, table, block, count) for title in self.detectors}
            return json.dumps({title: attrs.astuple(one) for title, one in usual.items()}).encode()

        digest = digest_of([self.digest, str(count)], [block])
        told = json.loads(_remembered(self.learned, kind, digest, found))
        return {title: Usual(tuple(numbers), tuple(shares)) for title, (numbers, shares) in told.items()}


def compared(fitted: Mapping[str, FittedTable | Failure], rows: NDArray[np.float64]) -> dict[str, Drift | Failure]:
    """What each detector finds in encoded rows; a failure is one's own."""
    return {title: one if isinstance(one, Failure) else _compare(title, one, rows) for title, one in fitted.items()}


def _compare(title: str, fitted: FittedTable, rows: NDArray[np.float64]) -> Drift | Failure:
    found: object = attempt(f"drift.{title}", ALL_FEATURES, lambda: fitted.compare(rows))
    if isinstance(found, (Drift, Failure)):
        return found
    return Failure(f"drift.{title}", f"it returned {type(found).__name__}, expected Drift", ALL_FEATURES)


def _fitted(detectors: Mapping[str, TableDetector], sample: NDArray[np.float64]) -> dict[str, FittedTable | Failure]:
    return {
        title: attempt(f"drift.{title}", ALL_FEATURES, lambda one=detector: one.fit(sample))  # type: ignore[misc]
        for title, detector in detectors.items()
    }


def _restored(detectors: Mapping[str, TableDetector], data: bytes) -> dict[str, FittedTable | Failure] | None:
    """What was kept, or None when it cannot be read: then it is fitted again."""
    try:
        kept = unpacked(data)
    except DataError:
        return None
    found: dict[str, FittedTable | Failure] = {}
    for title, detector in detectors.items():
        one: Any = attempt(f"drift.{title}", ALL_FEATURES, lambda one=detector, of=title: one.restored(kept[of]))  # type: ignore[misc]
        if isinstance(one, Failure):
            return None
        found[title] = one
    return found


def _remembered(learned: Learned | None, kind: Namespace, digest: str, compute: Callable[[], bytes]) -> bytes:
    kept = None if learned is None else learned.found(kind, digest)
    if kept is not None:
        return kept
    data = compute()
    if learned is not None and data:
        learned.keep(kind, digest, data)
    return data


def _evenly(count: int) -> slice | NDArray[np.int64]:
    if count <= SAMPLE_ROWS:
        return slice(None)
    return np.linspace(0, count - 1, SAMPLE_ROWS).astype(np.int64)


def _usual(tables: Tables, title: str, table: Table, block: NDArray[np.int64], count: int) -> Usual:
    detector = tables.detectors[title]
    statistics: list[float | None] = [None] * count
    p_values: list[float | None] = [None] * count
    inside = table.rows(slice(len(block)))
    odd = block * _STRIPES // max(count, 1) % 2 == 1
    for is_odd in (False, True):
        others = np.flatnonzero(odd != is_odd)
        if not len(others):
            continue
        rows = tables.encoding.encoded(inside.rows(others[_evenly(len(others))]))
        fitted = _fitted({title: detector}, rows)
        for at in chosen_blocks(count, detector.calibration_windows):
            first, last = np.searchsorted(block, (at, at + 1))
            if first == last or odd[first] != is_odd:
                continue
            part = inside.rows(slice(int(first), int(last)))
            found = compared(fitted, tables.encoding.encoded(part.rows(_evenly(len(part)))))[title]
            if isinstance(found, Drift):
                statistics[at], p_values[at] = found.statistic.number, found.p_value
    return Usual(tuple(statistics), tuple(p_values))


def chosen_blocks(count: int, most: int) -> Sequence[int]:
    """At most about so many of the blocks, in evenly spread runs of neighbours."""
    if count <= most:
        return range(count)
    runs = max(most // _RUN, 1)
    return list(_in_runs(np.linspace(0, count - _RUN, runs).astype(int).tolist(), count))


def _in_runs(starts: list[int], count: int) -> Iterator[int]:
    for start in sorted(set(starts)):
        yield from range(max(start, 0), min(start + _RUN, count))
