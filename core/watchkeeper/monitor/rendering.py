"""A check's result as a rich table and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import attrs

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.plural import counted
from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.domain.window import Window, iso_time

if TYPE_CHECKING:
    from rich.table import Table

    from .result import CheckResult

ICONS = {Status.OK: "✓", Status.WARN: "~", Status.ALERT: "!", Status.UNKNOWN: "?"}
COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.ALERT: "bold red", Status.UNKNOWN: "magenta"}
MEASURED = "·"
"""The icon of a number that nothing was held against: it is not well, it is told."""
_WIDEST_SUBJECT = 24
_ORDER = (Status.ALERT, Status.UNKNOWN, Status.WARN, Status.OK)


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Alerts, then unknowns, then warnings, then what is well; otherwise in their order."""
    return sorted(findings, key=lambda finding: _ORDER.index(finding.status))


def by_subject(findings: Sequence[Finding]) -> list[list[Finding]]:
    """What is said one after the other of one thing, and is as bad."""
    return [list(same) for _, same in groupby(findings, key=lambda one: (standing_of(one), one.subject))]


def is_quiet(finding: Finding) -> bool:
    """Whether it tells a number that no limit is for."""
    return finding.status is Status.OK and not finding.is_judged


def standing_of(finding: Finding) -> tuple[str, str, str]:
    """Its icon, the word beside it, and how both look: of a number without a limit ``measured``, not OK."""
    if is_quiet(finding):
        return MEASURED, "measured", "measured"
    return ICONS[finding.status], finding.status.value, finding.status.value


def called_model(result: CheckResult) -> str:
    """``momentum@1.0.0``; the name alone where the version is not known."""
    return f"{result.model}@{result.version}" if result.version else result.model


def window_told(window: Window) -> str:
    """``60 rows, 2008-10-07 to 2009-01-01, from store``; times are UTC."""
    return f"{counted(window.rows, 'row')}, {window}, from {window.source}"


def headline(result: CheckResult) -> str:
    """The verdict in one line: ``momentum@1.0.0: WARN, 3 of 9 findings: feature …``."""
    name = called_model(result)
    concerning = [finding for finding in result.verdict.findings if finding.status is not Status.OK]
    if not concerning:
        return f"{name}: {result.status}, nothing to report in {len(result.verdict.findings)} findings"
    return f"{name}: {result.status}, {result.verdict.sentence}"


def rich_table(result: CheckResult, *, verbose: bool = True) -> Table:
    """Findings, worst first, with an icon as well as a colour; without `verbose` columns that are well are counted."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(headline(result)), title_justify="left", title_style="bold", expand=False)
    table.add_column("status", no_wrap=True)
    table.add_column("what", overflow="fold", max_width=_WIDEST_SUBJECT)
    table.add_column("finding", overflow="fold")
    findings = worst_first(result.verdict.findings)
    for same in by_subject(findings if verbose else shortened(findings)):
        finding = same[0]
        icon, word, _ = standing_of(finding)
        style = COLOURS[finding.status] if finding.status is not Status.OK else None
        told = (f"{icon} {word}", finding.subject, "\n".join(one.sentence for one in same))
        table.add_row(*(escape(text) for text in told), style="dim" if is_quiet(finding) else style)
    table.caption = escape(_caption(result))
    table.caption_justify = "left"
    return table


def _caption(result: CheckResult) -> str:
    """Which rows it is about, and what to do about the worst finding."""
    from .page.advice import next_step

    findings = worst_first(result.verdict.findings)
    step = next_step(findings[0]) if findings else ""
    window = "" if result.window is None else f"{window_told(result.window)} (UTC)"
    return "\n".join(line for line in (window, f"Next: {step}" if step else "") if line)


def shortened(findings: Sequence[Finding]) -> list[Finding]:
    """All but the columns that are well; these as one line."""
    features = [finding for finding in findings if _is_well(finding) and "feature" in finding.measurements[0].labels]
    rest = [finding for finding in findings if finding not in features]
    concerning = {finding.subject for finding in rest}
    quiet = {finding.subject for finding in features} - concerning
    if not quiet:
        return rest
    told = f"{len(quiet)} column{'s are' if len(quiet) > 1 else ' is'} as in the reference"
    return [*rest, Finding(Status.OK, "columns", told)]


def _is_well(finding: Finding) -> bool:
    return finding.status is Status.OK and bool(finding.measurements)


def plain(result: CheckResult) -> dict[str, Any]:
    """Dicts, lists, strings and numbers; an undefined number is null beside its reason."""
    from .page.advice import next_step

    window = result.window
    return {
        "model": result.model,
        "version": result.version,
        "status": result.status.value,
        "window": None
        if window is None
        else {
            "start": iso_time(window.start_us),
            "end": iso_time(window.end_us),
            "rows": window.rows,
            "source": window.source,
        },
        "findings": [
            {
                "status": finding.status.value,
                "subject": finding.subject,
                "sentence": finding.sentence,
                "judged": finding.is_judged,
                "next_step": next_step(finding),
            }
            for finding in worst_first(result.verdict.findings)
        ],
        "failures": [attrs.asdict(failure) for failure in result.verdict.failures],
        "measurements": [plain_measurement(measurement) for measurement in result.measurements],
        "alerts": [
            {
                "fingerprint": alert.fingerprint,
                "rule": alert.rule,
                "state": alert.state.value,
                "severity": alert.severity.value,
                "summary": alert.summary,
            }
            for alert in result.alerts
        ],
    }


def plain_measurement(measurement: Measurement) -> dict[str, Any]:
    """One measurement as JSON holds it."""
    value = measurement.value
    return {
        "name": measurement.name,
        "labels": dict(measurement.labels),
        "value": value.number,
        "reason": value.reason,
        "interval": None if value.interval is None else list(value.interval),
        "samples": value.samples,
        "details": dict(measurement.details),
    }
