"""One check's measurements, looked up for conditions: which numbers stand for each series, label by label.

A series without labels, ``accuracy``, is the measurement of that name that has no labels; when all of them have some,
as with ``ks``, it stands for each of them. A condition is then asked once for each *row*, a set of labels:
``ks > 0.2 and psi > 0.1`` holds when one and the same feature has both. A measurement with fewer labels serves all
rows that have its labels, so that ``samples`` can stand beside ``ks``.

When the measurements are of several versions, the version counts as a label.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value

from .condition import Series

Labels: TypeAlias = "frozenset[tuple[str, str]]"

VERSION = "version"
_NOTHING: Labels = frozenset()
_OF_VALUE: Final[Mapping[str, Callable[[Value], float | None]]] = {
    "samples": lambda value: float(value.samples),
    "low": lambda value: None if value.interval is None else value.interval[0],
    "high": lambda value: None if value.interval is None else value.interval[1],
}
"""Details that belong to the value itself; all others are the measurement's own."""


@attrs.frozen(eq=False)
class Row:
    """One set of labels, and what each series of a condition is there."""

    identity: Labels
    """The labels by which a rule's alerts are told apart."""
    labels: Labels
    """The others."""
    measurements: tuple[Measurement | None, ...]
    """For each series; None when nothing was measured."""
    values: tuple[float | None, ...]
    """For each series the number, or None."""

    @property
    def title(self) -> str:
        """``feature=vol10``, "" for the row without labels."""
        return ", ".join(f"{key}={value}" for key, value in sorted(self.labels))


class Measured:
    """An index over one check's measurements of one model; what it finds for a series is kept for the next rule."""

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        found = list(measurements)
        has_versions = len({measurement.version for measurement in found} - {None}) > 1
        latest: dict[str, dict[Labels, Measurement]] = defaultdict(dict)
        for measurement in found:
            labels = _labels(measurement, has_versions=has_versions)
            known = latest[measurement.name].get(labels)
            if known is None or measurement.window.end_us >= known.window.end_us:
                latest[measurement.name][labels] = measurement
        self._by_name = latest
        self._groups: dict[tuple[tuple[Series, ...], tuple[str, ...]], dict[Labels, tuple[Row, ...]]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was measured."""
        return not self._by_name

    def names(self) -> tuple[str, ...]:
        """What was measured, sorted."""
        return tuple(sorted(self._by_name))

    def every(self) -> Iterator[Measurement]:
        """Each measurement, those of one name together."""
        return (found for named in self._by_name.values() for found in named.values())

    def groups(self, series: tuple[Series, ...], each: tuple[str, ...] = ()) -> dict[Labels, tuple[Row, ...]]:
        """The rows to ask a condition about, by identity; one without labels when nothing fits at all.

        Parameters
        ----------
        series
            What the condition reads.
        each
            Labels whose every value is a matter of its own; they become the rows' `identity`.
        """
        key = (series, each)
        if key not in self._groups:
            groups: dict[Labels, list[Row]] = defaultdict(list)
            for row in self._found(series, each):
                groups[row.identity].append(row)
            self._groups[key] = {identity: tuple(rows) for identity, rows in groups.items()}
        return self._groups[key]

    def _found(self, series: tuple[Series, ...], each: tuple[str, ...]) -> tuple[Row, ...]:
        candidates = [self._candidates(one, each) for one in series]
        chosen = dict.fromkeys(labels for found in candidates for labels in found)
        if each:
            whole = {labels for labels in chosen if set(each) <= {key for key, _ in labels}}
            chosen = {labels: None for labels in chosen if labels in whole or not whole}
        rows = [_row(series, candidates, labels, each) for labels in chosen]
        kept = _without_partial(rows)
        return tuple(kept) or (_row(series, candidates, _NOTHING, each),)

    def _candidates(self, series: Series, each: tuple[str, ...]) -> dict[Labels, Measurement]:
        """What fits a series, by the labels that are still open when those it names are taken away."""
        found: dict[Labels, Measurement] = {}
        for labels, measurement in self._by_name.get(series.name, {}).items():
            open_labels = _open_labels(series, labels)
            if open_labels is not None:
                found[open_labels] = measurement
        if any(label in dict(labels) for labels in found for label in each):
            return found
        unlabelled = {labels: found[labels] for labels in found if not {key for key, _ in labels} - {VERSION}}
        return unlabelled or found


def _labels(measurement: Measurement, *, has_versions: bool) -> Labels:
    if has_versions and measurement.version is not None:
        return frozenset({**measurement.labels, VERSION: measurement.version}.items())
    return frozenset(measurement.labels.items()) if measurement.labels else _NOTHING


def _open_labels(series: Series, labels: Labels) -> Labels | None:
    """The labels without those that the series names; None when one of them is missing."""
    if not series.labels:
        return labels
    named = set()
    for key, value in series.labels:
        fitting = {label for label in labels if label[1] == value and key in {None, label[0]}}
        if not fitting:
            return None
        named |= fitting
    return labels - named


def _row(
    series: Sequence[Series], candidates: Sequence[Mapping[Labels, Measurement]], labels: Labels, each: tuple[str, ...]
) -> Row:
    measurements = tuple(_serving(found, labels) for found in candidates)
    identity = frozenset(label for label in labels if label[0] in each)
    values = tuple(number_of(one, found) for one, found in zip(series, measurements, strict=True))
    return Row(identity, labels - identity, measurements, values)


def _serving(candidates: Mapping[Labels, Measurement], labels: Labels) -> Measurement | None:
    """The measurement with exactly these labels, or else with most of them and no others."""
    found = candidates.get(labels)
    if found is not None or not candidates:
        return found
    fewer = [other for other in candidates if len(other) < len(labels) and other < labels]
    return candidates[max(fewer, key=len)] if fewer else None


def _without_partial(rows: Sequence[Row]) -> list[Row]:
    """Rows that lack a series and whose labels are all in another row say nothing of their own."""
    every = [row.labels | row.identity for row in rows]
    longest = max(map(len, every), default=0)
    return [
        row
        for row, labels in zip(rows, every, strict=True)
        if None not in row.measurements or len(labels) == longest or not any(labels < other for other in every)
    ]


def number_of(series: Series, measurement: Measurement | None) -> float | None:
    """The number that a series means in a measurement; None when it has none."""
    if measurement is None:
        return None
    if series.detail is None:
        return measurement.value.number
    of_value = _OF_VALUE.get(series.detail)
    number = of_value(measurement.value) if of_value else measurement.details.get(series.detail)
    return number if number is not None and math.isfinite(number) else None


def why_nothing(series: Series, measurement: Measurement | None) -> str:
    """Why a series has no number, for a sentence."""
    if measurement is None:
        return f"{series} is not measured"
    if measurement.value.number is None:
        return f"{measurement.title} is undefined: {measurement.value.reason}"
    return f"{measurement.title} has no {series.detail}"
