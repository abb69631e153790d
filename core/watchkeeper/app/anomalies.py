"""Measures what rules ask by ``anomaly(...)``: each check's numbers beside the kept history of the same series."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.alerting.anomalies.detector import LOOKS_BACK, AnomalyDetector, needed
from watchkeeper.alerting.anomalies.methods import ANOMALY, LEFT_OUT, AnomalyOf
from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.spans import Duration, FalseAlarmBudget
from watchkeeper.domain.value import Value
from watchkeeper.monitor.history import MEASUREMENTS
from watchkeeper.monitor.series import SeriesKey, kept_series, written_labels

MOST_CHECKS: Final = 8_000
"""No more checks of the history are looked at, the latest."""
_DAY_US: Final = 86_400_000_000
_LOOKS_BACK_DAYS: Final = (8, 60, 400)
_GROWTH: Final = 1.05
"""A detector is fitted anew when its history has grown by this factor."""
_HIGHEST_RATE: Final = 0.25


@attrs.frozen(eq=False)
class _History:
    """The clean checks of k series before the judged one, and those that were left out."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]
    is_clean: NDArray[np.bool_]

    @property
    def gap_us(self) -> float:
        """How far checks are apart, typically; 0 when that is not known."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.0

    @property
    def moved(self) -> NDArray[np.intp]:
        """Which of the series ever changed; of the others it is not known how much chance moves them."""
        clean = self.values[self.is_clean]
        return np.flatnonzero(np.ptp(clean, axis=0)) if len(clean) else np.arange(0)

    def of(self, columns: NDArray[np.intp]) -> _History:
        """The same of these series alone."""
        return attrs.evolve(self, values=self.values[:, columns])


@attrs.frozen(eq=False)
class _Learned:
    """A detector, and what it was fitted on."""

    detector: AnomalyDetector
    columns: tuple[int, ...]
    times: NDArray[np.int64]
    values: NDArray[np.float64]

    def is_of(self, history: _History, columns: NDArray[np.intp], used: int, rate: float) -> bool:
        """Whether it would be fitted alike: as many checks, nearly the same rate, and none of them restated since."""
        if len(self.times) != used or self.columns != tuple(columns) or not 0.8 < self.detector.rate / rate < 1.25:
            return False
        at = np.minimum(np.searchsorted(history.times, self.times), len(history.times) - 1)
        # what is so old that it is not looked at any more has not been restated
        is_kept = self.times >= history.times[0]
        same = (history.times[at] == self.times) & (history.values[at] == self.values).all(axis=1)
        return bool(same[is_kept].all())


@attrs.define
class _Read:
    """What has been read of a model's kept measurements; the lock is held while it is used."""

    names: frozenset[str] = frozenset()
    since_us: int = 0
    last_us: int = 0
    """When the last measurements that were read were made."""
    series: dict[SeriesKey, dict[int, float]] = attrs.field(factory=dict)
    detectors: dict[tuple[AnomalyOf, str], _Learned] = attrs.field(factory=dict)
    lock: threading.Lock = attrs.field(factory=threading.Lock)


