"""The recorder: predictions and outcomes go to memory at once and into the store a moment later, none lost silently."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.cells import Cells
from watchkeeper.domain.errors import StoreError, UsageError
from watchkeeper.domain.names import stored_name
from watchkeeper.plugins.boundary import attempt

from .recording.arguments import (
    ids_of,
    is_single,
    one_id,
    one_time,
    prediction_of,
    predictions_of,
    require_kind,
    times_of,
    values_of,
)
from .recording.channel import Channel
from .recording.declared import Declared
from .recording.entries import Outcomes, Prediction, Rows
from .recording.flusher import Flushed, Flusher, RecorderStats
from .recording.ids import IdMint
from .recording.reentry import is_held, reentered
from .recording.waiting import Waiting
from .rollups.beside import Rollups

__all__ = ["Flushed", "Recorder", "RecorderStats"]


class Recorder:
    """Takes in predictions and outcomes; safe to use from several threads, in the process that made it.

    Parameters
    ----------
    storage
        Where rows go, into the streams ``predictions`` and ``outcomes`` under the model's name.
    clock
        Stamps rows that come without a time.
    flush_seconds
        How often the flusher commits.
    max_bytes
        How much may wait in memory; calls wait when it is full, and fail when that does not help.
    block_seconds
        How long they wait.
    journal
        A folder; with one, whatever `log` and `record_outcomes` accepted survives kill -9 and is committed once, at
        the next start. Without one, kill -9 costs what was accepted after the last flush.
    rollups
        Whether commits also count their rows hour by hour, see `watchkeeper.monitor.rollups`.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        *,
        flush_seconds: float = 0.1,
        max_bytes: int = 64 * 1024 * 1024,
        block_seconds: float = 5.0,
        journal: Path | None = None,
        rollups: bool = False,
    ) -> None:
        self._clock = clock
        self._waiting = Waiting(max_bytes, block_seconds, journal)
        self._rollups = Rollups(self._waiting.writer, clock, is_on=rollups)
        self._flusher = Flusher(storage, self._waiting, flush_seconds, self._rollups)
        self._has_journal = journal is not None
        self._mint = IdMint()
        self._declared = Declared()
        self._channels = self._declared.channels  # looked up at every call
        self._process = os.getpid()
        self._life = threading.RLock()
        self._is_changing = is_held(self._life)
        self._is_running = False
        self._is_stopped = False

    def declare(
        self,
        model: str,
        features: Sequence[str] = (),
        *,
        categories: Sequence[str] = (),
        cells: Mapping[str, Cells] | None = None,
        predictions: type[float | str] | None = None,
    ) -> None:
        """Say which features a model's rows have, in the order of arrays; again when they or the reference change.

        Parameters
        ----------
        cells
            By feature, and for the predictions under ``prediction``: the cells in which roll-ups count them.
        predictions
            ``float`` where they are numbers, ``str`` where they are labels; both are taken when left out.

        Raises
        ------
        UsageError, DataError
            When a name cannot be stored, stands twice, or is one of ``id``, ``prediction``, ``version``.
        """
        self._declared.declare(model, features, categories, predictions)
        if cells is not None:
            self._rollups.declare(model, cells)

    def expect_outcomes(self, model: str, kind: type[float | str]) -> None:
        """Say what a model's outcomes are: ``float`` or ``str``; both are taken when nobody says."""
        self._declared.expect_outcomes(model, kind)

    @overload
    def log(
        self,
        model: str,
        features: Any,
        predictions: float | str,
        *,
        ids: str | int | None = None,
        times_us: int | None = None,
        version: str | None = None,
    ) -> str: ...
    @overload
    def log(
        self,
        model: str,
        features: Any,
        predictions: Any,
        *,
        ids: Any = None,
        times_us: Any = None,
        version: str | None = None,
    ) -> Any: ...
    def log(
        self,
        model: str,
        features: Any,
        predictions: Any,
        *,
        ids: Any = None,
        times_us: Any = None,
        version: str | None = None,
    ) -> Any:
        """Record one prediction or many; an append to memory, about 2 µs for one row.

        Parameters
        ----------
        features
            For one row: (d,) or (1, d) numbers, a list, or a mapping that has the declared names. For n: (n, d)
            numbers, or any frame or mapping of columns. None: without features.
        predictions
            One number or label, or (n,) of them: a probability, a value, a class.
        ids
            As many, text or whole numbers (kept as text); made up, growing with time, when None.
        times_us
            As many or one for all, UTC microseconds since 1970; now when None.
        version
            The version that answered, such as ``1.4.0``.

        Returns
        -------
        The id, or a list of n ids; `record_outcomes` wants them.

        Raises
        ------
        DataError
            When shapes or values are not what was declared; nothing was recorded.
        StoreBusy, StoreError
            When there was no room in time, or none on the journal's disk. Of many rows the first may be recorded.
        UsageError
            When the model was not declared, the recorder is stopped or was made by another process, or in a signal
            handler that interrupted the recorder.
        """
        channel = self._channels.get(model)
        if channel is None:
            raise self._declared.unknown(model)
        if os.getpid() != self._process or not self._is_running:
            self._begin()
        is_boxed = False
        kind = type(predictions)
        if kind is not float:
            if kind is np.ndarray and predictions.shape == (1,) and ids is None and type(features) is np.ndarray:
                is_boxed, predictions = True, predictions.item()  # what predict() answers for one row
            elif not is_single(predictions):
                return self._log_many(channel, features, predictions, ids=ids, times_us=times_us, version=version)
            if type(predictions) is not float:
                predictions = prediction_of(predictions, f"the prediction of model {model!r}")
        if type(predictions) is channel.refused:
            require_kind(predictions, channel.refused, f"the predictions of model {model!r}")
        if version is not None and type(version) is not str:
            version = str(version)
        numbers, texts = channel.row(features)
        now_us = self._clock.now_us()
        time_us = now_us if times_us is None else one_time(times_us, now_us)
        waiting = self._waiting
        if waiting.is_held():
            raise reentered()
        with waiting.lock:
            name = self._mint.one(now_us) if ids is None else one_id(ids)
            waiting.put((channel, name, time_us, predictions, numbers, texts, version), channel.row_bytes)
        return [name] if is_boxed else name

    def record_outcomes(self, model: str, ids: Any, outcomes: Any, *, times_us: Any = None) -> None:
        """Record what turned out to be true; a later outcome of the same id replaces the earlier one.

        Parameters
        ----------
        ids
            One id or n of them, as `log` returned or was given them.
        outcomes
            As many numbers or labels.
        times_us
            When they became known, UTC microseconds since 1970: as many, or one for all; now when None.

        Raises
        ------
        DataError, StoreBusy, StoreError, UsageError
            As `log` does.
        """
        stored_name(model, "model")
        if os.getpid() != self._process or not self._is_running:
            self._begin()
        what = f"the outcomes of model {model!r}"
        if is_single(outcomes):
            single = prediction_of(outcomes, what)
            require_kind(single, self._declared.refused_outcomes.get(model), what)
            values: list[Prediction | None] = [single]
            names = [one_id(ids)]
        else:
            column = predictions_of(outcomes, what)
            require_kind(column, self._declared.refused_outcomes.get(model), what)
            values = values_of(column)
            names = ids_of(ids, len(values), what)
        times = times_of(times_us, self._clock.now_us(), len(values), what).tolist()
        if self._waiting.is_held():
            raise reentered()
        for part in Outcomes(model, names, times, values).parts(self._waiting.max_part):
            with self._waiting.lock:
                self._waiting.put(part, part.size, len(part.ids))

    def start(self) -> None:
        """Start the flusher, and commit what a dead process left in the journal; may be called twice.

        The first `log` does it too.

        Raises
        ------
        StoreError
            When the journal's folder cannot be used.
        UsageError
            When the recorder was made by another process, or in a signal handler that interrupted the recorder.
        """
        self._require_no_reentry()
        with self._life:
            self._start()

    def flush(self) -> Flushed:
        """Return when everything that was accepted before this call is in the store.

        Raises
        ------
        StoreError
            When the store cannot be written; the rows are kept, and tried again.
        UsageError
            When the recorder was made by another process, or in a signal handler that interrupted the recorder.
        """
        self._require_no_reentry()
        self._require_own_process()
        return self._flusher.flush()

    def stop(self) -> None:
        """Flush and end the flusher; nothing is accepted afterwards until `start`. May be called twice.

        Raises
        ------
        StoreError
            When the store cannot be written; the message says how many rows are not in it, and whether the journal
            has them.
        UsageError
            When the recorder was made by another process, or in a signal handler that interrupted the recorder: let
            the handler raise SystemExit instead.
        """
        self._require_no_reentry()
        with self._life:
            self._require_own_process()
            self._waiting.refuse()
            if self._is_running:
                self._flusher.stop()
                atexit.unregister(self._stop_at_exit)
            self._is_running = False
            self._is_stopped = True
            try:
                self._flusher.flush()
                self._flusher.settle(is_end=True)
            except StoreError as error:
                raise type(error)(f"{self._fate()}: {error}") from error
            finally:
                self._waiting.close()

    def stats(self) -> RecorderStats:
        """Counts and gauges, as of now; a UsageError in a signal handler that interrupted the recorder."""
        self._require_no_reentry()
        waiting, flusher = self._waiting, self._flusher
        with waiting.lock:
            return RecorderStats(
                logged=waiting.logged,
                flushed=flusher.flushed,
                refused=flusher.refused,
                waiting_rows=waiting.rows,
                waiting_bytes=waiting.size,
                blocked_calls=waiting.blocked_calls,
                flush_lag_seconds=waiting.lag_seconds(),
                longest_lag_seconds=flusher.longest_lag_seconds,
                failures=flusher.failures,
                last_failure=flusher.last_failure,
                damaged_groups=flusher.damaged_groups,
            )

    def _log_many(
        self, channel: Channel, features: Any, predictions: Any, *, ids: Any, times_us: Any, version: str | None
    ) -> list[str]:
        what = f"the predictions of model {channel.model!r}"
        column = predictions_of(predictions, what)
        require_kind(column, channel.refused, what)
        columns = channel.columns(features, len(column))
        now_us = self._clock.now_us()
        times = times_of(times_us, now_us, len(column), what)
        version = None if version is None else str(version)
        waiting = self._waiting
        if waiting.is_held():
            raise reentered()
        if ids is None:
            with waiting.lock:
                names = self._mint.many(now_us, len(column))
        else:
            names = ids_of(ids, len(column), what)
        for part in Rows(channel, names, times, column, columns, version).parts(waiting.max_part):
            with waiting.lock:
                waiting.put(part, part.size, len(part.ids))
        return names

    def _begin(self) -> None:
        """Start at the first call; not in a child of the process that made this, and not after `stop`."""
        self._require_no_reentry()
        with self._life:
            if self._is_stopped:
                raise UsageError("the recorder is stopped, so that this call was not recorded: start it again")
            self._start()

    def _start(self) -> None:
        """Start, when it does not run; the caller holds `_life`."""
        self._require_own_process()
        if self._is_running:
            return
        self._flusher.start(self._waiting.open())
        atexit.register(self._stop_at_exit)
        self._is_running = True
        self._is_stopped = False

    def _require_no_reentry(self) -> None:
        if self._is_changing() or self._waiting.is_held() or self._flusher.is_held():
            raise reentered()

    def _require_own_process(self) -> None:
        if os.getpid() != self._process:
            raise UsageError(
                f"this recorder was made by process {self._process} and is used by its child {os.getpid()}: threads "
                "and open stores do not survive a fork; open the project after forking"
            )

    def _fate(self) -> str:
        rows = self._waiting.rows
        if self._has_journal:
            return f"{rows} rows are not in the store yet; the journal keeps them for the next start"
        return f"{rows} rows are not in the store, and will be lost with this process unless flush() succeeds"

    def _stop_at_exit(self) -> None:
        if os.getpid() == self._process:
            attempt("storage", "the last rows at exit", self.stop)
