"""``deploy``: how a version takes over from another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from watchkeeper.registry.deployments import Deployment, MetricCheck, Plan

app = typer.Typer(help="Deployments: how a version takes over from another.", no_args_is_help=True)
Ref = Annotated[str, typer.Argument(help="The version that takes over: name@1.4.0, name@staging.")]
Model = Annotated[str, typer.Argument(help="The model's name.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why, for the audit log.")]
Conditions = Annotated[
    list[str] | None,
    typer.Option("--check", help='A measurement and when it is good: "accuracy >= 0.8"; may be given again.'),
]
Failures = Annotated[
    list[str] | None,
    typer.Option("--fail", help='When it is bad: "accuracy < 0.7"; between the two it pauses. May be given again.'),
]


@app.command()
def start(
    ref: Ref,
    strategy: Annotated[str, typer.Option(help="canary, blue-green or shadow.")] = "canary",
    weights: Annotated[str, typer.Option(help="A canary's shares in order.")] = "0.05,0.2,0.5",
    pause: Annotated[str | None, typer.Option(help="How long each step waits: 10m; without, for `resume`.")] = None,
    check: Conditions = None,
    fail: Failures = None,
    min_samples: Annotated[int, typer.Option(help="Rows that a measurement needs.")] = 30,
    reason: Reason = "",
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Begin a deployment; `watchkeeper run` and `deploy advance` move it on."""
    plan = _plan(strategy, weights, pause, _checks(check or [], fail or [], min_samples))
    with opened(config) as watch:
        deployment = watch.registry.deployments.start(ref, plan, reason=reason)
    if as_json:
        _show((deployment,), as_json=True)
    say(f"{deployment.events[-1]}; {len(deployment.plan.steps)} steps")
    if not check and not fail:
        say('nothing is analysed: no measurement can stop it; name some by --check "accuracy >= 0.8"')


@app.command()
def advance(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Move every deployment on as far as the measurements let it."""
    with opened(config) as watch:
        found = watch.advance_deployments()
    _show(found, as_json=as_json)


@app.command()
def status(
    model: Annotated[str | None, typer.Argument(help="The model's name; all that are under way when left out.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Where a deployment stands, and what it has seen; without a model, all that are under way."""
    with opened(config) as watch:
        deployments = watch.registry.deployments
        found = deployments.open() if model is None else (deployments.status(model),)
    _show(found, as_json=as_json)
    if not as_json and model is not None:
        for event in found[0].events:
            show(f"  {event}")


@app.command()
def pause(model: Model, reason: Reason = "", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Stop where it is; the weights stay."""
    with opened(config) as watch:
        _say(watch.registry.deployments.pause(model, reason), as_json=as_json)


@app.command()
def resume(model: Model, reason: Reason = "", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Go on where it is."""
    with opened(config) as watch:
        _say(watch.registry.deployments.resume(model, reason), as_json=as_json)


@app.command()
def promote(model: Model, reason: Reason = "", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Skip what is left and promote; required checks, approvals and signatures still hold."""
    with opened(config) as watch:
        _say(watch.registry.deployments.promote(model, reason), as_json=as_json)


@app.command()
def abort(model: Model, reason: Reason = "", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Give up: the new version's weight is 0 at once."""
    with opened(config) as watch:
        _say(watch.registry.deployments.abort(model, reason), as_json=as_json)


def _plan(strategy: str, weights: str, pause: str | None, checks: list[MetricCheck]) -> Plan:
    from watchkeeper.domain.spans import Duration
    from watchkeeper.registry.deployments import blue_green, canary, shadow

    seconds = None if pause is None else Duration.parse(pause).us / 1e6
    if strategy == "canary":
        try:
            shares = [float(weight) for weight in weights.split(",")]
        except ValueError:
            raise typer.BadParameter(f"{weights!r} is no list of shares such as 0.05,0.2,0.5") from None
        return canary(shares, checks, pause_seconds=seconds)
    if strategy == "blue-green":
        return blue_green(checks, checks, needs_approval=pause is None)
    if strategy == "shadow":
        return shadow(checks, seconds=seconds or 0.0)
    raise typer.BadParameter(f"{strategy!r} is none of canary, blue-green, shadow", param_hint="--strategy")


def _checks(good: list[str], bad: list[str], min_samples: int) -> list[MetricCheck]:
    from watchkeeper.registry.deployments import MetricCheck

    success, failure = _by_metric(good), _by_metric(bad)
    return [
        MetricCheck(metric=metric, success=success.get(metric), failure=failure.get(metric), min_samples=min_samples)
        for metric in {**success, **failure}
    ]


def _by_metric(conditions: list[str]) -> dict[str, str]:
    found = {}
    for text in conditions:
        # at the last sign: a label may hold spaces and signs of its own, as in missing_share{feature=a <b}
        parts = re.fullmatch(r"\s*(.*\S)\s*((?:<=|>=|<|>)[^<>]*?)\s*", text)
        if parts is None:
            raise typer.BadParameter(f"{text!r} is no condition such as 'accuracy >= 0.8'")
        found[parts[1]] = parts[2]
    return found


def _say(deployment: Deployment, *, as_json: bool) -> None:
    if as_json:
        _show((deployment,), as_json=True)
    say(f"{deployment.candidate}: {deployment.phase}, weight {deployment.weight:.4g}; {deployment.events[-1]}")


def _show(deployments: tuple[Deployment, ...], *, as_json: bool) -> None:
    if as_json:
        import attrs

        show_json([attrs.asdict(one) for one in deployments])
        return
    from .version_tables import folding

    table = folding("deployment", "strategy", "phase", "step", "weight", "instead of", "why")
    for one in deployments:
        step = f"{min(one.at + 1, len(one.plan.steps))} of {len(one.plan.steps)}"
        why = ": ".join(part for part in (one.pause, one.reason) if part)
        row = (one.candidate, one.plan.strategy, one.phase, step, f"{one.weight:.4g}", one.stable or "", why)
        table.add_row(*row)
    show(table)
