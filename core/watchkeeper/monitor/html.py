"""A check's result as HTML: a card for notebooks, and one self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from watchkeeper.domain.plural import counted
from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.domain.window import told_time

from .page import sections
from .page.advice import next_step
from .page.illustration import Illustration
from .page.style import PAGE_STYLE, STYLE
from .rendering import (
    ICONS,
    by_subject,
    called_model,
    headline,
    is_quiet,
    shortened,
    standing_of,
    window_told,
    worst_first,
)

if TYPE_CHECKING:
    from .result import CheckResult


def card(result: CheckResult) -> str:
    """The verdict and the findings that are not well, what is well counted: small, for a notebook."""
    findings = worst_first(result.verdict.findings)
    return f'<style>{STYLE}</style><div class="wk">{_verdict(result)}{_table(shortened(findings))}</div>'


def page(results: Sequence[CheckResult]) -> str:
    """One page of all results, the worst model first; it needs nothing from elsewhere."""
    ordered = [one for status in _STATUSES for one in results if one.status is status]
    title = headline(ordered[0]) if len(ordered) == 1 else f"{counted(len(ordered), 'model')}: {ordered[0].status}"
    bodies = "".join(f'<main class="wk">{_model(one)}</main>' for one in ordered)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<style>{STYLE}{PAGE_STYLE}</style></head><body>{bodies}</body></html>"
    )


_STATUSES = (Status.ALERT, Status.UNKNOWN, Status.WARN, Status.OK)


def _model(result: CheckResult) -> str:
    drawn = result.illustration or Illustration()
    findings = worst_first(result.verdict.findings)
    concerning = [finding for finding in findings if finding.status is not Status.OK]
    quiet = [finding for finding in findings if finding.status is Status.OK]
    parts = [_verdict(result), _facts(result, drawn)]
    if concerning:
        parts.append(f"<section><h2>What is not well</h2>{_table(concerning)}</section>")
    parts += [sections.performance(result, drawn), sections.drift(result, drawn)]
    if quiet:
        measured = sum(is_quiet(finding) for finding in quiet)
        told = f"{counted(len(quiet) - measured, 'thing')} as usual"
        told += f", {measured} measured and not judged" if measured else ""
        parts.append(f"<details><summary>{told}</summary>{_table(quiet)}</details>")
    return "".join([*parts, sections.measurements(result)])


def _verdict(result: CheckResult) -> str:
    """Who, how, what happened, and what to do."""
    findings = worst_first(result.verdict.findings)
    happened = findings[0].sentence if findings and findings[0].status is not Status.OK else "nothing to report"
    step = next_step(findings[0]) if findings else ""
    advice = f'<p class="lead"><strong>Next:</strong> {escape(step)}</p>' if step else ""
    return (
        f'<div class="verdict {result.status}"><h1>{_badge(result.status, result.status.value)} '
        f'{escape(called_model(result))}</h1><p class="lead">{escape(happened)}</p>{advice}</div>'
    )


def _facts(result: CheckResult, drawn: Illustration) -> str:
    facts = [("model", result.model), ("version", result.version or "not told")]
    if result.window is not None:
        facts.append(("window (UTC)", window_told(result.window)))
    if drawn.since_us:
        facts.append((f"{result.status} since (UTC)", told_time(drawn.since_us)))
    facts += [(title, told) for name, title, form in _COUNTED if (told := _number(result, name, form))]
    if drawn.budget:
        facts.append(("false alarms allowed", drawn.budget))
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(told)}</dd></div>" for name, told in facts)
    return f"<dl>{rows}</dl>"


_COUNTED = (
    ("labelled", "with an outcome", "{:,.0f} rows"),
    ("drift_share", "columns drifted", "{:.0%}"),
    ("quality_score", "data quality", "{:.0f} of 100"),
)


def _number(result: CheckResult, name: str, form: str) -> str:
    """The number of the window as a whole; "" when there is none."""
    found = next((one for one in result.measurements if one.name == name and not one.labels), None)
    return "" if found is None or found.value.number is None else form.format(found.value.number)


def _table(findings: Sequence[Finding]) -> str:
    rows = "".join(_findings_row(same) for same in by_subject(findings))
    return (
        '<table class="stack"><thead><tr><th scope="col">status</th><th scope="col">what</th>'
        f'<th scope="col">finding</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _findings_row(findings: Sequence[Finding]) -> str:
    """What is said of one thing, each in a line."""
    icon, word, look = standing_of(findings[0])
    told = "<br>".join(escape(finding.sentence) for finding in findings)
    return (
        f'<tr><td class="status {look}"><span class="icon" aria-hidden="true">{icon}</span> {word}</td>'
        f'<td class="what">{escape(findings[0].subject)}</td><td>{told}</td></tr>'
    )


def _badge(status: Status, word: str) -> str:
    icon = f'<span class="icon" aria-hidden="true">{ICONS[status]}</span>'
    return f'<span class="status {status}">{icon} {escape(word)}</span>'
