"""``explain``: why a model answers as it does."""

from __future__ import annotations

from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, show, show_json


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    model: Annotated[str, typer.Argument(help="The model; its version in production is explained, or the latest.")],
    config: ConfigPath = DEFAULT_CONFIG,
    explainer: Annotated[str, typer.Option(help="The explainer plugin.")] = "surrogate",
    as_json: AsJson = False,
) -> None:
    """Which features drive the predictions of the latest window, and how faithful that explanation is."""
    from rich.table import Table

    with opened(config) as watch:
        found = watch.explain(model, explainer=explainer)
    fidelity = found.fidelity
    told = f"{fidelity.number:.3f}" if fidelity.number is not None else f"undefined: {fidelity.reason}"
    if as_json:
        show_json(
            {
                "model": model,
                "method": found.method,
                "base": found.base,
                "importance": found.importance,
                "fidelity": fidelity.number,
                "fidelity_reason": fidelity.reason,
                "rows": len(found.attributions),
            }
        )
        return
    table = Table("feature", "mean absolute attribution", title=f"{model}: {found.method}, fidelity R² {told}")
    for feature, size in found.importance.items():
        table.add_row(feature, f"{size:.4g}")
    show(table)
