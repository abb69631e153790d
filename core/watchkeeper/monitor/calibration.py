"""How large a drift statistic must be to matter: thresholds from the reference's own windows.

The reference is cut into windows of the size that will be checked, and each is compared with the reference. What the
statistic does there, in a time when nothing was wrong, is what "no drift" looks like for this feature, with its
autocorrelation and seasons. The logarithms of those distances get a Student tail; the threshold is where that tail
leaves the share of false alarms that the budget grants one test in one window.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from watchkeeper.contracts.drift import Drift, DriftDetector
from watchkeeper.contracts.storage import Namespace
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget
from watchkeeper.domain.table import Categories, Column, ColumnKind
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Failure
from watchkeeper.plugins.boundary import attempt

from .learned import EDGES, LABELS, Learned, digest_of, written_as

FEWEST_WINDOWS = 8
MOST_WINDOWS = 200
_FAILED = "the detector failed on the reference"
_SMALLEST = 1e-300
_HIGHEST_SHARE = 0.05
"""However generous the budget, not more than this share of windows may alarm for all tests together."""


@attrs.frozen
class Allowance:
    """The share of the false-alarm budget that one statistic of one feature may use up in one window."""

    per_test: float
    tests: int

    @classmethod
    def of(cls, budget: FalseAlarmBudget, window_us: float | None, tests: int) -> Allowance:
        """Share `budget` over all windows in its period and all `tests` in a window (a union bound)."""
        windows = budget.per_us / window_us if window_us else 1.0
        per_window = min(budget.alarms / max(windows, 1.0), _HIGHEST_SHARE)
        return cls(per_window / max(tests, 1), tests)


@attrs.frozen
class Edge:
    """Where one statistic of one feature begins to matter."""

    threshold: Value
    """The statistic above which a window has drifted; undefined when the reference cannot tell."""
    p_limit: float | None = None
    """The p-value below which it has drifted, where there is no threshold because the reference is short."""


def calibrated_edges(
    detectors: Mapping[str, DriftDetector], name: str, column: Column, *, rows_per_window: int, allowance: Allowance
) -> dict[str, Edge]:
    """Each detector's edge for windows of `rows_per_window` rows; one comparison for each of at most 200 windows.

    A reference of fewer than 8 windows gives no threshold; a detector's p-value, which assumes independent rows, is
    held against the allowance then. A threshold that not even a window wholly beyond the reference would exceed is
    none: the statistic cannot tell drift from what is usual here, and says so instead of calling everything well.
    """
    windows = len(column) // max(rows_per_window, 1)
    if windows < FEWEST_WINDOWS:
        reason = (
            f"the reference holds {windows} windows of {rows_per_window} rows, at least {FEWEST_WINDOWS} are needed"
        )
        return dict.fromkeys(detectors, Edge(Value.undefined(reason), allowance.per_test))
    if not isinstance(column, Categories) and not bool(np.isfinite(column).any()):
        return dict.fromkeys(detectors, Edge(Value.undefined("the reference has no finite value")))
    found: dict[str, list[float]] = {title: [] for title in detectors}
    failed: dict[str, Failure] = {}
    for comparison in _own_windows(name, column, rows_per_window, windows):
        for title, distance in _distances(detectors, failed, name, comparison).items():
            found[title].append(distance)
    beyond = Comparison(ReferenceColumn.fit(name, column), _beyond(column, rows_per_window))
    farthest = _distances(detectors, failed, name, beyond)
    return {
        title: Edge(Value.undefined(f"{_FAILED}: {failed[title].error}"))
        if title in failed
        else Edge(_threshold(distances, windows, farthest.get(title), allowance))
        for title, distances in found.items()
    }


def _distances(
    detectors: Mapping[str, DriftDetector], failed: dict[str, Failure], name: str, comparison: Comparison
) -> dict[str, float]:
    """By detector, where it has one; a detector that fails goes among the failed, and is not asked again."""
    distances: dict[str, float] = {}
    for title, detector in detectors.items():
        if title in failed:
            continue
        drift: Drift | Failure = attempt(f"drift.{title}", name, partial(detector.compare, comparison))
        if isinstance(drift, Failure):
            failed[title] = drift
        elif drift.statistic.number is not None:
            distances[title] = drift.statistic.number
    return distances


def _threshold(distances: list[float], windows: int, farthest: float | None, allowance: Allowance) -> Value:
    if len(distances) < FEWEST_WINDOWS:
        return Value.undefined(f"only {len(distances)} of the reference's {windows} windows have a distance")
    edge = _upper_tail(distances, allowance.per_test)
    if edge.number is not None and farthest is not None and edge.number >= farthest:
        return Value.undefined(
            f"it is up to {max(distances):.3g} in the {len(distances)} windows that the reference has, and varies so "
            f"much among them that chance may bring {edge.number:.3g}: not even a window wholly beyond the reference "
            f"({farthest:.3g}) would stand out; use a longer reference or a larger budget"
        )
    return edge


def _beyond(column: Column, rows: int) -> Column:
    """A window in which nothing is as in the reference: one unseen category, or twice as far out as the largest."""
    if isinstance(column, Categories):
        unseen = "".join(column.labels) + "?"
        return Categories(np.zeros(rows, dtype=np.int32), (unseen,))
    finite = column[np.isfinite(column)]
    return np.full(rows, float(finite.max()) * 2.0 - float(finite.min()) + 1.0)


def _own_windows(name: str, column: Column, rows: int, windows: int) -> Iterator[Comparison]:
    """Windows of the reference, each beside the rest of it."""
    chosen = np.unique(np.linspace(0, windows - 1, min(windows, MOST_WINDOWS)).astype(int))
    whole = ReferenceColumn.fit(name, column) if windows > MOST_WINDOWS else None
    for at in chosen:
        inside = np.zeros(len(column), dtype=np.bool_)
        inside[at * rows : (at + 1) * rows] = True
        # a window that is a good part of the reference would be compared with itself: leave it out
        yield Comparison(whole or ReferenceColumn.fit(name, column[~inside]), column[inside])


def table_edge(distances: Sequence[float], windows: int, allowance: Allowance) -> Edge:
    """The edge of a statistic of all features together, from what it is in windows of the reference.

    Such statistics are near normal, or skewed and never negative: the Student tail is of themselves, and where all are
    above 0 of their logarithms, too; the farther one counts.
    """
    if len(distances) < FEWEST_WINDOWS:
        reason = f"{len(distances)} of the reference's {windows} windows have a distance, {FEWEST_WINDOWS} are needed"
        return Edge(Value.undefined(reason), allowance.per_test)
    quantile = -float(stdtrit(len(distances) - 1, allowance.per_test))
    spread = float(np.std(distances, ddof=1)) * float(np.sqrt(1.0 + 1.0 / len(distances)))
    threshold = float(np.mean(distances)) + quantile * spread
    if min(distances) > 0.0:
        threshold = max(threshold, _upper_tail(list(distances), allowance.per_test).number or 0.0)
    return Edge(Value.of(threshold, samples=len(distances)), allowance.per_test)


def _upper_tail(distances: list[float], share: float) -> Value:
    positive = np.maximum(np.asarray(distances), 1e-12)
    logs = np.log(positive)
    spread = float(logs.std(ddof=1))
    if spread == 0.0:
        return Value.of(float(positive.max()), samples=len(logs))
    quantile = -float(stdtrit(len(logs) - 1, share))
    edge = float(logs.mean()) + quantile * spread * float(np.sqrt(1.0 + 1.0 / len(logs)))
    return Value.of(float(np.exp(min(edge, 700.0))), samples=len(logs))


def edges_of(
    detectors: Mapping[str, DriftDetector],
    columns: Mapping[str, Column],
    references: Mapping[str, ReferenceColumn],
    rows_per_window: int,
    allowance: Allowance,
    *,
    learned: Learned | None = None,
) -> dict[tuple[str, str], Edge]:
    """An edge for each pair of detector and column that go together; those of the same reference are remembered."""
    told = [f"edges 2 {version('watchkeeper')} {rows_per_window} {allowance!r}", *references]
    told += [f"{title} {written_as(detector)}" for title, detector in detectors.items()]
    return _remembered(
        learned,
        EDGES,
        lambda: digest_of(told, [columns[name] for name in references]),
        lambda: _calibrated(detectors, columns, references, rows_per_window, allowance),
    )


def edges_of_tests(
    detectors: Mapping[str, DriftDetector],
    name: str,
    column: Column,
    rows_per_window: int,
    allowance: Allowance,
    *,
    learned: Learned | None = None,
) -> dict[tuple[str, str], Edge]:
    """Edges for a column of few values, such as labels: of p-values where the detector is a test.

    The distances of such a column may be 0 by chance, and their logarithms say nothing. Instead, p-values of the
    reference's windows become normal scores; their mean square, 1 for independent rows, tells how much farther apart
    windows usually are. The limit is the p-value of a score that far beyond what the budget grants, see `_score_limit`.
    """
    told = [f"tests 3 {version('watchkeeper')} {rows_per_window} {allowance!r}", name]
    told += [f"{title} {written_as(detector)}" for title, detector in detectors.items()]
    return _remembered(
        learned,
        LABELS,
        lambda: digest_of(told, [column]),
        lambda: _tested(detectors, name, column, rows_per_window, allowance),
    )


def _tested(
    detectors: Mapping[str, DriftDetector], name: str, column: Column, rows: int, allowance: Allowance
) -> dict[tuple[str, str], Edge]:
    by_distance = calibrated_edges(detectors, name, column, rows_per_window=rows, allowance=allowance)
    scores: dict[str, list[float]] = {title: [] for title in detectors}
    windows = len(column) // max(rows, 1)
    for comparison in _own_windows(name, column, rows, windows) if windows >= FEWEST_WINDOWS else ():
        for title, detector in detectors.items():
            drift: Drift | Failure = attempt(f"drift.{title}", name, partial(detector.compare, comparison))
            if isinstance(drift, Drift) and drift.p_value is not None:
                scores[title].append(float(ndtri(max(drift.p_value, _SMALLEST) / 2.0)))
    beyond = Comparison(ReferenceColumn.fit(name, column), _beyond(column, rows)) if any(scores.values()) else None
    edges = {}
    for title, edge in by_distance.items():
        if beyond is not None and len(found := scores[title]) >= FEWEST_WINDOWS:
            limit = _score_limit(np.square(found), allowance.per_test)
            drift = attempt(f"drift.{title}", name, partial(detectors[title].compare, beyond))
            edges[title, name] = _limited(limit, drift.p_value if isinstance(drift, Drift) else None, len(found))
        else:
            edges[title, name] = edge
    return edges


def _limited(limit: float, beyond: float | None, windows: int) -> Edge:
    """The limit of a p-value; none where not even that of a window wholly beyond the reference is below it."""
    if limit > 0.0 and (beyond is None or beyond < limit):
        return Edge(Value.undefined("its p-value is held against a limit, and rows that are too few have none"), limit)
    return Edge(
        Value.undefined(
            f"the p-values of {windows} windows do not tell how rarely chance leads farther: not even that of a window "
            "wholly beyond the reference would stand out; use a longer reference or a larger budget"
        )
    )


def _score_limit(squares: NDArray[np.float64], share: float) -> float:
    """The p-value whose score is exceeded by chance as rarely as `share`, from squared scores of windows in order.

    Their mean is the variance of scores, at least 1. Windows that resemble their neighbours are fewer witnesses: with r
    the correlation of neighbours' squares there are ``n (1 - r) / (1 + r)`` for the variance, and fewer for the mean
    that windows are compared with, whose neighbours correlate by the root of r. A short reference shows too small an r
    (Kendall 1954): its bias and one standard error are added; and too small a variance about a mean of its own.
    """
    away, count = squares - squares.mean(), len(squares)
    spread = float((away * away).sum())
    r = max(float((away[1:] * away[:-1]).sum()) / spread, 0.0) if spread else 0.0
    r = min(r + (1.0 + 4.0 * r) / count + max((1.0 - r * r) / count, 0.0) ** 0.5, 0.95)
    of_variance = max(count * (1.0 - r) / (1.0 + r), 3.0)
    of_mean = max(count * (1.0 - r**0.5) / (1.0 + r**0.5), 3.0)
    wider = float(np.sqrt(max(float(squares.mean()), 1.0) * (1.0 + 1.0 / of_mean) / (1.0 - 1.0 / of_mean)))
    return 2.0 * float(ndtr(float(stdtrit(of_variance - 1.0, share / 2.0)) * wider))


def _remembered(
    learned: Learned | None,
    kind: Namespace,
    digest: Callable[[], str],
    calibrate: Callable[[], dict[tuple[str, str], Edge]],
) -> dict[tuple[str, str], Edge]:
    if learned is None:
        return calibrate()
    key = digest()
    kept = learned.found(kind, key)
    if kept is not None:
        return _edges_from(kept)
    edges = calibrate()
    if not any((edge.threshold.reason or "").startswith(_FAILED) for edge in edges.values()):
        learned.keep(kind, key, _edges_bytes(edges))  # a plugin that failed may do better at the next start
    return edges


def _edges_bytes(edges: Mapping[tuple[str, str], Edge]) -> bytes:
    rows = [
        [*key, edge.threshold.number, edge.threshold.reason, edge.threshold.samples, edge.p_limit]
        for key, edge in edges.items()
    ]
    return json.dumps(rows).encode()


def _edges_from(data: bytes) -> dict[tuple[str, str], Edge]:
    return {
        (title, name): Edge(Value(number, reason, None, samples), p_limit)
        for title, name, number, reason, samples, p_limit in json.loads(data)
    }


def _calibrated(
    detectors: Mapping[str, DriftDetector],
    columns: Mapping[str, Column],
    references: Mapping[str, ReferenceColumn],
    rows_per_window: int,
    allowance: Allowance,
) -> dict[tuple[str, str], Edge]:
    edges: dict[tuple[str, str], Edge] = {}
    for name, reference in references.items():
        fitting = {title: detector for title, detector in detectors.items() if reference.kind in detector.columns}
        if reference.kind is ColumnKind.CATEGORY:  # of few values, as labels are: see `edges_of_tests`
            edges |= _tested(fitting, name, columns[name], rows_per_window, allowance)
            continue
        found = calibrated_edges(fitting, name, columns[name], rows_per_window=rows_per_window, allowance=allowance)
        edges |= {(title, name): edge for title, edge in found.items()}
    return edges
