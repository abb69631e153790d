"""``audit``: who changed what, in a chain that shows when something was taken out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from watchkeeper.contracts.storage import LoggedEntry

app = typer.Typer(help="The audit log: who changed what.", no_args_is_help=True)
After = Annotated[int, typer.Option(help="Only entries with a number above this.")]


@app.command("show")
def show_entries(config: ConfigPath = DEFAULT_CONFIG, after: After = 0, as_json: AsJson = False) -> None:
    """The entries, oldest first, each checked against the one before."""
    from .version_tables import audit_table

    with opened(config) as watch:
        entries = list(watch.registry.audit(after))
    if as_json:
        show_json([_told(one) for one in entries])
    else:
        show(audit_table(entries))


@app.command()
def export(config: ConfigPath = DEFAULT_CONFIG, after: After = 0) -> None:
    """Every entry as a line of JSON with its place in the chain, so that anybody can recompute it."""
    with opened(config) as watch:
        for one in watch.registry.audit(after):
            typer.echo(json.dumps(_told(one), sort_keys=True, separators=(",", ":"), ensure_ascii=False))


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
    as_json: AsJson = False,
) -> None:
    """Recompute the whole chain; a broken one is an error that names the entry."""
    with opened(config) as watch:
        count, head = 0, ""
        for one in watch.registry.audit():
            count, head = one.number, one.digest
        found = None if checkpoint is None else watch.registry.checkpoints.verify(_envelope(checkpoint))
    if as_json:
        signed = None if found is None else {"entries": found.entries, "signer": found.signer}
        show_json({"entries": count, "head": head, "checkpoint": signed})
    told = "" if found is None else f", and the first {found.entries} are those that {found.signer} signed"
    say(f"{count} entries, the chain is whole{told}")


def _told(entry: LoggedEntry) -> dict[str, object]:
    return {"number": entry.number, "previous": entry.previous, "digest": entry.digest, "body": dict(entry.body)}


def _envelope(path: Path) -> dict[str, object]:
    from watchkeeper.domain.errors import DataError
    from watchkeeper.registry.envelopes import envelope_of

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return envelope_of(text, str(path))
