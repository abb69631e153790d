"""Health of a model by configured thresholds, remembered between checks so that it survives restarts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Durability, Namespace, Put, Storage
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.health import Health, Thresholds, Worse
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.verdict import Finding, Status, worst
from watchkeeper.domain.window import told_time

HEALTH: Final = Namespace("health")


def health_findings(
    storage: Storage,
    model: str,
    thresholds: Mapping[str, Thresholds],
    measurements: Sequence[Measurement],
    now_us: int,
) -> list[Finding]:
    """A finding for each measurement with thresholds; how it stands is kept, with compare-and-swap."""
    while True:
        document = storage.get(HEALTH, model)
        if not thresholds and document is None:
            return []
        before = {} if document is None else _read(document.value)
        after, findings = judged(thresholds, measurements, before, now_us)
        if after == before:
            return findings
        put = Put(HEALTH, model, _written(after), expect=0 if document is None else document.revision)
        try:
            storage.commit([put], Durability.FLUSHED)
        except Conflict:
            continue  # another process checked meanwhile: go on from what it found
        return findings


def judged(
    thresholds: Mapping[str, Thresholds],
    measurements: Sequence[Measurement],
    before: Mapping[str, Health],
    now_us: int,
) -> tuple[dict[str, Health], list[Finding]]:
    """How each measurement stands now, and what is told of it; names are those of `Measurement.title`."""
    found = {one.title: one for one in measurements}
    after: dict[str, Health] = {}
    findings: list[Finding] = []
    for name, edges in thresholds.items():
        one = found.get(name)
        number = None if one is None else one.value.number
        known = before.get(name)
        if number is not None:
            known = edges.after(known, number, now_us)
        if known is not None:
            after[name] = known
        findings.append(_finding(name, one, edges, known, found))
    return after, findings


def _finding(
    name: str, one: Measurement | None, edges: Thresholds, health: Health | None, measured: Mapping[str, Measurement]
) -> Finding:
    held = Status.OK if health is None else health.status
    subject = f"health of {name}"
    if one is None:
        told = f"health UNKNOWN, not OK: nothing called {name!r} was measured{did_you_mean(name, measured)}"
        return Finding(worst((Status.UNKNOWN, held)), subject, told + _before(health))
    number = one.value.number
    if number is None or health is None:
        told = f"health UNKNOWN, not OK: {name} is undefined: {one.value.reason}"
        return Finding(worst((Status.UNKNOWN, held)), subject, told + _before(health), (one,))
    if held is Status.OK:
        return Finding(held, subject, f"{name} {number:.4g} is well", (one,))
    by_itself = edges.status(number)
    side = "below" if edges.worse is Worse.LOWER else "above"
    edge = edges.alert if held is Status.ALERT else edges.warn
    since = f"{held} since {told_time(health.since_us)}"
    again = f"OK again from {edges.first if edges.recover is None else edges.recover:g} on"
    if worst((by_itself, held)) is by_itself:
        return Finding(held, subject, f"{name} {number:.4g} is {side} {edge:g} ({since}; {again})", (one,))
    return Finding(held, subject, f"{name} {number:.4g} was {side} {edge:g} ({since}; {again}{_waits(edges)})", (one,))


def _before(health: Health | None) -> str:
    if health is None or health.status is Status.OK:
        return ""
    return f"; before it was {health.status}, since {told_time(health.since_us)}"


def _waits(edges: Thresholds) -> str:
    return f", after {edges.cooldown_us / 60e6:g} minutes without" if edges.cooldown_us else ""


def _read(value: Mapping[str, Any]) -> dict[str, Health]:
    return {
        name: Health(Status(one["status"]), int(one["since_us"]), int(one["bad_us"])) for name, one in value.items()
    }


def _written(health: Mapping[str, Health]) -> dict[str, Any]:
    return {name: {**attrs.asdict(one), "status": one.status.value} for name, one in health.items()}
