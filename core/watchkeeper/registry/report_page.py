"""The compliance report as one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import Final

from .report import NOT_PROVIDED, Item, Report, Section

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 2px solid #1a1a1a; }
h3 { font-size: 1.05rem; margin-top: 1.5rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #ddd; }
th { width: 16rem; font-weight: 600; } td { white-space: pre-wrap; overflow-wrap: anywhere; }
small { color: #555; font-weight: 400; display: block; }
.missing { color: #8a1c00; font-weight: 600; }
@media print { body { margin: 0; max-width: none; } h2 { break-before: page; } }
"""


def report_page(report: Report) -> str:
    """The page; everything that came from outside is escaped."""
    parts = "\n".join(
        f"<h2>{escape(name)}</h2>\n" + "\n".join(_section(section) for section in sections)
        for name, sections in report.parts
    )
    missing = sum(item.value is None for _, sections in report.parts for section in sections for item in section.items)
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(report.title)}</title><style>{_STYLE}</style></head>
<body>
<h1>{escape(report.title)}</h1>
<p>About <strong>{escape(report.subject)}</strong>, made {escape(report.made)} from the registry's own records.
{missing} items say {NOT_PROVIDED}: nobody has provided them, and nothing was made up in their place.</p>
{parts}
</body>
</html>
"""


def _section(section: Section) -> str:
    rows = "\n".join(_row(item) for item in section.items)
    return f"<h3>{escape(section.title)}</h3>\n<table>\n{rows}\n</table>"


def _row(item: Item) -> str:
    value = f'<span class="missing">{NOT_PROVIDED}</span>' if item.value is None else escape(item.value)
    return f"<tr><th>{escape(item.label)}<small>{escape(item.source)}</small></th><td>{value}</td></tr>"
