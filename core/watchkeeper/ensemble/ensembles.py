"""The weights of every ensemble: set by a strategy, kept with their history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Append, Document, Durability, Namespace, Put, Storage
from watchkeeper.contracts.weighting import Weighting
from watchkeeper.domain.ensemble import MemberHistory, Weights
from watchkeeper.domain.errors import Conflict, PluginBroken
from watchkeeper.domain.model import checked_name
from watchkeeper.domain.table import Categories, Column, Table

ENSEMBLES: Final = Namespace("ensembles")
HISTORY_STREAM: Final = "weights"
_SUM_TOLERANCE: Final = 1e-9


class Ensembles:
    """Reads and sets weights over one store; safe to use from several threads and processes."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def reweigh(self, name: str, strategy_name: str, strategy: Weighting, history: MemberHistory) -> Weights:
        """Let the strategy set the ensemble's weights, and keep them; how many rows it sees is the caller's choice.

        Raises
        ------
        DataError
            When the history does not determine weights; the old ones stay.
        PluginBroken
            When what the strategy returned are no weights; the old ones stay.
        Conflict
            When somebody else set weights in the meantime; theirs stay.
        """
        before = self._storage.get(ENSEMBLES, checked_name(name, "name of an ensemble"))
        shares = _checked(strategy.weights(history), strategy_name, history.members)
        weights = Weights(
            ensemble=name,
            strategy=strategy_name,
            shares=dict(zip(history.members, shares.tolist(), strict=True)),
            rows=len(history.truth),
            set_us=self._clock.now_us(),
        )
        if before is not None:
            # a crash between the two commits below left a gap in the history; where there is none this does nothing
            self._append(_weights_of(before), before.revision)
        revision = self._put(weights, 0 if before is None else before.revision)
        self._append(weights, revision)
        return weights

    def weights(self, name: str) -> Weights | None:
        """The weights that hold now; None when none were ever set."""
        document = self._storage.get(ENSEMBLES, name)
        return None if document is None else _weights_of(document)

    def names(self) -> tuple[str, ...]:
        """The ensembles that have weights, sorted."""
        return tuple(document.key for document in self._storage.find(ENSEMBLES))

    def weights_history(
        self, name: str, since_us: int | None = None, until_us: int | None = None
    ) -> tuple[Weights, ...]:
        """Every setting of the weights with ``since_us <= set_us < until_us``, first to last."""
        settings: dict[int, Weights] = {}
        for batch in self._storage.scan(HISTORY_STREAM, name, since_us, until_us):
            revisions = np.asarray(batch.table["revision"])
            for revision in np.unique(revisions).tolist():
                rows = revisions == revision
                settings[revision] = _setting(name, int(batch.time[rows][0]), batch.table.rows(rows))
        return tuple(settings[revision] for revision in sorted(settings))

    def _put(self, weights: Weights, expect: int) -> int:
        try:
            receipt = self._storage.commit([Put(ENSEMBLES, weights.ensemble, _record(weights), expect=expect)])
        except Conflict as error:
            raise Conflict(
                f"the weights of {weights.ensemble!r} were set by somebody else in the meantime: theirs hold, and "
                f"those of {weights.strategy} were dropped; read them and reweigh if that is still wanted"
            ) from error
        return receipt.revisions[0]

    def _append(self, weights: Weights, revision: int) -> None:
        count = len(weights.shares)
        table = Table(
            {
                "revision": np.full(count, revision, dtype=np.int64),
                "member": Categories.of(weights.shares),
                "share": np.fromiter(weights.shares.values(), dtype=np.float64, count=count),
                "strategy": Categories.of([weights.strategy] * count),
                "rows": np.full(count, weights.rows, dtype=np.int64),
            }
        )
        time = np.full(count, weights.set_us, dtype=np.int64)
        append = Append(HISTORY_STREAM, weights.ensemble, time, table)
        self._storage.commit([append], Durability.FLUSHED, writer=f"weights/{weights.ensemble}", seq=revision)


def _checked(shares: NDArray[np.float64], strategy: str, members: tuple[str, ...]) -> NDArray[np.float64]:
    found = np.asarray(shares, dtype=np.float64)
    if found.shape != (len(members),):
        raise PluginBroken(
            f"weighting {strategy!r} returned an array of shape {found.shape} for {len(members)} members, expected "
            f"({len(members)},); the weights were left as they are"
        )
    is_sound = np.isfinite(found).all() and (found >= 0.0).all() and abs(found.sum() - 1.0) <= _SUM_TOLERANCE
    if not is_sound:
        raise PluginBroken(
            f"weighting {strategy!r} returned {np.array2string(found, threshold=8)}, expected numbers of at least 0 "
            "with sum 1; the weights were left as they are"
        )
    return found


def _record(weights: Weights) -> dict[str, Any]:
    return {
        "strategy": weights.strategy,
        "members": list(weights.shares),
        "shares": list(weights.shares.values()),
        "rows": weights.rows,
        "set_us": weights.set_us,
    }


def _weights_of(document: Document) -> Weights:
    record: Mapping[str, Any] = document.value
    return Weights(
        ensemble=document.key,
        strategy=record["strategy"],
        shares=dict(zip(record["members"], record["shares"], strict=True)),
        rows=record["rows"],
        set_us=record["set_us"],
    )


def _setting(name: str, set_us: int, table: Table) -> Weights:
    shares = np.asarray(table["share"]).tolist()
    return Weights(
        ensemble=name,
        strategy=_texts(table["strategy"])[0],
        shares=dict(zip(_texts(table["member"]), shares, strict=True)),
        rows=int(np.asarray(table["rows"])[0]),
        set_us=set_us,
    )


def _texts(column: Column) -> list[str]:
    texts: list[str] = (column.texts() if isinstance(column, Categories) else column).tolist()
    return texts
