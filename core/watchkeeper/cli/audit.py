"""``audit``: who changed what, in a chain that shows when something was taken out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

app = typer.Typer(help="The audit log: who changed what.", no_args_is_help=True)
After = Annotated[int, typer.Option(help="Only entries with a number above this.")]


@app.command("show")
def show_entries(config: ConfigPath = DEFAULT_CONFIG, after: After = 0, as_json: AsJson = False) -> None:
    """The entries, oldest first, each checked against the one before."""
    from .version_tables import audit_table

    with opened(config) as watch:
        entries = list(watch.registry.audit(after))
    if as_json:
        show_json([{"number": one.number, "digest": one.digest, **one.body} for one in entries])
    else:
        show(audit_table(entries))


@app.command()
def export(config: ConfigPath = DEFAULT_CONFIG, after: After = 0) -> None:
    """Every entry as a line of JSON with its place in the chain, so that anybody can recompute it."""
    with opened(config) as watch:
        for one in watch.registry.audit(after):
            told = {"number": one.number, "previous": one.previous, "digest": one.digest, "body": dict(one.body)}
            typer.echo(json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


@app.command()
def checkpoint(
    key: Annotated[Path, typer.Option(help="The private key, as `models keygen` writes it.")],
    signer: Annotated[str, typer.Option("--as", help="Whose key it is, as the trust store knows them.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Sign the head of the log; keep what is printed where those who can write to the store cannot."""
    from watchkeeper.registry.envelopes import SigningKey

    read = SigningKey.read(key, signer)
    with opened(config) as watch:
        show_json(watch.registry.checkpoints.make(read))


@app.command()
def verify(
    config: ConfigPath = DEFAULT_CONFIG,
    checkpoint: Annotated[Path | None, typer.Option(help="A checkpoint that the log must still agree with.")] = None,
) -> None:
    """Recompute the whole chain; a broken one is an error that names the entry."""
    with opened(config) as watch:
        count = sum(1 for _ in watch.registry.audit())
        told = ""
        if checkpoint is not None:
            found = watch.registry.checkpoints.verify(_envelope(checkpoint))
            told = f", and the first {found.entries} are those that {found.signer} signed"
    say(f"{count} entries, the chain is whole{told}")


def _envelope(path: Path) -> dict[str, object]:
    from watchkeeper.domain.errors import DataError
    from watchkeeper.registry.envelopes import envelope_of

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return envelope_of(text, str(path))
