"""``models report`` and ``models bom``: what can be shown to somebody who asks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, ConfigPath, say, show_json

Out = Annotated[Path | None, typer.Option(help="A file to write; the standard output when left out.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(report)
    app.command()(bom)


def report(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of an HTML page.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """The compliance report: inventory, SR 11-7, EU AI Act Annex IV; what is not known says NOT PROVIDED."""
    import json

    from watchkeeper.registry.report import report_json
    from watchkeeper.registry.report_page import report_page

    with opened(config) as watch:
        found = watch.compliance_report(model)
    text = json.dumps(report_json(found), indent=2, ensure_ascii=False) + "\n" if as_json else report_page(found)
    _write(text, out)


def bom(
    ref: Annotated[str, typer.Argument(help="A version: name@1.4.0, name@production.")],
    out: Out = None,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """A version's bill of materials, CycloneDX 1.6 in JSON."""
    import json

    from watchkeeper.registry.bill_of_materials import bill_of_materials

    with opened(config) as watch:
        found = bill_of_materials(watch.registry.get(ref))
    if out is None:
        show_json(found)
    else:
        _write(json.dumps(found, indent=2, ensure_ascii=False) + "\n", out)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    from watchkeeper.domain.errors import DataError

    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error}") from error
    say(f"wrote {out}")
