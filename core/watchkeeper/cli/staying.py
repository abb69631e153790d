"""``run`` and ``serve``: processes that stay, until they are interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from .ending import Ending, ended_by_sigterm
from .heard import Heard
from .opening import opened
from .output import DEFAULT_CONFIG, ConfigPath, say, show

if TYPE_CHECKING:
    from watchkeeper.app import Watchkeeper
    from watchkeeper.domain.spans import Duration


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(serve)


def run(
    config: ConfigPath = DEFAULT_CONFIG,
    every: Annotated[
        str, typer.Option(help="How often to check models that have no `every` of their own: 30s, 15m, 1h.")
    ] = "15m",
    times: Annotated[int | None, typer.Option(help="Stop after so many rounds.", min=1)] = None,
) -> None:
    """Check every model again and again, as often as its `every` says, and deliver alerts, until interrupted.

    Ctrl-C ends it, and so does SIGTERM, after the model that is being checked; both with exit code 0. What cannot be
    delivered is said on standard error.
    """
    from watchkeeper.domain.spans import Duration

    pause = Duration.parse(every)
    with ended_by_sigterm() as ending, opened(config) as watch:
        say(f"{_checking(watch, pause)}; stop with Ctrl-C")
        with _told_when_stopped(ending):
            _rounds(watch, pause, times, ending)


def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    host: Annotated[
        str,
        typer.Option(
            help="The address to serve on; others than this machine's own take people in the table `identities`."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 for one that is free.", min=0, max=65_535)] = 8420,
    every: Annotated[
        str | None,
        typer.Option(help="Check models, too, as `run` does: those without an `every` of their own so often."),
    ] = None,
) -> None:
    """Serve alerts and silences over HTTP, and deliver alerts, until interrupted.

    Ctrl-C ends it, and so does SIGTERM, when what is being answered and sent is done; both with exit code 0. Needs the
    extra `server`.
    """
    from watchkeeper.domain.errors import WatchkeeperError
    from watchkeeper.domain.spans import Duration
    from watchkeeper.server.running import serving

    pause = None if every is None else Duration.parse(every)
    with (
        ended_by_sigterm() as ending,
        opened(config) as watch,
        serving(watch, host, port, ended=ending.set) as service,
    ):
        say(f"serving on {service.url}, {_callers(watch)}; stop with Ctrl-C")
        if pause is not None:
            say(_checking(watch, pause))
        with _told_when_stopped(ending):
            if pause is None:
                _deliver_until(watch, ending)
            else:
                _rounds(watch, pause, None, ending)
            if not service.is_running:
                raise WatchkeeperError("the HTTP service has ended by itself; the lines above say why")


def _checking(watch: Watchkeeper, pause: Duration) -> str:
    told = ", ".join(f"{name} every {model.every or pause}" for name, model in watch.config.models.items())
    return f"checking {told}"


def _callers(watch: Watchkeeper) -> str:
    """Whom the service knows."""
    if watch.config.identities:
        return f"to those with a token: {', '.join(watch.config.identities)}"
    return f"to programs of this machine, who act as {watch.actor!r}"


@contextmanager
def _told_when_stopped(ending: Ending) -> Iterator[None]:
    """Says what has ended it."""
    try:
        yield
    except KeyboardInterrupt:
        say("stopped")
    else:
        if ending.is_set():
            say("stopped by SIGTERM")


def _heard(watch: Watchkeeper) -> Heard:
    heard = Heard(say)
    heard.tell_dead(len(watch.alerting.outbox.dead_letters(limit=1_000)))
    return heard


def _deliver_until(watch: Watchkeeper, ending: Ending) -> None:
    with watch.delivering(_heard(watch)):
        while not ending.is_set():
            ending.wait(3_600.0)


def _rounds(watch: Watchkeeper, pause: Duration, times: int | None, ending: Ending) -> None:
    """Check and deliver, and say how each model stands."""
    from watchkeeper.app.rounds import rounds
    from watchkeeper.domain.window import iso_time
    from watchkeeper.monitor.rendering import headline

    with closing(rounds(watch, pause, times, ending, heard=_heard(watch))) as each:
        for results in each:
            now = iso_time(watch.now_us() // 1_000_000 * 1_000_000)
            for result in results.values():
                show(f"{now} {headline(result)}")