class Anomalies:
    """Answers the questions of rules from the store, and remembers what it has read and fitted; safe from threads.

    Parameters
    ----------
    storage
        Where measurements are kept.
    budget
        The false alarms of a model, for questions that have none of their own.
    """

    def __init__(self, storage: Storage, budget: Callable[[str], FalseAlarmBudget]) -> None:
        self._storage = storage
        self._budget = budget
        self._lock = threading.Lock()
        self._reads: dict[str, _Read] = {}

    def measured(
        self, model: str, questions: Sequence[AnomalyOf], measurements: Sequence[Measurement]
    ) -> list[Measurement]:
        """One measurement ``anomaly`` for each question and each set of labels that its measurements have.

        The sets of labels share the question's budget: each has an equal part of its false alarms.
        """
        if not questions:
            return []
        with self._lock:
            read = self._reads.setdefault(model, _Read())
        with read.lock:
            return [
                self._measured(read, asked, together, len(sets))
                for asked in questions
                for sets in [_together(asked, measurements)]
                for together in sets
            ]

    def _measured(self, read: _Read, asked: AnomalyOf, together: Sequence[Measurement], sharing: int) -> Measurement:
        first = together[0]
        labels = {**first.labels, **asked.own_labels}
        missing = [found for found in together if found.value.number is None]
        if missing:
            value = Value.undefined(f"{missing[0].title} is undefined: {missing[0].value.reason}")
            return attrs.evolve(first, name=ANOMALY, value=value, labels=labels, details={})
        budget = _part(asked.budget or self._budget(first.model), sharing)
        history = self._history(read, asked, together, budget)
        value, details = _judged(read, asked, together, history, budget)
        return attrs.evolve(first, name=ANOMALY, value=value, labels=labels, details=details)

    def _history(
        self, read: _Read, asked: AnomalyOf, together: Sequence[Measurement], budget: FalseAlarmBudget
    ) -> _History:
        """Looked for further and further back, until there is enough."""
        model, names = together[0].model, frozenset((*asked.names, ANOMALY))
        self._refresh(read, model, names, read.since_us or None)
        history = _history(read.series, asked, together)
        span = self._storage.span(MEASUREMENTS, model)
        if span is None:
            return history
        for days in _LOOKS_BACK_DAYS:
            if len(history.times) >= _wanted(asked, history, budget) or 0 < read.since_us <= span[0]:
                break
            self._refresh(read, model, names, max(span[1] - days * _DAY_US, span[0], 1))
            history = _history(read.series, asked, together)
        return history

    def _refresh(self, read: _Read, model: str, names: frozenset[str], since_us: int | None) -> None:
        """Read what has been kept since the last time, or all from an earlier time on."""
        if since_us is None:
            return
        is_known = names <= read.names and 0 < read.since_us <= since_us
        every = read.names | names
        found = kept_series(self._storage, model, every, read.last_us if is_known else since_us)
        if is_known:
            for key, points in found.items():
                known = read.series.setdefault(key, {})
                known.update(points)
                for at in sorted(known)[: -2 * MOST_CHECKS]:
                    del known[at]
        else:
            read.names, read.since_us, read.series = every, since_us, found
        span = self._storage.span(MEASUREMENTS, model)
        read.last_us = span[1] if span else since_us


def _together(asked: AnomalyOf, measurements: Sequence[Measurement]) -> list[list[Measurement]]:
    """The measurements by sets of labels that have all of the names; only those without labels, if they have all."""
    by_labels: dict[str, dict[str, Measurement]] = {}
    for found in measurements:
        if found.name in asked.names and all(_fits(pair, found.labels) for pair in asked.labels):
            by_labels.setdefault(written_labels(found.labels), {})[found.name] = found
    whole = {labels: found for labels, found in by_labels.items() if len(found) == len(asked.names)}
    chosen = {"{}": whole["{}"]} if "{}" in whole else whole
    return [[found[name] for name in asked.names] for found in chosen.values()]


def _part(budget: FalseAlarmBudget, sharing: int) -> FalseAlarmBudget:
    """What each of so many has of a budget, to three digits."""
    return attrs.evolve(budget, alarms=float(f"{budget.alarms / sharing:.3g}")) if sharing > 1 else budget


def _fits(pair: tuple[str | None, str], labels: Mapping[str, str]) -> bool:
    key, value = pair
    return value in labels.values() if key is None else labels.get(key) == value


def _history(
    series: Mapping[SeriesKey, Mapping[int, float]], asked: AnomalyOf, together: Sequence[Measurement]
) -> _History:
    """The checks in which all were measured, before this one; those that were called anomalies are not clean.

    When more than half of them were, the new ways have become the usual ones, and all count as clean.
    """
    labels = together[0].labels
    columns = [series.get((found.name, written_labels(labels)), {}) for found in together]
    end_us = together[0].window.end_us
    times = sorted(at for at in columns[0] if at < end_us and all(at in column for column in columns[1:]))
    times = times[-MOST_CHECKS:]
    values = np.array([[column[at] for column in columns] for at in times], dtype=np.float64)
    called = series.get((ANOMALY, written_labels({**labels, **asked.own_labels})), {})
    is_clean = np.array([called.get(at, 0.0) <= 1.0 for at in times], dtype=np.bool_)
    if 2 * is_clean.sum() < len(times):
        is_clean[:] = True
    return _History(np.array(times, dtype=np.int64), values.reshape(len(times), len(together)), is_clean)


