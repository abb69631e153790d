"""A folder of Parquet files as profiled rows: every part counted by some worker, the counts added up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import numpy as np

from watchkeeper.domain.errors import DataError, NothingToCheck
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.profile import Profile, merge
from watchkeeper.domain.table import Table, joined
from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.domain.window import Window
from watchkeeper.monitor.evaluating import Judging, evaluation_of
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.tables import SAMPLE_ROWS

from .counted import with_counts
from .gathering import Lost, gathered
from .parts import answer_of
from .profiled import ProfiledRows
from .questions import PREDICTION, Answer, Part, Question

MOST_LABELLED: Final = 2_000_000
"""Labelled rows that are kept whole for metrics; of more, a part that was chosen by a hash stands for all."""
MOST_EXPECTED: Final = 50_000
"""Rows from which estimates are made, where they are asked for."""
MOST_LATENCIES: Final = 200_000
"""Latencies from which quantiles are taken; of more rows so many are, chosen by a hash."""
_PART_ROWS: Final = 1_000_000


@attrs.frozen
class Progress:
    """How far a folder is."""

    files: int
    done_files: int
    rows: int
    """In all files that can be read."""
    done_rows: int


@attrs.frozen(eq=False)
class Folder:
    """What the files of a folder say of themselves."""

    path: Path
    parts: tuple[Part, ...]
    unreadable: Mapping[str, str]
    """By file: why."""

    @property
    def rows(self) -> int:
        """Of all files that can be read."""
        return sum(part.rows for part in self.parts)


def planned_folder(path: Path) -> Folder:
    """The Parquet files below a folder, cut into parts of about a million rows at their row groups.

    Raises
    ------
    DataError
        There is no such folder, or no Parquet file in it.
    """
    if not path.is_dir():
        raise DataError(f"{path} is no folder; expected one with Parquet files")
    files = sorted(found for found in path.rglob("*.parquet") if found.is_file())
    if not files:
        others = sum(1 for found in path.rglob("*") if found.is_file())
        raise DataError(f"{path} holds no .parquet file among {others} files; expected at least one")
    parts: list[Part] = []
    unreadable: dict[str, str] = {}
    for file in files:
        name = file.relative_to(path).as_posix()
        found = _parts_of(file, name)
        if isinstance(found, str):
            unreadable[name] = found
        else:
            parts += found
    return Folder(path, tuple(parts), unreadable)


def profiled_folder(
    folder: Folder,
    question: Question,
    open_pool: Callable[[], Executor],
    tell: Callable[[Progress], None] = lambda _: None,
) -> ProfiledRows:
    """All rows of the folder, counted by the pool's workers; a file that cannot be read is told, and left out whole.

    The counts are the same, to the bit, whatever the pool, the order, and however often a part was tried.

    Raises
    ------
    DataError
        There are files, and none with rows can be read.
    NothingToCheck
        No file has a row.
    """
    rows = max(folder.rows, 1)
    asked = attrs.evolve(question, share=min(1.0, MOST_LABELLED / rows))
    asked = attrs.evolve(
        asked,
        expected_share=min(question.expected_share, MOST_EXPECTED / rows),
        together_share=min(question.together_share, SAMPLE_ROWS / rows),
        latency_share=min(question.latency_share, MOST_LATENCIES / rows),
    )
    answers: dict[Part, Answer] = {}
    unreadable = dict(folder.unreadable)
    progress = _Counter(folder, tell)
    for found, reason in _answers(folder.parts, asked, open_pool):
        if isinstance(found, Answer):
            answers[found.part] = found
        else:
            unreadable.setdefault(found.name, reason)
        progress.done(found.part if isinstance(found, Answer) else found)
    kept = [answers[part] for part in folder.parts if part.name not in unreadable]
    if not sum(answer.rows for answer in kept):
        if unreadable:
            raise DataError(f"none of the rows in {folder.path} can be read: {next(iter(unreadable.values()))}")
        raise NothingToCheck(f"there is nothing to check in {folder.path}: none of the files in it has a row")
    return _profiled(kept, unreadable, question.judging, str(folder.path))


def _answers(
    parts: Sequence[Part], question: Question, open_pool: Callable[[], Executor]
) -> Iterator[tuple[Answer, str] | tuple[Part, str]]:
    """Each part's answer, or the part with the reason why there is none."""
    for found in gathered(open_pool, parts, partial(_told, question)):
        if isinstance(found, Lost):
            yield found.piece, f"{found.piece.name} could not be counted: {found.reason}"
        else:
            part, answer = found
            if isinstance(answer, Answer):
                yield answer, ""
            else:
                yield part, answer


def _told(question: Question, part: Part) -> tuple[Part, Answer | str]:
    return part, answer_of(question, part)


