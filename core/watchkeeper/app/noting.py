"""What happened, recorded: predictions, outcomes, and the rows that the store did not take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from watchkeeper.monitor.recording.refusals import Refused, refused_rows

from .filing import LoggedFile, file_logged
from .project import Project
from .recording import RecordedOutcomes, logged, outcomes_recorded, refused_acknowledged


class Noting(Project):
    """The part of `Watchkeeper` that records."""

    def log(
        self,
        model: str,
        features: Any,
        predictions: Any,
        *,
        ids: Any = None,
        times_us: Any = None,
        version: str | None = None,
        latency: Any = None,
        error: Any = None,
    ) -> Any:
        """Record predictions and return their ids; an append to memory, committed by a flusher every 100 ms.

        Parameters
        ----------
        features
            (n, d) array in the configured order, one row of it, or a mapping of columns.
        predictions
            (n,) probabilities, labels or values; one for one row.
        ids, times_us
            (n,); made up and taken from the clock when left out. Times are UTC microseconds since 1970.
        version
            Which version answered, such as ``1.4.0``.
        latency, error
            (n,) or one for all: how long it took, in the unit of your choice, and whether it failed (then the
            prediction may be None). Only for models whose ``columns`` name a ``latency`` and an ``error``.
        """
        self._systems.declare(model)
        features = self._systems.completed(model, features)
        features = self._systems.served(model, features, predictions, latency, error)
        return self._systems.recorder.log(model, features, predictions, ids=ids, times_us=times_us, version=version)

    def record_outcomes(self, model: str, ids: Any, outcomes: Any, *, times_us: Any = None) -> None:
        """Record what turned out to be true; a later outcome of the same id replaces the earlier one."""
        self._systems.expect_outcomes(model)
        self._systems.recorder.record_outcomes(model, ids, outcomes, times_us=times_us)

    def log_table(self, model: str, data: Any, *, source: str = "data") -> int:
        """Record rows with the columns that the configuration names, outcomes too where they are there.

        Returns
        -------
        How many predictions were stored; they are in the store when this returns.
        """
        self._systems.declare(model)
        return logged(self._systems, model, data, source)

    def log_file(self, model: str, path: str | Path, *, again: bool = False) -> LoggedFile:
        """Record a file's rows as `log_table` does, each once: a file that was logged is left alone.

        Of a file with other bytes the rows are left out whose id and time are stored; outcomes of those are recorded
        where they are new or corrected. With `again` every row is stored.

        Raises
        ------
        DataError
            The file cannot be read as configured.
        """
        self._systems.declare(model)
        return file_logged(self._systems, model, Path(path), again=again)

    def record_outcomes_table(self, model: str, data: Any, *, source: str = "data") -> RecordedOutcomes:
        """Record outcomes from rows with the configured id and outcome columns.

        Returns
        -------
        How many were recorded, and the ids among them of which no prediction is stored.
        """
        return outcomes_recorded(self._systems, model, data, source)

    def flush(self) -> None:
        """Return when everything recorded so far is in the store."""
        self._systems.recorder.flush()

    def refused(self, model: str) -> Refused | None:
        """The rows of a model that the store did not take, since somebody last took note of them."""
        self._systems.models.config(model)
        return refused_rows(self._systems.storage, model)

    def acknowledge_refused(self, model: str, reason: str = "") -> Refused | None:
        """Take note of the rows that the store did not take: checks and the doctor tell of later ones only.

        Returns
        -------
        What was acknowledged, which the audit log keeps; None when there was nothing.

        Raises
        ------
        NotAllowed
            The actor's role does not let them check the model.
        """
        self._systems.recorder.flush()
        return refused_acknowledged(self._systems, model, reason)
