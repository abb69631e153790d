"""``models``: versions, their stages and their artifacts."""

from __future__ import annotations

from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

app = typer.Typer(help="Registered versions and their stages.", no_args_is_help=True)
Ref = Annotated[str, typer.Argument(help="A version: name@1.4.0, name@production or name@latest.")]


@app.command("list")
def list_versions(
    model: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Every version, the latest first."""
    from rich.table import Table

    from watchkeeper.domain.window import iso_time

    with opened(config) as watch:
        names = [model] if model else list(watch.registry.models())
        versions = [version for name in names for version in watch.registry.versions(name)]
    if as_json:
        show_json(
            [{"ref": one.ref, "stage": one.stage, "format": one.format, "digest": one.digest} for one in versions]
        )
        return
    table = Table("version", "stage", "format", "bytes", "created", "by", "metrics")
    for one in versions:
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in one.metrics.items())
        created = iso_time(one.created_us)
        table.add_row(one.ref, one.stage, one.format, f"{one.size:,}", created, one.created_by, metrics)
    show(table)


@app.command("show")
def show_version(ref: Ref, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Everything that is known of one version."""
    import attrs
    from rich.table import Table

    with opened(config) as watch:
        version = watch.registry.get(ref)
    known = {**attrs.asdict(version), "number": str(version.number)}
    if as_json:
        show_json(known)
        return
    table = Table("field", "value", title=version.ref)
    for name, value in known.items():
        table.add_row(
            name, "\n".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)
        )
    show(table)


@app.command()
def promote(
    ref: Ref,
    stage: Annotated[str, typer.Argument(help="staging, production or retired.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Move a version to its next stage; the one that was in production retires in the same commit."""
    from watchkeeper.domain.model import Stage

    try:
        wanted = Stage(stage)
    except ValueError:
        raise typer.BadParameter(f"{stage!r} is none of {', '.join(Stage)}", param_hint="STAGE") from None
    with opened(config) as watch:
        version = watch.registry.promote(ref, wanted)
    say(f"{version.ref} is in {version.stage}")


@app.command()
def verify(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check every version's record and bytes, and the audit log's chain; exit code 1 when something is wrong."""
    with opened(config) as watch:
        verdict = watch.registry.verify()
    if as_json:
        show_json({"status": verdict.status, "findings": [finding.sentence for finding in verdict.findings]})
    else:
        for finding in verdict.findings:
            show(f"{finding.status}  {finding.sentence}")
    if verdict.status != "OK":
        raise typer.Exit(1)