def _parts_of(file: Path, name: str) -> list[Part] | str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        described = pq.read_metadata(file)
    except (pa.ArrowException, OSError) as error:
        told = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
        return f"{name} cannot be read as Parquet: {told or type(error).__name__}"
    parts: list[Part] = []
    groups: list[int] = []
    first = rows = 0
    for group in range(described.num_row_groups):
        groups.append(group)
        rows += described.row_group(group).num_rows
        if rows >= _PART_ROWS or group == described.num_row_groups - 1:
            parts.append(Part(file, name, tuple(groups), first, rows))
            first, rows, groups = first + rows, 0, []
    return parts


def _profiled(answers: Sequence[Answer], unreadable: Mapping[str, str], judging: Judging, source: str) -> ProfiledRows:
    profiles: dict[str, Profile] = {}
    strange: dict[str, str] = {}
    for answer in answers:
        for name, reason in answer.strange.items():
            strange.setdefault(name, reason)
        for name, counted in answer.profiles.items():
            profiles[name] = merge(profiles[name], counted) if name in profiles else counted
    findings = [Finding(Status.UNKNOWN, name, f"{reason}; it is left out") for name, reason in unreadable.items()]
    findings += [
        Finding(Status.UNKNOWN, name, f'feature "{name}" cannot be compared: {reason}')
        for name, reason in strange.items()
    ]
    evaluation, plain, outcomes = _evaluations(answers, judging)
    if isinstance(evaluation, str):
        findings.append(Finding(Status.UNKNOWN, "performance", f"performance UNKNOWN, not OK: {evaluation}"))
    latencies = [answer.latencies for answer in answers if answer.latencies is not None]
    spans = [answer.span for answer in answers if answer.span is not None]
    start_us, end_us = (min(span[0] for span in spans), max(span[1] for span in spans) + 1) if spans else (0, 0)
    return ProfiledRows(
        window=Window(start_us, end_us, sum(answer.rows for answer in answers), source),
        profiles={name: counted for name, counted in profiles.items() if name not in strange},
        labelled=sum(answer.labelled for answer in answers),
        evaluation=None if isinstance(evaluation, str) else evaluation,
        findings=tuple(findings),
        expected=_expected(answers),
        answers=plain,
        outcomes=outcomes,
        together=_shared([answer.together for answer in answers]),
        latencies=np.concatenate(latencies) if latencies else None,
        failed=(sum(answer.failed[0] for answer in answers), sum(answer.failed[1] for answer in answers)),
    )


def _expected(answers: Sequence[Answer]) -> Records | None:
    """The rows that were chosen for estimates; a column that not all of them have is left out."""
    rows = _shared([answer.expected for answer in answers])
    if rows is None:
        return None
    features = rows.select(name for name in rows if name != PREDICTION)
    return Records(Window(0, 0, len(rows)), rows[PREDICTION], None, np.zeros(len(rows), dtype=np.bool_), features)


def _shared(parts: Sequence[Table | None]) -> Table | None:
    """All rows of the parts, with the columns that each part with a row has; None without any."""
    found = [part for part in parts if part is not None and len(part)]
    if not found:
        return None
    shared = [name for name in found[0] if all(name in part for part in found)]
    return joined([part.select(shared) for part in found]) if shared else None


def _evaluations(
    answers: Sequence[Answer], judging: Judging
) -> tuple[Evaluation | str, Evaluation | None, Records | None]:
    """Truths and predictions of the labelled rows, or why there are none; and the rows that were kept of them.

    The second is by the answers alone, where probabilities are given, too.
    """
    reason = next((answer.performance for answer in answers if answer.performance is not None), None)
    if reason is not None:
        return reason, None, None
    kept = _shared([answer.sample for answer in answers])
    try:
        names = (PREDICTION, "outcome", *judging.probabilities)
        sample = Table({name: np.empty(0) for name in names}) if kept is None else kept
        rows = len(sample)
        given = sample.select(name for name in sample if name not in {PREDICTION, "outcome"})
        known = np.ones(rows, dtype=np.bool_)
        records = Records(Window(0, 0, rows), sample[PREDICTION], sample["outcome"], known, given)
        evaluation = evaluation_of(records, judging)
        plain = evaluation_of(records, judging.of_answers) if judging.probabilities and rows else None
    except DataError as error:
        return str(error), None, None
    confusion: dict[tuple[str, str], int] = {}
    for answer in answers:
        for key, count in answer.confusion.items():
            confusion[key] = confusion.get(key, 0) + count
    whole = with_counts(evaluation, sum(answer.labelled for answer in answers), confusion)
    return whole, plain, records if rows else None


class _Counter:
    """Tells the progress when a part is done."""

    def __init__(self, folder: Folder, tell: Callable[[Progress], None]) -> None:
        self._tell = tell
        self._files = len({part.name for part in folder.parts})
        self._rows = folder.rows
        self._left: dict[str, int] = {}
        for part in folder.parts:
            self._left[part.name] = self._left.get(part.name, 0) + 1
        self._done_rows = 0
        tell(Progress(self._files, 0, self._rows, 0))

    def done(self, part: Part) -> None:
        """One part more."""
        self._left[part.name] -= 1
        self._done_rows += part.rows
        done_files = sum(1 for left in self._left.values() if not left)
        self._tell(Progress(self._files, done_files, self._rows, self._done_rows))
