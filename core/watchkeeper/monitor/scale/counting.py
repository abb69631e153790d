"""The answer of one part, while its rows are added batch by batch."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.data.frames import numeric, times_us
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.profile import Profile, merge, profile
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, joined, kind_of, missing
from watchkeeper.domain.window import Window
from watchkeeper.monitor.evaluating import PredictionForm, evaluation_of
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.service import finite_numbers

from .columns import as_counted, as_labels
from .questions import PREDICTION, Answer, Part, Question

_MIXING: Final = np.uint64(0x9E3779B97F4A7C15)


class Counting:
    """The answer while batches are added."""

    def __init__(self, question: Question, part: Part) -> None:
        self._question = question
        self._part = part
        self._rows = 0
        self._profiles: dict[str, Profile] = {}
        self._strange: dict[str, str] = {}
        self._confusion: dict[tuple[str, str], int] = {}
        self._labelled = 0
        self._samples: list[Table] = []
        self._expected: list[Table] = []
        self._performance: str | None = None
        self._times: list[int] = []
        self._together: list[Table] = []
        self._latencies: list[NDArray[np.float64]] = []
        self._failed = (0, 0)

    def add(self, table: Table) -> None:
        """Count a batch."""
        question = self._question
        prediction: Column | None = None
        counted: dict[str, Column] = {}
        for name, cells in question.cells.items():
            if name in self._strange:
                continue
            source = question.prediction if name == PREDICTION else name
            try:
                column = as_counted(table, source, cells)
                found = profile(column, cells)
            except DataError as error:
                self._strange[name] = f"{self._part.name}: {error}"
                continue
            prediction = column if name == PREDICTION else prediction
            counted[name] = column
            self._profiles[name] = merge(self._profiles[name], found) if name in self._profiles else found
        if prediction is not None and question.outcome is not None and question.outcome in table:
            self._add_outcomes(prediction, table[question.outcome], table)
        if question.expected_share > 0.0:
            self._add_expected(counted, table)
        if question.together_share > 0.0:
            chosen = self._chosen(len(table), question.together_share)
            features = {name: column[chosen] for name, column in counted.items() if name != PREDICTION}
            self._together.append(Table(features))
        self._add_service(table)
        if question.time is not None and question.time in table:
            times = times_us(table, question.time)
            self._times += [int(times.min()), int(times.max())]
        self._rows += len(table)

    def answer(self) -> Answer:
        """What all batches gave."""
        return Answer(
            part=self._part,
            rows=self._rows,
            profiles={name: found for name, found in self._profiles.items() if name not in self._strange},
            strange=self._strange,
            confusion=self._confusion,
            labelled=self._labelled,
            sample=_together(self._samples),
            expected=joined(self._expected) if self._expected else None,
            performance=self._performance,
            span=(min(self._times), max(self._times)) if self._times else None,
            together=_together(self._together),
            latencies=np.concatenate(self._latencies) if self._latencies else None,
            failed=self._failed,
        )

    def _add_service(self, table: Table) -> None:
        """Latencies of some rows, and how many failed; a column that is no number is left out."""
        question = self._question
        if question.latency is not None and question.latency in table:
            values = finite_numbers(table.rows(self._chosen(len(table), question.latency_share)), question.latency)
            self._latencies.append(values)
        if question.error is not None and question.error in table:
            failed = finite_numbers(table, question.error)
            self._failed = (self._failed[0] + int((failed != 0).sum()), self._failed[1] + len(failed))

    def _add_outcomes(self, prediction: Column, outcome: Column, table: Table) -> None:
        if not isinstance(outcome, Categories) and kind_of(outcome) is ColumnKind.TEXT:
            outcome = Categories.of(outcome)
        known = ~missing(outcome)
        if self._performance is not None or not known.any():
            return
        try:
            given = Table({name: numeric(table, name) for name in self._question.judging.probabilities})
            records = Records(Window(0, 0, len(known)), prediction, outcome, known, given)
            evaluation = evaluation_of(records, self._question.judging)
        except DataError as error:
            self._performance = f"{self._part.name}: {error}"
            return
        self._labelled += len(evaluation)
        if evaluation.classes:
            _add_cells(self._confusion, evaluation.classes, evaluation.confusion)
        chosen = known & self._chosen(len(known), self._question.share)
        sample = {PREDICTION: prediction[chosen], "outcome": outcome[chosen]}
        beside = {**self._of_segments(table), **given.columns}
        self._samples.append(Table(sample | {name: column[chosen] for name, column in beside.items()}))

    def _of_segments(self, table: Table) -> dict[str, Column]:
        """The columns that tell the segments; one that is not there, or no number where it should be, is left out."""
        question = self._question
        found: dict[str, Column] = {}
        for name in question.segments:
            if name not in table:
                continue
            try:
                if name in question.cells:
                    found[name] = as_counted(table, name, question.cells[name])
                else:
                    found[name] = numeric(table, name) if name in question.numbers else as_labels(table, name)
            except DataError:
                continue
        return found

    def _add_expected(self, counted: Mapping[str, Column], table: Table) -> None:
        """What estimates are made from, of some rows; of rows that cannot be counted there is none."""
        judging = self._question.judging
        wanted = [PREDICTION, *self._question.cells] if judging.form is PredictionForm.VALUE else [PREDICTION]
        if PREDICTION not in counted:
            return
        try:
            given = {name: numeric(table, name) for name in judging.probabilities}
        except DataError:
            return  # told with the outcomes
        chosen = self._chosen(len(table), self._question.expected_share)
        columns = {name: counted[name] for name in dict.fromkeys(wanted) if name in counted} | given
        self._expected.append(Table({name: column[chosen] for name, column in columns.items()}))

    def _chosen(self, rows: int, share: float) -> NDArray[np.bool_]:
        """(rows,) bool: by a hash of the file's name and the row's place, so that every worker chooses the same."""
        if share >= 1.0:
            return np.ones(rows, dtype=np.bool_)
        first = self._part.first_row + self._rows
        places = np.arange(first, first + rows, dtype=np.uint64)
        hashes = (places + np.uint64(zlib.crc32(self._part.name.encode()))) * _MIXING
        hashes = (hashes ^ (hashes >> np.uint64(31))) * _MIXING
        return (hashes ^ (hashes >> np.uint64(33))) < np.uint64(share * 2.0**63) * np.uint64(2)


def _together(parts: list[Table]) -> Table | None:
    """The chosen rows of all batches, with the columns that each of them has."""
    shared = [name for name in parts[0] if all(name in part for part in parts)] if parts else []
    return joined([part.select(shared) for part in parts]) if shared else None


def _add_cells(into: dict[tuple[str, str], int], classes: tuple[str, ...], confusion: NDArray[np.float64]) -> None:
    for true, said in zip(*np.nonzero(confusion), strict=True):
        key = classes[true], classes[said]
        into[key] = into.get(key, 0) + int(confusion[true, said])
