"""A long stretch of a model's stored history as profiled rows: features from roll-ups, metrics from narrow columns."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

import attrs
import numpy as np

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.cells import Cells
from watchkeeper.domain.errors import DataError, NothingToCheck
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.table import Categories
from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.domain.window import iso_time
from watchkeeper.monitor.answering import hours_left_out
from watchkeeper.monitor.evaluating import Judging, PredictionForm, evaluation_of
from watchkeeper.monitor.rollups.reading import window_profiles
from watchkeeper.monitor.rollups.stored import HOUR_US
from watchkeeper.monitor.service import Service
from watchkeeper.monitor.stored_windows import records_between

from .profiled import ProfiledRows

MOST_LABELLED: Final = 1_000_000
"""Rows whose predictions and outcomes are joined; of more rows a part is, chosen by id, and stands for all."""


def profiled_stretch(
    storage: Storage,
    model: str,
    since_us: int,
    until_us: int,
    *,
    cells: Mapping[str, Cells],
    judging: Judging,
    service: Service | None = None,
    segments: Sequence[Segment] = (),
) -> ProfiledRows:
    """The model's rows with ``since_us <= time < until_us``.

    Raises
    ------
    NothingToCheck
        There are no rows.
    """
    mixed = hours_left_out(storage, model, since_us, until_us, HOUR_US)
    found = window_profiles(storage, model, since_us, until_us, cells, unmerged=mixed)
    rows = found.window.rows
    if not rows:
        raise NothingToCheck(
            f"model {model!r} has no predictions between {iso_time(since_us)} and {iso_time(until_us)}"
        )
    findings = [
        Finding(Status.UNKNOWN, name, f'feature "{name}" cannot be compared: {reason}')
        for name, reason in found.strange.items()
    ]
    share = min(1.0, MOST_LABELLED / rows)
    served = service.columns if service is not None else ()
    of_segments = (name for segment in segments for name in segment.columns)
    columns = tuple(dict.fromkeys((*judging.probabilities, *served, *of_segments)))
    records = records_between(_sampled(storage, share), model, since_us, until_us, columns=columns)
    evaluation: Evaluation | None = None
    plain: Evaluation | None = None
    if records is not None:
        try:
            evaluation = standing_for_all(evaluation_of(records, judging), 1.0 / share)
            plain = evaluation_of(records, judging.of_answers) if judging.probabilities else None
        except DataError as error:
            findings.append(Finding(Status.UNKNOWN, "performance", f"performance UNKNOWN, not OK: {error}"))
    return ProfiledRows(
        window=found.window,
        profiles=found.profiles,
        labelled=0 if evaluation is None else round(len(evaluation) / share),
        evaluation=evaluation,
        findings=tuple(findings),
        version=None if records is None else records.version,
        expected=None if judging.form is PredictionForm.VALUE else records,  # errors would ask for all features
        answers=plain,
        outcomes=None if evaluation is None or records is None else records.rows(records.has_outcome),
        latencies=None if records is None or service is None else service.latencies_of(records),
        failed=(0, 0) if records is None or service is None else service.failed_of(records),
    )


def standing_for_all(evaluation: Evaluation, weight: float) -> Evaluation:
    """The same rows, each standing for `weight` rows."""
    if weight == 1.0:
        return evaluation
    return attrs.evolve(evaluation, weights=np.full(len(evaluation), weight))


@attrs.frozen
class _Sampled:
    """The part of a store's rows that a hash of their ids chooses: predictions and their outcomes alike."""

    storage: Storage
    share: float

    def scan(
        self, stream: str, key: str, since_us: int | None, until_us: int | None, columns: Sequence[str]
    ) -> Iterator[Batch]:
        limit = self.share * 2.0**32
        for batch in self.storage.scan(stream, key, since_us, until_us, columns):
            ids = batch.table["id"]
            texts = (ids.texts() if isinstance(ids, Categories) else ids).tolist()
            hashes = (zlib.crc32(str(text).encode(errors="surrogatepass")) for text in texts)
            chosen = np.fromiter(hashes, dtype=np.float64, count=len(texts)) < limit
            yield Batch(batch.time[chosen], batch.table.rows(chosen))


def _sampled(storage: Storage, share: float) -> Storage:
    return storage if share == 1.0 else cast("Storage", _Sampled(storage, share))  # only its scans are asked for
