"""``notify``: whether those who shall be told can be reached."""

from __future__ import annotations

from typing import Annotated

import typer

from .opening import opened
from .output import DEFAULT_CONFIG, ConfigPath, say, show

app = typer.Typer(help="Notifiers: whether those who shall be told can be reached.", no_args_is_help=True)


@app.command("test")
def send_test(
    notifier: Annotated[str, typer.Argument(help="The notifier's name in the configuration.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Send one notification that says it is a test; exit code 1 when it is not accepted.

    Where it would stay open, such as an incident, its end follows at once.
    """
    from watchkeeper.domain.alert import Delivery

    with opened(config) as watch:
        result = watch.try_out(notifier)
    if not isinstance(result, Delivery):
        say(f"not delivered to {notifier}: {result.error}")
        raise typer.Exit(1)
    show(f"delivered to {notifier}" + (f": {result.detail}" if result.detail else ""))
