"""How a model answered, joined to the features that are recorded with a prediction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from watchkeeper.domain.errors import UsageError
from watchkeeper.monitor.service import Service


@attrs.frozen
class ServedColumns:
    """The columns of a model that records latency or errors."""

    others: tuple[str, ...]
    """What an array of features holds, in its order."""
    latency: str | None
    error: str | None

    @classmethod
    def of(cls, recorded: Sequence[str], features: Collection[str], service: Service) -> ServedColumns:
        """Those of a model: what is recorded with it, its features among them, and what is measured of its service."""
        own = set(service.columns) - set(features)
        return cls(tuple(name for name in recorded if name not in own), service.latency, service.error)

    def added(self, features: Any, predictions: Any, latency: Any, error: Any) -> Any:
        """The features with latency and error; what is not known is NaN. A UsageError for what has no column.

        Parameters
        ----------
        features
            A mapping of columns, (n, d) in the order of `others`, or one row of it.
        """
        found = dict(features) if isinstance(features, Mapping) else self._named(features)
        rows = None if _is_single(predictions) else len(predictions)
        for role, column, given in (("latency", self.latency, latency), ("error", self.error, error)):
            if column is None:
                if given is not None:
                    raise UsageError(f"there is no column for {role}: name one as `{role}` in the model's columns")
                continue
            if given is None and column in found:
                continue
            value = np.nan if given is None else given
            found[column] = _as_number(value) if rows is None else _as_numbers(value, rows, role)
        return found

    def _named(self, features: Any) -> dict[str, Any]:
        values = np.asarray(features)
        if values.ndim == 0 or values.shape[-1] != len(self.others):
            names = ", ".join(self.others)
            raise UsageError(f"features have the shape {values.shape}; expected {len(self.others)} columns: {names}")
        return {name: values[..., at] for at, name in enumerate(self.others)}


def _is_single(predictions: Any) -> bool:
    return isinstance(predictions, str) or not hasattr(predictions, "__len__") or getattr(predictions, "ndim", 1) == 0


def _as_number(value: Any) -> float:
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.size != 1:
        raise UsageError(f"one row has {numbers.size} latencies or errors; expected one")
    return float(numbers.reshape(-1)[0])


def _as_numbers(value: Any, rows: int, role: str) -> Any:
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.ndim == 0:
        return np.full(rows, float(numbers))
    if numbers.shape != (rows,):
        raise UsageError(f"{role} has the shape {numbers.shape}; expected one for each of {rows} rows, or one for all")
    return numbers
