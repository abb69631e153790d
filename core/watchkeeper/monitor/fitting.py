"""What is learned of a model from its reference: what is usual, and how far chance alone leads a window."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.drift import DriftDetector, TableDetector
from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of

from .alarms.drift import DriftAlarms
from .alarms.fitting import TOLERANCE, AlarmTerms, fitted_alarms, in_order
from .alarms.performance import RISK_SHARE, reference_risk, shared
from .alarms.risk import RiskAlarms
from .calibration import FEWEST_WINDOWS, Allowance, Edge, edges_of, table_edge
from .evaluating import Judging
from .labels import LABEL_BUDGET, WatchedOutcomes
from .learned import Learned
from .missingness import QUALITY_BUDGET, QUALITY_TESTS, UsualMissing, UsualRepeats, usual_missing, usual_repeats
from .naming import ALL_FEATURES, PREDICTION
from .quality import duplicate_share
from .tables import TOGETHER_BUDGET, WINDOWS, Tables
from .watched import WatchedModel


def fitted(  # noqa: PLR0913 - what a model is configured with, each once
    name: str,
    judging: Judging,
    reference: Table,
    metrics: Mapping[str, Metric],
    detectors: Mapping[str, DriftDetector | TableDetector],
    *,
    window: WindowSize,
    budget: FalseAlarmBudget,
    min_rows: int,
    step: WindowSize | None = None,
    tolerance: float = TOLERANCE,
    outcome: Column | None = None,
    importance: Mapping[str, float] | None = None,
    learned: Learned | None = None,
) -> WatchedModel:
    """Learn from the reference: `reference` holds the features, `PREDICTION`, and ``time`` as int64 µs when known.

    `step` is how far apart windows are, when they overlap: evidence is gathered in such pieces, each counted once.
    With the reference's `outcome` performance alarms have a part of the budget. What is found in `learned` is not
    calibrated again.
    """
    known = _Reference.of(reference, window, step or window, budget)
    single = {title: one for title, one in detectors.items() if isinstance(one, DriftDetector)}
    tables = known.tables(detectors, learned)
    edges = known.edges(single, tables, learned)
    outcomes = known.outcomes(outcome, single, min_rows, learned) if single and outcome is not None else None
    terms = AlarmTerms(step or window, budget, tolerance)
    risk: RiskAlarms | str = "no metric is configured"
    if metrics:
        share = RISK_SHARE if detectors else 1.0 - QUALITY_BUDGET
        risk = reference_risk(judging, reference[PREDICTION], outcome, known.at, shared(terms, share))
    alarms: DriftAlarms | str = "no drift detector is configured"
    if detectors:
        others = (not isinstance(risk, str)) * RISK_SHARE + QUALITY_BUDGET
        others += (outcomes is not None) * LABEL_BUDGET + (tables is not None) * TOGETHER_BUDGET
        alarms = fitted_alarms(known.references, Table(known.columns), known.at, shared(terms, 1.0 - others), tables)
    return WatchedModel(
        name,
        judging,
        known.references,
        metrics,
        single,
        edges,
        known.allowance(single),
        min_rows,
        alarms,
        risk,
        tables=tables,
        outcomes=outcomes,
        usual_missing=known.usual_missing,
        duplicates=duplicate_share(known.features),
        usual_repeats=known.usual_repeats,
        importance=importance or {},
    )


@attrs.frozen(eq=False)
class _Reference:
    """The reference's rows, and what a window of them is like."""

    columns: Mapping[str, Column]
    """Those that can be compared: the features, and the prediction under `PREDICTION`."""
    references: Mapping[str, ReferenceColumn]
    at: NDArray[np.int64] | None
    """When the rows were, where that is known."""
    rows_per_window: int
    step_us: float | None
    budget: FalseAlarmBudget

    @classmethod
    def of(cls, rows: Table, window: WindowSize, step: WindowSize, budget: FalseAlarmBudget) -> _Reference:
        """Look at each column once."""
        times = rows.columns.get("time")
        at = None if times is None or isinstance(times, Categories) else times
        columns = {name: rows[name] for name in rows if name != "time" and _is_comparable(rows[name])}
        references = {name: ReferenceColumn.fit(name, column) for name, column in columns.items()}
        rows_per_window, _ = _window_in_reference(window, at, len(rows))
        _, step_us = _window_in_reference(step, at, len(rows))
        return cls(columns, references, at, rows_per_window, step_us, budget)

    @property
    def features(self) -> Table:
        """The columns without the prediction."""
        return Table({name: column for name, column in self.columns.items() if name != PREDICTION})

    @property
    def usual_missing(self) -> Mapping[str, UsualMissing]:
        """How large a share of each column may be missing."""
        return usual_missing(self.columns, self.references, self.rows_per_window, self._of_quality)

    @property
    def usual_repeats(self) -> UsualRepeats | None:
        """How large a share of rows may repeat another."""
        features = self._ordered.select(name for name in self.columns if name != PREDICTION)
        return usual_repeats(features, self.rows_per_window, self._of_quality)

    def allowance(self, detectors: Mapping[str, DriftDetector]) -> Allowance:
        """How often single windows may be over an edge of one of these."""
        kinds = [found.kind for found in self.references.values()]
        tests = sum(kind in detector.columns for kind in kinds for detector in detectors.values())
        return Allowance.of(self.budget, self.step_us, tests)

    def tables(self, detectors: Mapping[str, DriftDetector | TableDetector], learned: Learned | None) -> Tables | None:
        """What compares all features together; None where no detector does."""
        together = {title: one for title, one in detectors.items() if isinstance(one, TableDetector)}
        features = {name: found for name, found in self.references.items() if name != PREDICTION}
        return Tables.fit(together, features, self._ordered, learned) if together else None

    def edges(
        self, detectors: Mapping[str, DriftDetector], tables: Tables | None, learned: Learned | None
    ) -> dict[tuple[str, str], Edge]:
        """Where each detector's distance begins to matter: that of a column, or of all features together."""
        allowance = self.allowance(detectors)
        edges = edges_of(detectors, self.columns, self.references, self.rows_per_window, allowance, learned=learned)
        if tables is None:
            return edges
        return edges | self._table_edges(tables, self._allowed(TOGETHER_BUDGET, len(tables.detectors)))

    def outcomes(
        self, outcome: Column, detectors: Mapping[str, DriftDetector], min_rows: int, learned: Learned | None
    ) -> WatchedOutcomes | None:
        """What outcomes are compared with; None where no detector is for such."""
        return WatchedOutcomes.fit(
            outcome,
            detectors,
            rows_per_window=self.rows_per_window,
            budget=self.budget,
            step_us=self.step_us,
            min_rows=min_rows,
            learned=learned,
        )

    @property
    def _ordered(self) -> Table:
        return in_order(Table(self.columns), self.at)

    @property
    def _of_quality(self) -> Allowance:
        """What each finding about a window's data may take of the budget; one is about repeated rows."""
        return self._allowed(QUALITY_BUDGET, QUALITY_TESTS * len(self.references) + 1)

    def _allowed(self, share: float, tests: int) -> Allowance:
        """The allowance of so many tests that have a part of the budget."""
        part = FalseAlarmBudget(self.budget.alarms * share, self.budget.per_us)
        return Allowance.of(part, self.step_us, tests)

    def _table_edges(self, tables: Tables, allowance: Allowance) -> dict[tuple[str, str], Edge]:
        """An edge for each table detector, from windows of the reference."""
        ordered, rows = self._ordered, max(self.rows_per_window, 1)
        windows = len(ordered) // rows
        block = np.arange(windows * self.rows_per_window, dtype=np.int64) // rows
        usual = tables.usual(ordered, block, windows, WINDOWS) if windows >= FEWEST_WINDOWS else {}
        return {
            (title, ALL_FEATURES): table_edge(usual[title].distances if title in usual else (), windows, allowance)
            for title in tables.detectors
        }


def _is_comparable(column: Column) -> bool:
    return kind_of(column) in (ColumnKind.NUMERIC, ColumnKind.CATEGORY)


def _window_in_reference(window: WindowSize, times: NDArray[np.int64] | None, rows: int) -> tuple[int, float | None]:
    """How many reference rows a window holds, and how long it lasts in µs (None when there are no times)."""
    span_us = 0.0
    if times is not None and rows > 1:
        span_us = float(np.max(times) - np.min(times))
    if window.rows is not None:
        return window.rows, span_us * window.rows / rows if span_us else None
    duration = float(window.duration.us) if window.duration else 0.0
    return (max(int(rows * duration / span_us), 1) if span_us else max(rows // 20, 1)), duration
