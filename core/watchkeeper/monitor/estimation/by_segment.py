"""Estimates for the parts of a window, each learned from the same part of the reference."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.table import Column, Table, missing
from watchkeeper.domain.window import Window
from watchkeeper.monitor.evaluating import Judging
from watchkeeper.monitor.learned import Learned
from watchkeeper.monitor.measuring import Subject
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.segments import segments_of

from .encoding import PREDICTION
from .estimator import UNKNOWN_ROWS, Estimator
from .once import Once
from .undefined import undefined_estimates

_LONGEST_NAME: Final = 180


class SegmentEstimators:
    """An estimator for each part of the reference; made when they are first asked, safe to ask from several threads.

    What a probability means, and how far an estimate is usually off, may differ from part to part: what was learned
    from all rows would be told with too narrow an interval.

    Parameters
    ----------
    reference
        The features, ``prediction``, the columns that tell the segments and ``time`` (int64 µs), where they are known.
    """

    def __init__(
        self,
        judging: Judging,
        reference: Table,
        outcome: Column | None,
        metrics: Mapping[str, Metric],
        *,
        segments: Sequence[Segment],
        learned: Learned | None = None,
    ) -> None:
        self._judging = judging
        self._metrics = metrics
        self._learned = learned
        self._estimators = Once(lambda: self._made(_records(reference, outcome), segments))

    def estimated(self, subject: Subject, name: str, records: Records) -> list[Measurement]:
        """``estimated_<metric>`` of every metric for the rows of the segment called `name`."""
        labels = {"segment": name}
        estimator = self._estimators().get(name)
        if estimator is not None:
            return [attrs.evolve(found, labels=labels) for found in estimator.estimated(subject, records)]
        reason = f"the reference has no rows of {name}, so that nothing tells how right predictions usually are there"
        return undefined_estimates(subject, self._metrics, reason, labels)

    def _made(self, whole: Records, segments: Sequence[Segment]) -> Mapping[str, Estimator]:
        parts = (part for segment in segments for part in segments_of(whole, segment))
        return {name: self._estimator(name, rows) for name, rows in parts}

    def _estimator(self, name: str, rows: Records) -> Estimator:
        known = Table({**rows.features.columns, PREDICTION: rows.prediction})
        learned = None
        if self._learned is not None:
            mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
            learned = attrs.evolve(self._learned, model=f"{self._learned.model[:_LONGEST_NAME]} {mark}")
        return Estimator(self._judging, known, rows.outcome, self._metrics, usual_rows=UNKNOWN_ROWS, learned=learned)


def _records(reference: Table, outcome: Column | None) -> Records:
    count = len(reference)
    features = reference.select(name for name in reference if name != PREDICTION)
    has = np.zeros(count, dtype=np.bool_) if outcome is None else ~missing(outcome)
    return Records(Window(0, 0, count), reference[PREDICTION], outcome, has, features)
