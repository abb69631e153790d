"""How each model stood when it was last checked: one small document a model, so that an overview reads nothing else."""

from __future__ import annotations

from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Durability, Namespace, Put, Storage
from watchkeeper.domain.verdict import Status
from watchkeeper.domain.window import Window

from .result import CheckResult

STANDINGS: Final = Namespace("standings", ("rank", "checked_us"))
_WORST_FIRST: Final = (Status.ALERT, Status.UNKNOWN, Status.WARN, Status.OK)


@attrs.frozen
class Standing:
    """One model at its last check."""

    model: str
    status: Status
    sentence: str
    """The most serious finding."""
    checked_us: int
    """When, UTC microseconds since 1970."""
    version: str | None
    window: Window | None
    metrics: dict[str, float]
    """The metrics that had a number."""
    drift_share: float | None
    """Share of judged features that have drifted; None when none could be judged."""
    since_us: int = 0
    """Since when the status is this one; 0 when it was kept by an earlier version of watchkeeper."""


def keep_standing(storage: Storage, result: CheckResult, metrics: tuple[str, ...], now_us: int) -> None:
    """Replace the model's document; survives the death of the process."""
    share = result.measurement("drift_share")
    numbers = {name: found.value.number for name in metrics if (found := result.measurement(name)) is not None}
    window = result.window
    before = storage.get(STANDINGS, result.model)
    is_same = before is not None and before.value["status"] == result.status.value
    since_us = before.value.get("since_us", now_us) if before is not None and is_same else now_us
    value = {
        "status": result.status.value,
        "sentence": result.verdict.sentence,
        "checked_us": now_us,
        "since_us": since_us,
        "version": result.version,
        "window": None if window is None else [window.start_us, window.end_us, window.rows, window.source],
        "metrics": {name: number for name, number in numbers.items() if number is not None},
        "drift_share": None if share is None else share.value.number,
    }
    index = {"rank": _WORST_FIRST.index(result.status), "checked_us": now_us}
    storage.commit([Put(STANDINGS, result.model, value, index)], Durability.FLUSHED)


def checked_until_us(storage: Storage, model: str) -> int:
    """Where the window of the model's last check ends; 0 when there was none, or it had no window."""
    document = storage.get(STANDINGS, model)
    window = None if document is None else document.value["window"]
    return 0 if window is None else int(window[1])


def standings(storage: Storage) -> tuple[Standing, ...]:
    """Every model that was ever checked, worst first, then the latest checked."""
    return tuple(
        _standing(document.key, dict(document.value))
        for document in storage.find(STANDINGS, order=("rank", "-checked_us"))
    )


def standing_of(storage: Storage, model: str) -> Standing | None:
    """The model's; None when it was never checked."""
    document = storage.get(STANDINGS, model)
    return None if document is None else _standing(model, dict(document.value))


def _standing(model: str, value: dict[str, Any]) -> Standing:
    window = value["window"]
    return Standing(
        model=model,
        status=Status(value["status"]),
        sentence=value["sentence"],
        checked_us=value["checked_us"],
        version=value["version"],
        window=None if window is None else Window(*window),
        metrics=dict(value["metrics"]),
        drift_share=value["drift_share"],
        since_us=value.get("since_us", 0),
    )
