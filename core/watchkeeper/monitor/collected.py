"""What a check has found so far: measurements, findings and plugins that failed."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.verdict import Failure, Finding, Status

from .judging import verdict_of
from .measuring import Subject
from .result import CheckResult


@attrs.frozen(eq=False)
class Collected:
    """Lists that each part of a check adds to; their order is the order in which a reader is told."""

    measurements: list[Measurement] = attrs.field(factory=list)
    findings: list[Finding] = attrs.field(factory=list)
    failures: list[Failure] = attrs.field(factory=list)

    def add(
        self,
        measurements: Iterable[Measurement] = (),
        findings: Iterable[Finding] = (),
        failures: Iterable[Failure] = (),
    ) -> None:
        """Append what one part of the check has found."""
        self.measurements.extend(measurements)
        self.findings.extend(findings)
        self.failures.extend(failures)

    def values_of(self, name: str) -> list[Measurement]:
        """The measurements of this name."""
        return [found for found in self.measurements if found.name == name]

    def result(self, subject: Subject, *, is_judged: bool = True) -> CheckResult:
        """The check's result; what is not judged has no warnings by its own rows: they are kept, not acted upon.

        Open alarms are told all the same: they rest on evidence of many windows.
        """
        findings = self.findings
        if not is_judged:
            findings = [found for found in findings if found.status is not Status.WARN or found.is_accumulated]
        verdict = verdict_of(findings, self.failures)
        return CheckResult(subject.model, subject.version, subject.window, verdict, tuple(self.measurements))
