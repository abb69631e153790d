"""Work given to an executor piece by piece, a bounded number at a time; a pool that dies is opened anew."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from typing import Final, Generic, TypeVar

import attrs

T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = 16
"""Pieces under way at once: enough for every worker to have a next one, few enough to keep answers few."""
_MOST_DEATHS: Final = 3


@attrs.frozen
class Lost(Generic[T]):
    """A piece whose worker died again and again, or whose work raised what nobody foresaw."""

    piece: T
    reason: str


def gathered(open_pool: Callable[[], Executor], pieces: Iterable[T], work: Callable[[T], R]) -> Iterator[R | Lost[T]]:
    """What `work` returns for every piece, in the order in which they are done.

    Parameters
    ----------
    open_pool
        Makes the executor, and makes it again when its workers died; each is shut down at the end.
    work
        Picklable, and its results too, when workers are other processes.

    Yields
    ------
    A result; or `Lost` for a piece that three pools in a row died of, or that raised.
    """
    state = _State(open_pool, work, iter(pieces))
    try:
        while state.refill():
            yield from state.finished()
    finally:
        state.close()


class _State(Generic[T, R]):
    def __init__(self, open_pool: Callable[[], Executor], work: Callable[[T], R], pieces: Iterator[T]) -> None:
        self._open_pool = open_pool
        self._work = work
        self._pieces = pieces
        self._waiting: deque[T] = deque()
        self._pool: Executor | None = None
        self._under_way: dict[Future[R], T] = {}
        self._deaths: dict[T, int] = {}
        self._suspects: set[T] = set()

    def refill(self) -> bool:
        """Submit until enough is under way; False when nothing is left. Suspects of having killed a pool go alone."""
        while len(self._under_way) < (1 if self._suspects else _AHEAD):
            piece = self._waiting.popleft() if self._waiting else next(self._pieces, None)
            if piece is None:
                break
            self._submit(piece)
        return bool(self._under_way)

    def finished(self) -> Iterator[R | Lost[T]]:
        """The results of the pieces that are done next."""
        done, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
        for future in done:
            piece = self._under_way.pop(future, None)
            if piece is None:
                continue  # it was under way when the pool died, and is tried again
            error = CancelledError() if future.cancelled() else future.exception()
            if isinstance(error, BrokenExecutor | CancelledError):
                yield from self._after_death(piece, error)
                continue
            self._suspects.discard(piece)
            yield future.result() if error is None else Lost(piece, f"{type(error).__name__}: {error}")

    def close(self) -> None:
        for future in self._under_way:
            future.cancel()
        self._shut_down(wait_for=True)

    def _submit(self, piece: T) -> None:
        if self._pool is None:
            self._pool = self._open_pool()
        try:
            future = self._pool.submit(self._work, piece)
        except BrokenExecutor as error:  # a worker died since the last look
            future = Future()
            future.set_exception(error)
        self._under_way[future] = piece

    def _after_death(self, piece: T, error: BaseException) -> Iterator[Lost[T]]:
        """The pool is gone, and with it everything under way: try those again, one by one."""
        again = [piece, *self._under_way.values()]
        self._under_way.clear()
        self._shut_down(wait_for=False)
        if len(again) == 1:
            self._deaths[piece] = self._deaths.get(piece, 0) + 1
            if self._deaths[piece] >= _MOST_DEATHS:
                self._suspects.discard(piece)
                yield Lost(piece, f"its worker died {_MOST_DEATHS} times ({type(error).__name__}: {error})")
                return
        self._suspects.update(again)
        self._waiting.extendleft(again)

    def _shut_down(self, *, wait_for: bool) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=wait_for, cancel_futures=True)
