"""A file's predictions in the store once, however often the file is logged."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Delete, Durability, Namespace, Put
from watchkeeper.data.files import file_digest, read_table
from watchkeeper.data.frames import required, times_us
from watchkeeper.domain.errors import DataError, NothingToCheck
from watchkeeper.domain.plural import counted
from watchkeeper.domain.table import Table
from watchkeeper.domain.window import told_time

from .assembly import Systems
from .intake import records_of
from .known_rows import changed_predictions, ids_by_content, known_outcomes, known_rows
from .recording import corrected, doubts_of_rows, logged, row_ids

LOGGED_FILES: Final = Namespace("logged_files", ("model",))


@attrs.frozen
class LoggedFile:
    """What became of a file that was logged."""

    model: str
    name: str
    rows: int
    """Predictions that are stored now."""
    known: int = 0
    """Predictions of the file that were stored before, with the same id and time."""
    outcomes: int = 0
    """Outcomes of those, not known before or corrected, that are stored now."""
    before: str = ""
    """When the same bytes were logged before, and as which file; "" when they were not."""
    doubts: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was stored, and what was not, and why."""
        if self.before:
            return (
                f"{self.name} was logged before, {self.before}: {counted(self.known, 'prediction')} of {self.model}; "
                "nothing is stored now (--again stores its rows once more)"
            )
        if not self.known:
            return f"{counted(self.rows, 'prediction')} of {self.model} {'is' if self.rows == 1 else 'are'} stored"
        outcomes = f", with {counted(self.outcomes, 'new outcome')}" if self.outcomes else ""
        return (
            f"{self.rows} of {counted(self.rows + self.known, 'prediction')} of {self.model} "
            f"{'is' if self.rows == 1 else 'are'} stored; {self.known} "
            f"{'was' if self.known == 1 else 'were'} before, by id and time{outcomes} (--again stores every row)"
        )


def file_logged(systems: Systems, model: str, path: Path, *, again: bool = False) -> LoggedFile:
    """Record a file's predictions and outcomes, each once.

    A file with the same bytes as one that was logged is left alone, at the cost of its digest. Of another the rows are
    left out whose id and time are stored; their outcomes are recorded where they are new, and the files that said
    otherwise are forgotten, so that they can be logged again. Where no id is configured rows get some from what the
    file holds up to them, so that one that has grown or was interrupted can be logged again. With `again` every row
    is stored.

    Raises
    ------
    DataError
        A column is missing, also that of the ids: outcomes would never find their rows.
    NothingToCheck
        The file has no rows.
    """
    digest = file_digest(path)
    key = f"{model[:100]}/{digest}"
    before = systems.storage.get(LOGGED_FILES, key)
    if before is not None and not again:
        told = f"at {told_time(int(before.value['at_us']))} as {before.value['name']}"
        return LoggedFile(model, path.name, 0, int(before.value["rows"]), before=told)
    table = read_table(path)
    _require_rows(systems, model, table, path.name)
    doubts = doubts_of_rows(systems, model, table)
    reach = _reach(times_us(table, systems.models.config(model).columns.time))
    if again:
        _forget(systems, model, reach)
        found = LoggedFile(model, path.name, logged(systems, model, table, path.name))
    else:
        found = _added(systems, model, table, path.name)
    value = {"name": path.name, "rows": len(table), "at_us": systems.clock.now_us(), "reach_us": list(reach)}
    systems.storage.commit([Put(LOGGED_FILES, key, value, {"model": model})], Durability.FLUSHED)
    return attrs.evolve(found, doubts=(*doubts, *found.doubts))


def _require_rows(systems: Systems, model: str, table: Table, name: str) -> None:
    """Pass, or an error that tells why nothing of the file can be stored."""
    columns = systems.models.config(model).columns
    required(table, [columns.time, columns.prediction], name)
    if columns.id is not None and columns.id not in table:
        try:
            required(table, [columns.id], name)
        except DataError as error:
            raise DataError(
                f"{error}; outcomes find their predictions by it: add it, or take `id` out of models.{model}.columns"
            ) from None
    if not len(table):
        raise NothingToCheck(f"{name} has no rows; there is nothing to store")


def _forget(systems: Systems, model: str, reach: tuple[int, int]) -> None:
    """Forget the files with rows of the same time: what they say is not what is stored any more."""
    superseded = []
    for file in systems.storage.find(LOGGED_FILES, {"model": model}):
        first_us, last_us = file.value.get("reach_us", reach)
        if first_us <= reach[1] and last_us >= reach[0]:
            superseded.append(Delete(LOGGED_FILES, file.key))
    if superseded:
        systems.storage.commit(superseded, Durability.FLUSHED)


def _added(systems: Systems, model: str, table: Table, name: str) -> LoggedFile:
    """Record the rows that are not stored yet, and the outcomes that are not, of those that are."""
    config = systems.models.config(model)
    columns = config.columns
    ids = row_ids(table, columns.id) if columns.id is not None else ids_by_content(table, columns.outcome)
    systems.recorder.flush()
    found = known_rows(systems.storage, model, ids, times_us(table, columns.time))
    if not found.known.any():
        return LoggedFile(model, name, logged(systems, model, table, name, ids=ids))
    predictions = records_of(config, systems.models.watched(model).references, table, name).prediction
    doubts = changed_predictions(found, predictions, model)
    fresh = np.flatnonzero(~found.known)
    rows = 0
    if len(fresh):
        rows = logged(systems, model, table.rows(fresh), name, ids=[ids[row] for row in fresh.tolist()])
    outcomes = 0
    if columns.outcome is not None and columns.outcome in table:
        old = np.flatnonzero(found.known)
        named = [ids[row] for row in old.tolist()]
        outcomes, doubt = _new_outcomes(systems, model, table.rows(old), named, name)
        doubts += doubt
    return LoggedFile(model, name, rows, int(found.known.sum()), outcomes, doubts=doubts)


def _new_outcomes(systems: Systems, model: str, table: Table, ids: list[str], name: str) -> tuple[int, tuple[str, ...]]:
    """Record the outcomes that are not stored, or differ from what is; returns how many, and what is doubtful."""
    columns = systems.models.config(model).columns
    found = known_outcomes(systems, model, table, ids)
    if len(found.new):
        _forget(systems, model, _reach(times_us(table, columns.time)))
        new = table.rows(found.new)
        corrected(
            systems,
            model,
            [ids[row] for row in found.new.tolist()],
            new[str(columns.outcome)],
            times=times_us(new, columns.time),
            source=name,
        )
    if not found.withdrawn:
        return len(found.new), ()
    told = (
        f"{counted(found.withdrawn, 'outcome')} of {model} {'is' if found.withdrawn == 1 else 'are'} stored, and "
        f"{name} has none for the same id any more: what is stored counts until another outcome is recorded"
    )
    return len(found.new), (told,)


def _reach(times: NDArray[np.int64]) -> tuple[int, int]:
    """The first and the last of some times."""
    return int(times.min()), int(times.max())
