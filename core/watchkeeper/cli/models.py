"""``models``: versions, their stages, their family and their artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from . import evidence, exchange, signing
from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json, width

if TYPE_CHECKING:
    from watchkeeper.domain.model import Version

app = typer.Typer(help="Registered versions and their stages.", no_args_is_help=True)
Ref = Annotated[str, typer.Argument(help="A version: name@1.4.0, name@production, an alias, or name@latest.")]
Model = Annotated[str, typer.Argument(help="The model's name.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why, for the history and the audit log.")]


@app.command("list")
def list_versions(
    model: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Every version, the latest first."""
    from watchkeeper.domain.window import iso_time

    from .version_tables import versions_table

    aliases: dict[str, list[str]] = {}
    with opened(config) as watch:
        names = [model] if model else list(watch.registry.models())
        lines = [line for name in names for line in watch.registry.lines(name)]
        for name in names:
            for alias, ref in sorted(watch.registry.aliases.of(name).items()):
                aliases.setdefault(ref, []).append(alias)
    if not as_json:
        show(versions_table(lines, aliases, width()))
        return
    show_json(
        [
            {
                "ref": one.ref,
                "stage": one.stage,
                "aliases": aliases.get(one.ref, []),
                "format": one.format,
                "digest": one.digest,
                "size": one.size,
                "created": iso_time(one.created_us),
                "created_by": one.created_by,
                "metrics": one.metrics,
            }
            for one in lines
        ]
    )