def _rate(budget: FalseAlarmBudget, gap_us: float) -> float:
    """The false alarms of the budget in one check."""
    return min(budget.alarms * gap_us / budget.per_us, _HIGHEST_RATE)


def _wanted(asked: AnomalyOf, history: _History, budget: FalseAlarmBudget) -> int:
    """How many checks of history the question needs, with some to spare for those that are not clean."""
    rate = _rate(budget, history.gap_us)
    return 2 * needed(rate, asked.method) if rate > 0 else 1


def _judged(
    read: _Read, asked: AnomalyOf, together: Sequence[Measurement], history: _History, budget: FalseAlarmBudget
) -> tuple[Value, dict[str, float]]:
    clean = int(history.is_clean.sum())
    rate = _rate(budget, history.gap_us)
    reason = _too_little(history, clean, needed(rate, asked.method) if rate > 0 else 0, budget)
    if reason is not None:
        return Value.undefined(reason, samples=clean), {}
    columns = history.moved
    moved = history.of(columns)
    detector = _detector(read, (asked, written_labels(together[0].labels)), moved, columns, rate)
    now = np.array([[together[column].value.number or 0.0 for column in columns]])
    times = np.append(history.times[-LOOKS_BACK:], together[0].window.end_us)
    reading = detector.judge(times, np.concatenate([moved.values[-LOOKS_BACK:], now]))
    still = sorted(set(range(len(together))) - set(columns.tolist()))
    details = {
        "p_value": reading.p_value,
        "usual": float(detector.usual(times)[-1, reading.column]),
        "found": float(now[0, reading.column]),
        "series": float(columns[reading.column]),
        # told by the alert: the history of these does not say how much chance moves them
        **{f"{LEFT_OUT}{together[column].name}": float(history.values[-1, column]) for column in still},
    }
    return Value.of(reading.evidence, samples=clean), details


def _too_little(history: _History, clean: int, needs: int, budget: FalseAlarmBudget) -> str | None:
    """Why the history cannot tell what is usual, if it cannot."""
    if needs == 0:
        return f"{clean} earlier checks: what is usual is not known yet"
    every = Duration(max(round(history.gap_us / 1_000_000), 1) * 1_000_000)
    asks = f"{budget}, a check each {every}"
    if needs > MOST_CHECKS:
        return f"{asks}: {needs} checks of history are needed, at most {MOST_CHECKS} are looked at; allow more alarms"
    if clean < needs:
        return f"{clean} clean checks of history, {needs} are needed ({asks})"
    if not len(history.moved):
        return f"{clean} checks measured one and the same number: how much chance moves it is not known"
    return None


def _detector(
    read: _Read, key: tuple[AnomalyOf, str], history: _History, columns: NDArray[np.intp], rate: float
) -> AnomalyDetector:
    """The detector of this question and these labels, fitted when there is none or what it learned from has changed."""
    method = key[0].method
    used = _used(int(history.is_clean.sum()), needed(rate, method))
    known = read.detectors.get(key)
    if known is not None and known.is_of(history, columns, used, rate):
        return known.detector
    rows = np.flatnonzero(history.is_clean)[:used]
    left_out = int(rows[-1]) + 1 - len(rows)
    times, values = history.times[rows], history.values[rows]
    detector = AnomalyDetector.fit(times, values, rate, method, left_out=left_out)
    read.detectors[key] = _Learned(detector, tuple(columns.tolist()), times, values)
    return detector


def _used(clean: int, needs: int) -> int:
    """How many of the clean checks are learned from: `needs` times a power of 1.05, so that processes agree."""
    return min(clean, int(needs * _GROWTH ** int(np.log(clean / needs) / np.log(_GROWTH) + 1e-9)))
