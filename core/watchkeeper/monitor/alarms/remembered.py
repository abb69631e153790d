"""What evidence was in the past: as a check told it then, or undefined where none did."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

import attrs

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Finding
from watchkeeper.domain.window import Window, told_time
from watchkeeper.monitor.recent_history import Wanted, last_measurements
from watchkeeper.monitor.result import CheckResult

_ONE: Final = 1
_Series: TypeAlias = "tuple[str, frozenset[tuple[str, str]]]"


def with_evidence_of_then(storage: Storage, result: CheckResult, names: Collection[str], until_us: int) -> CheckResult:
    """The result with evidence as it was, for names of measurements whose evidence knows of blocks after `until_us`.

    Evidence is one small document that grows block by block: what it was is known from the history of measurements.
    The latest check counts whose window ends by then, and after the start of the window that is looked at.
    """
    if not names or result.window is None:
        return result
    found = {name: _kept(storage, result.model, name, result.window, until_us) for name in names}
    reason = (
        f"evidence has been gathered since, and no check that ended by {told_time(until_us)} kept what it was then; "
        "`check --since` measures it"
    )

    def of_then(one: Measurement) -> Measurement:
        if one.name not in found:
            return one
        return attrs.evolve(one, value=found[one.name].get(_series(one), Value.undefined(reason)))

    def told(finding: Finding) -> Finding:
        return attrs.evolve(finding, measurements=tuple(map(of_then, finding.measurements)))

    verdict = attrs.evolve(result.verdict, findings=tuple(map(told, result.verdict.findings)))
    return attrs.evolve(result, verdict=verdict, measurements=tuple(map(of_then, result.measurements)))


def _kept(storage: Storage, model: str, name: str, window: Window, until_us: int) -> Mapping[_Series, Value]:
    wanted = Wanted((name,), after_us=window.start_us, until_us=until_us)
    kept = last_measurements(storage, model, wanted, _ONE)
    latest_us = max((one.window.end_us for one in kept), default=0)
    return {_series(one): one.value for one in kept if one.window.end_us == latest_us}


def _series(one: Measurement) -> _Series:
    return one.name, frozenset(one.labels.items())