@app.command("show")
def show_version(ref: Ref, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Everything that is known of one version."""
    import attrs

    from .version_tables import facts_table, plain_version

    with opened(config) as watch:
        version = watch.registry.get(ref)
        aliases = watch.registry.aliases.of(version.model)
        checks = watch.registry.guards.checks(ref)
        approvals = watch.registry.guards.approvals(ref)
        holds = watch.registry.holds.of(ref)
    known = plain_version(version)
    known["aliases"] = sorted(alias for alias, its in aliases.items() if its == version.ref)
    known |= {"checks": [attrs.asdict(one) for one in checks], "approvals": [attrs.asdict(one) for one in approvals]}
    known["holds"] = [attrs.asdict(one) for one in holds]
    if as_json:
        show_json(known)
    else:
        show(facts_table(version.ref, known))


@app.command()
def promote(
    ref: Ref,
    stage: Annotated[str, typer.Argument(help="staging, production or retired.")],
    config: ConfigPath = DEFAULT_CONFIG,
    reason: Reason = "",
    expect: Annotated[
        int | None, typer.Option(help="Refuse if the model has changed since this generation of its history.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Move a version to its next stage; the one that was in production retires in the same commit."""
    from watchkeeper.domain.model import Stage

    try:
        wanted = Stage(stage)
    except ValueError:
        raise typer.BadParameter(f"{stage!r} is none of {', '.join(Stage)}", param_hint="STAGE") from None
    with opened(config) as watch:
        version = watch.registry.promote(ref, wanted, expect=expect, reason=reason)
    _told(version, f"{version.ref} is in {version.stage}", as_json=as_json)


@app.command()
def rollback(
    model: Model,
    to: Annotated[str | None, typer.Option(help="This version; the one before when left out.")] = None,
    reason: Reason = "",
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Put the version that was in production before back there, after checking that it can be loaded."""
    with opened(config) as watch:
        version = watch.registry.rollback(model, to=to, reason=reason)
    _told(version, f"{version.ref} is in {version.stage} again", as_json=as_json)


@app.command()
def retire(model: Model, reason: Reason = "", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Take a model out of production without a successor."""
    with opened(config) as watch:
        version = watch.registry.retire(model, reason=reason)
    _told(version, f"{version.ref} is retired; no version of {model} is in production now", as_json=as_json)


@app.command()
def delete(ref: Ref, reason: Reason = "", config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Delete a version that nobody needs; its bytes go with the next `gc`."""
    with opened(config) as watch:
        version = watch.registry.delete(ref, reason=reason)
    _told(version, f"{version.ref} is deleted; its number is never given again", as_json=as_json)


@app.command()
def alias(
    ref: Ref,
    name: Annotated[str, typer.Argument(help="The alias, such as champion.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Point an alias at a version."""
    with opened(config) as watch:
        version = watch.registry.aliases.set(ref, name)
    say(f"{version.model}@{name} is {version.ref}")


@app.command()
def approve(
    ref: Ref,
    note: Annotated[str, typer.Option("--note", "-m", help="What to note.")] = "",
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Approve a version for production."""
    with opened(config) as watch:
        approval = watch.registry.guards.approve(ref, note)
    say(f"{approval.by} approved {ref}")


@app.command()
def check(
    ref: Ref,
    name: Annotated[str, typer.Argument(help="What was checked, such as backtest.")],
    passed: Annotated[bool, typer.Option("--passed/--failed", help="How it went.")],
    evidence: Annotated[str, typer.Option(help="Where to see it: a number, a file, a link.")] = "",
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Record the outcome of a check."""
    with opened(config) as watch:
        watch.registry.guards.record_check(ref, name, passed=passed, evidence=evidence)
    say(f"{ref}: {name} {'passed' if passed else 'failed'}")


@app.command()
def history(model: Model, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Every change of stage: who moved what when, and why."""
    from watchkeeper.domain.window import iso_time

    from .version_tables import history_table

    with opened(config) as watch:
        changes = watch.registry.history(model)
    if as_json:
        show_json(
            [
                {
                    "generation": one.generation,
                    "ref": one.ref,
                    "kind": one.kind,
                    "before": one.before,
                    "after": one.after,
                    "at": iso_time(one.at_us),
                    "by": one.by,
                    "replaced": None if one.replaced is None else str(one.replaced),
                    "reason": one.reason,
                }
                for one in changes
            ]
        )
        return
    show(history_table(changes))


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


@app.command()
def lineage(ref: Ref, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """What a version comes from, and what was made from it."""
    with opened(config) as watch:
        family = watch.registry.lineage(ref)
    if as_json:
        show_json({"ref": family.ref, "edges": family.edges, "deleted": sorted(family.deleted)})
        return
    if not family.edges:
        show(f"{family.ref} has no parents and no children")
    for parent, child in family.edges:
        gone = " (deleted)" if parent in family.deleted else ""
        show(f"{parent}{gone} -> {child}{' (deleted)' if child in family.deleted else ''}")


@app.command()
def diff(before: Ref, after: Ref, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """What is different between two versions."""
    from .version_tables import folding

    with opened(config) as watch:
        found = watch.registry.diff(before, after)
    if as_json:
        show_json([{"field": one.field, "before": one.before, "after": one.after} for one in found])
        return
    table = folding("field", before, after)
    for one in found:
        table.add_row(one.field, str(one.before), str(one.after))
    show(table)


@app.command()
def gc(
    keep: Annotated[int | None, typer.Option(help="Versions to keep of each model, the newest first.")] = None,
    older_than: Annotated[str | None, typer.Option(help="Versions registered longer ago than this: 90d.")] = None,
    max_bytes: Annotated[int | None, typer.Option(help="Bytes of all artifacts together.")] = None,
    delete_them: Annotated[bool, typer.Option("--delete", help="Do it; without this, only tell.")] = False,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Throw away versions that nobody needs, and bytes that no version names."""
    from watchkeeper.domain.spans import Duration
    from watchkeeper.registry.cleanup import Limits

    max_age_us = None if older_than is None else Duration.parse(older_than).us
    with opened(config) as watch:
        done = watch.registry.cleanup.collect(
            Limits(keep=keep, max_age_us=max_age_us, max_bytes=max_bytes), dry_run=not delete_them
        )
    if as_json:
        show_json(
            {
                "dry_run": done.is_dry_run,
                "versions": done.versions,
                "blobs": done.blobs,
                "freed_bytes": done.freed_bytes,
                "can_sweep": done.can_sweep,
            }
        )
        return
    for ref in done.versions:
        show(ref)
    verb = "would go; --delete does it" if done.is_dry_run else "are gone"
    say(f"{len(done.versions)} versions and {len(done.blobs)} blobs of {done.freed_bytes:,} bytes {verb}")
    if not done.can_sweep:
        say("this store cannot remove blobs: versions go, their bytes stay")


def _told(version: Version, sentence: str, *, as_json: bool) -> None:
    """What was done: as talk, and for a program the version as it is now."""
    if as_json:
        from .version_tables import plain_version

        show_json(plain_version(version))
    say(sentence)


signing.add_to(app)
evidence.add_to(app)
exchange.add_to(app)
