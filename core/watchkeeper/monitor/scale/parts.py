"""One part of a Parquet file, read a little at a time and counted; runs in whatever worker an executor has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from watchkeeper.data.frames import required, table_of
from watchkeeper.data.lengths import source_of, with_lengths
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Table

from .counting import Counting
from .questions import PREDICTION, Answer, Part, Question

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_BATCH_ROWS: Final = 1 << 17


def answer_of(question: Question, part: Part) -> Answer | str:
    """The answer; or why the part cannot be read, in one sentence with the file's name.

    Reads 131,072 rows at a time: memory does not grow with the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(part.path) as file:
            return _answer(question, part, file)
    except DataError as error:
        return f"{part.name}: {error}"
    except (pa.ArrowException, OSError) as error:
        told = " ".join(str(error).split()).partition(". ")[0].rstrip(".")
        return f"{part.name} cannot be read as Parquet: {told or type(error).__name__}"


def _answer(question: Question, part: Part, file: pq.ParquetFile) -> Answer:
    counting = Counting(question, part)
    for table in _batches(question, part, file):
        counting.add(table)
    return counting.answer()


def _batches(question: Question, part: Part, file: pq.ParquetFile) -> Iterator[Table]:
    names = file.schema_arrow.names
    features = [source_of(name, names) for name in question.cells if name != PREDICTION]
    given = question.judging.probabilities
    required(names, [question.prediction, *features, *given], part.name)
    wanted = (question.outcome, question.time, question.latency, question.error, *question.segments)
    optional = [name for name in wanted if name is not None and name in names]
    columns = list(dict.fromkeys((question.prediction, *features, *given, *optional)))
    # one worker, one core: the caller decides how many work at once
    for batch in file.iter_batches(_BATCH_ROWS, row_groups=list(part.groups), columns=columns, use_threads=False):
        yield with_lengths(table_of(batch, what=part.name), question.cells)
