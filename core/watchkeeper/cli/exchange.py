"""``models register``, ``import-mlflow`` and ``export-mlflow``: models as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from watchkeeper.app import Watchkeeper
    from watchkeeper.domain.model import Version

Trust = Annotated[
    list[str] | None,
    typer.Option(
        help="A type in the file that may be built though it is none of the framework's own; may be given again."
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(register)
    app.command("import-mlflow")(import_mlflow)
    app.command("export-mlflow")(export_mlflow)


def register(
    path: Annotated[
        Path,
        typer.Argument(
            help="A file that the framework wrote: a skops archive, an ONNX model, XGBoost's JSON, a pickle."
        ),
    ],
    model: Annotated[str, typer.Argument(help="The model's name.")],
    format_name: Annotated[str, typer.Option("--format", help="The format that takes it over.")] = "sklearn",
    number: Annotated[str | None, typer.Option(help="The version's number; chosen by rule when left out.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="A metric as name=number; may be given again.")] = None,
    parent: Annotated[list[str] | None, typer.Option(help="A version that it comes from; may be given again.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; may be given again.")] = None,
    trust: Trust = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Register a file as a version, without running anything from it."""
    from watchkeeper.registry.artifacts import SavedModel

    metrics = dict(_measured(text) for text in metric or [])
    with opened(config) as watch:
        version = watch.registry.register(
            SavedModel(path, format_name, {}, trusted=tuple(trust or ())),
            model,
            number=number,
            metrics=metrics,
            parents=parent or (),
            tags=tag or (),
        )
        doubts = _doubts(watch, version)
    for doubt in doubts:
        say(f"WARNING: {doubt}")
    if as_json:
        from .version_tables import plain_version

        show_json(plain_version(version))
    else:
        show(version.ref)


def _doubts(watch: Watchkeeper, version: Version) -> list[str]:
    """What was registered all the same, and may not be what was meant."""
    from watchkeeper.domain.nearest import did_you_mean

    doubts = []
    if watch.models and version.model not in watch.models:
        near = did_you_mean(version.model, watch.models)
        doubts.append(f"no model of the configuration is called {version.model!r}, so nothing watches it{near}")
    runs_code = watch.registry.runs_code(version)
    if runs_code and not any(signer.may_run_code for signer in watch.config.signers.values()):
        doubts.append(
            f"{version.format} can run code when it is loaded: {version.ref} cannot reach production before a signer "
            "with may_run_code has signed it, and [signers] has none"
        )
    return doubts


def import_mlflow(
    database: Annotated[Path, typer.Argument(help="MLflow's SQLite database, such as mlflow.db.")],
    artifacts: Annotated[Path, typer.Option(help="The folder that its artifacts are in; nothing else is read.")],
    rename: Annotated[
        list[str] | None, typer.Option(help='A model under another name: "old name=new-name"; may be given again.')
    ] = None,
    trust: Trust = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Take over every version of an MLflow registry, with metrics, tags, stages and aliases; exit code 1 if not all."""
    from watchkeeper.registry.mlflow import imported

    names = dict(_pair(text) for text in rename or [])
    with opened(config) as watch:
        found = list(imported(watch.registry, database, artifacts, names, trusted=trust or ()))
    if as_json:
        show_json([{"source": one.source, "ref": one.ref, "problem": one.problem} for one in found])
    for one in () if as_json else found:
        show(f"{one.source} -> {one.ref or 'left out'}{f'  {one.problem}' if one.problem else ''}")
    say(f"{sum(one.ref is not None for one in found)} of {len(found)} versions are in the registry")
    if any(one.problem for one in found):
        raise typer.Exit(1)


def export_mlflow(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    into: Annotated[Path, typer.Argument(help="The folder to write to.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Write a model's versions as folders that MLflow reads; exit code 1 if some are not written."""
    from watchkeeper.registry.mlflow import exported

    with opened(config) as watch:
        found = list(exported(watch.registry, model, into))
    for one in found:
        show(f"{one.ref} -> {one.folder or 'left out'}{f'  {one.problem}' if one.problem else ''}")
    if any(one.problem for one in found):
        raise typer.Exit(1)


def _measured(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no metric such as auc=0.61", param_hint="--metric") from None


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise typer.BadParameter(f"{text!r} is no pair such as 'old name=new-name'", param_hint="--rename")
    return old, new
