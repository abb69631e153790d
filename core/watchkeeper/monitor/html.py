"""A check's result as HTML: a card for notebooks, and one self-contained page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.plural import counted
from watchkeeper.domain.verdict import Finding, Status

from .rendering import ICONS, headline, shortened, worst_first

if TYPE_CHECKING:
    from .result import CheckResult

_COLOURS = {Status.OK: "#1a7f37", Status.WARN: "#9a6700", Status.ALERT: "#cf222e", Status.UNKNOWN: "#8250df"}
_STYLE = """
.wk { font: 14px/1.45 system-ui, sans-serif; color: #1f2328; max-width: 72rem; }
.wk h1 { font-size: 1.2rem; margin: .2rem 0; } .wk h2 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.wk table { border-collapse: collapse; width: 100%; } .wk td, .wk th { text-align: left; padding: .25rem .6rem;
border-bottom: 1px solid #d1d9e0; vertical-align: top; } .wk td.number { text-align: right;
font-variant-numeric: tabular-nums; } .wk .quiet { color: #59636e; }
@media print { .wk { max-width: none; } }
@media (prefers-color-scheme: dark) { .wk { color: #f0f6fc; background: #0d1117; } .wk td, .wk th
{ border-color: #3d444d; } .wk .quiet { color: #9198a1; } }
"""


def card(result: CheckResult) -> str:
    """The headline and the findings."""
    rows = "".join(_finding_row(finding) for finding in shortened(worst_first(result.verdict.findings)))
    window = ""
    if result.window is not None:
        told = f"{counted(result.window.rows, 'row')}, {result.window} (UTC), from {result.window.source}"
        window = f'<p class="quiet">{escape(told)}</p>'
    return (
        f'<style>{_STYLE}</style><div class="wk"><h1>{_badge(result.status)} {escape(headline(result))}</h1>{window}'
        f"<table><thead><tr><th>status</th><th>what</th><th>finding</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def page(result: CheckResult) -> str:
    """Card and every measurement; needs nothing from elsewhere."""
    rows = "".join(_measurement_row(measurement) for measurement in result.measurements)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(headline(result))}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head><body>'
        f'{card(result)}<div class="wk"><h2>Measurements</h2><table><thead><tr><th>name</th><th>value</th>'
        f"<th>interval</th><th>samples</th><th>details</th></tr></thead><tbody>{rows}</tbody></table></div></body></html>"
    )


def _badge(status: Status) -> str:
    return f'<span style="color:{_COLOURS[status]}" title="{status}">{ICONS[status]}</span>'


def _finding_row(finding: Finding) -> str:
    return (
        f"<tr><td>{_badge(finding.status)} {finding.status}</td><td>{escape(finding.subject)}</td>"
        f"<td>{escape(finding.sentence)}</td></tr>"
    )


def _measurement_row(measurement: Measurement) -> str:
    value = measurement.value
    number = f"{value.number:.6g}" if value.number is not None else f"undefined: {value.reason}"
    interval = f"{value.interval[0]:.4g} to {value.interval[1]:.4g}" if value.interval else ""
    details = ", ".join(f"{name} {number:.4g}" for name, number in measurement.details.items())
    return (
        f'<tr><td>{escape(measurement.title)}</td><td class="number">{escape(number)}</td><td>{interval}</td>'
        f'<td class="number">{value.samples or ""}</td><td>{escape(details)}</td></tr>'
    )
