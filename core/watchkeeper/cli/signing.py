"""``models sign`` and ``models keygen``: who vouches for a version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

Ref = Annotated[str, typer.Argument(help="A version: name@1.4.0, name@production, an alias, or name@latest.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(keygen)
    app.command()(sign)
    app.command()(signatures)
    app.command()(token)


def keygen(path: Annotated[Path, typer.Argument(help="Where to write the private key; must not exist yet.")]) -> None:
    """Make a key to sign with; the public half goes to stdout, for a table `signers.NAME`."""
    from watchkeeper.registry.envelopes import new_key

    show(new_key(path))
    say(f"wrote the private key to {path}; whoever has it can sign as you")


def sign(
    ref: Ref,
    key: Annotated[Path, typer.Option(help="The private key, as `models keygen` writes it.")],
    signer: Annotated[str, typer.Option("--as", help="Whose key it is, as the trust store knows them.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Sign a version: its record and its bytes."""
    from watchkeeper.registry.envelopes import SigningKey

    read = SigningKey.read(key, signer)
    with opened(config) as watch:
        watch.registry.signatures.sign(ref, read)
    say(f"{signer} signed {ref} with the key {read.public}")


def signatures(ref: Ref, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Who signed a version, and whether the trust store knows them."""
    import attrs

    from .version_tables import folding, minute

    with opened(config) as watch:
        found = watch.registry.signatures.of(ref)
    if as_json:
        show_json([attrs.asdict(one) for one in found])
        return
    table = folding("signer", "key", "at", "trusted")
    for one in found:
        table.add_row(one.signer, one.key_id, minute(one.at_us), "yes" if one.is_trusted else "no")
    show(table)


def token(
    name: Annotated[str, typer.Argument(help="Whose it is: the name to act under.")], as_json: AsJson = False
) -> None:
    """Make a token that proves who acts; it goes to stdout, and what the configuration keeps of it is told."""
    from watchkeeper.app.identity import TOKEN_VARIABLE, new_token, token_digest

    made = new_token()
    if as_json:
        show_json({"name": name, "token": made, "sha256": token_digest(made)})
    else:
        show(made)
    say(f'give it to {name} as {TOKEN_VARIABLE}, and add to watchkeeper.toml:\n\n[identities."{name}"]')
    say(f'sha256 = "{token_digest(made)}"')
