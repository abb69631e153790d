"""``store``: what the store holds, whether it is sound, and how it moves to another place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from watchkeeper.domain.plural import counted

from .moments import moment
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, say, show, show_json

if TYPE_CHECKING:
    from watchkeeper.app.storing.statistics import Statistics
    from watchkeeper.config.storage_url import StorageAddress
    from watchkeeper.contracts.storage import Storage
    from watchkeeper.plugins import Plugins

app = typer.Typer(help="The store: what it holds, backups, and moving it.", no_args_is_help=True)
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", help="A storage URL, or env:NAME of a variable that holds one, not the project's store."),
]
Place = Annotated[str, typer.Argument(help="A storage URL, or env:NAME of a variable that holds one.")]
_SECONDS_EACH = 1.0


@app.command()
def stats(config: ConfigPath = DEFAULT_CONFIG, store: StoreUrl = None, as_json: AsJson = False) -> None:
    """What is in the store: rows by stream and key, documents, logs, blobs."""
    from watchkeeper.app.storing.statistics import statistics_of

    with _opened(config, store) as (storage, _):
        found = statistics_of(storage)
    if as_json:
        show_json(found.plain())
    else:
        _show_statistics(found)


@app.command()
def verify(config: ConfigPath = DEFAULT_CONFIG, store: StoreUrl = None, as_json: AsJson = False) -> None:
    """Read everything and compare it with its checksums; exit code 1 when something is not as it was written."""
    from watchkeeper.app.storing.verifying import problems_of

    with _opened(config, store) as (storage, _), _telling() as tell:
        problems = problems_of(storage, tell)
    if as_json:
        show_json({"is_sound": not problems, "problems": list(problems)})
    else:
        for problem in problems:
            show(problem)
        say(f"{len(problems)} problems" if problems else "everything is as it was written")
    if problems:
        raise typer.Exit(1)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    config: ConfigPath = DEFAULT_CONFIG,
    store: StoreUrl = None,
) -> None:
    """Copy the store into a folder, while it is used; the copy is verified before it gets its name."""
    from watchkeeper.app.storing.backups import back_up

    with _opened(config, store) as (storage, plugins), _telling() as tell:
        back_up(storage, folder, plugins, tell)
    say(f"{folder} holds a verified copy; `watchkeeper store restore {folder}` makes a store of it")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A backup.")],
    config: ConfigPath = DEFAULT_CONFIG,
    store: StoreUrl = None,
) -> None:
    """Make the project's store from a backup, which is verified first; refused where there is anything already."""
    from watchkeeper.app.storing.backups import restore as restored

    address, plugins = _address(config, store)
    with _telling() as tell:
        restored(folder, address, plugins, tell)
    say("the store is restored")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A new folder; a folder for each stream and key is made in it.")],
    config: ConfigPath = DEFAULT_CONFIG,
    store: StoreUrl = None,
    stream: Annotated[str | None, typer.Option(help="Only this stream, such as predictions.")] = None,
    key: Annotated[str | None, typer.Option(help="Only this key: mostly a model's name.")] = None,
    since: Annotated[str | None, typer.Option(help="Only rows from here on: 2010-12-31, or a time.")] = None,
    until: Annotated[str | None, typer.Option(help="Only rows before this: 2010-12-31, or a time.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write rows as Parquet files, for DuckDB, Spark, pandas and everything else that reads them."""
    from rich.table import Table

    from watchkeeper.app.storing.exporting import Selection
    from watchkeeper.app.storing.exporting import export as exported

    selection = Selection(stream, key, _moment(since, "--since"), _moment(until, "--until"))
    if selection.since_us is not None and selection.until_us is not None and selection.since_us >= selection.until_us:
        raise typer.BadParameter(f"{since} is not before --until {until}: no row is in between", param_hint="--since")
    with _opened(config, store) as (storage, _), _telling() as tell:
        written = exported(storage, folder, selection, tell)
    if as_json:
        rows = [
            {"stream": one.stream, "key": one.key, "rows": one.rows, "files": one.files, "folder": str(one.folder)}
            for one in written
        ]
        show_json(rows)
        return
    table = Table("stream", "key", "rows", "files", "folder")
    for one in written:
        table.add_row(one.stream, one.key, f"{one.rows:,}", str(one.files), str(one.folder))
    show(table)


@app.command("copy")
def copy_store(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The storage URL to copy, or env:NAME.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The storage URL of an empty store, or env:NAME.")],
    as_json: AsJson = False,
) -> None:
    """Copy everything into another store, such as SQLite into PostgreSQL, and compare; once stopped, it goes on."""
    from watchkeeper.app.storing.addresses import named_address, opened_store
    from watchkeeper.app.storing.copying import copy
    from watchkeeper.config.secrets import without_password
    from watchkeeper.plugins import Plugins

    plugins = Plugins()
    begin, end = named_address(source, "FROM"), named_address(target, "TO")
    with opened_store(begin, plugins) as old, opened_store(end, plugins, create=True) as new, _telling() as tell:
        done = copy(old, new, without_password(begin.url), tell)
    if as_json:
        show_json(
            {
                "rows": done.rows,
                "documents": done.documents,
                "entries": done.entries,
                "blobs": done.blobs,
                "digest": done.digest,
            }
        )
        return
    show(f"{done.rows:,} rows, {done.documents:,} documents, {done.entries:,} log entries, {done.blobs:,} blobs")
    show(f"digest {done.digest}, the same in both")


@app.command()
def maintain(
    config: ConfigPath = DEFAULT_CONFIG,
    store: StoreUrl = None,
    seconds: Annotated[float, typer.Option(min=0.0, help="How long it may take at most, about.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Compact small chunks and remove what has outlived its time; safe beside everything else."""
    compacted = expired = 0
    deadline = time.monotonic() + seconds
    with _opened(config, store) as (storage, _):
        while True:
            done = storage.maintain(min(_SECONDS_EACH, max(deadline - time.monotonic(), 0.0)))
            compacted += done.compacted_chunks
            expired += done.expired_bytes
            if done.is_finished or time.monotonic() >= deadline:
                break
    if as_json:
        show_json({"compacted_chunks": compacted, "expired_bytes": expired, "is_finished": done.is_finished})
        return
    say(f"compacted {compacted:,} chunks, removed {expired:,} bytes")
    if not done.is_finished:
        say("there is more to do: run it again, or give it more --seconds")


@app.command("forget-missing")
def forget_missing(config: ConfigPath = DEFAULT_CONFIG, store: StoreUrl = None, as_json: AsJson = False) -> None:
    """Go on without files of rows that are gone; should one turn up again, its rows count again."""
    from watchkeeper.contracts.storage_contents import ForgetsMissing

    with _opened(config, store) as (storage, _):
        gone = storage.forget_missing() if isinstance(storage, ForgetsMissing) else ()
    if as_json:
        show_json({"forgotten": list(gone)})
    elif gone:
        say(f"the store goes on without the rows that were written on {', '.join(gone)}")
    else:
        say("no file is missing")


@app.command()
def refused(
    models: Annotated[list[str] | None, typer.Argument(help="Models; all when left out.", show_default=False)] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    clear: Annotated[
        bool, typer.Option("--clear", help="Take note of them: later ones only are told from now on.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="What was done about them, for the audit log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Rows that the store did not take, by model: how many, an example and why."""
    from .opening import opened

    with opened(config) as watch:
        names = models or list(watch.models)
        found = {name: watch.acknowledge_refused(name, reason) if clear else watch.refused(name) for name in names}
    if as_json:
        show_json({name: None if one is None else attrs.asdict(one) for name, one in found.items()})
        return
    for name, one in found.items():
        if one is not None:
            show(f"{name}: {one.sentence}")
    rows = sum(one.rows for one in found.values() if one is not None)
    if clear and rows:
        say(f"{counted(rows, 'refused row')} acknowledged; `watchkeeper audit show` says by whom")
    elif rows:
        say("mend what logs them; --clear takes note of them, so that checks and the doctor tell of later ones only")
    else:
        say("no row was refused")


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Tells what is being done: in one line that changes where somebody watches, else a line each."""
    if not sys.stderr.isatty():
        yield say
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("beginning") as status:
        yield lambda text: status.update(escape(text))


@contextmanager
def _opened(config: str, store: str | None) -> Iterator[tuple[Storage, Plugins]]:
    """The store that is meant, and the plugins that it came from."""
    from watchkeeper.app.storing.addresses import opened_store

    address, plugins = _address(config, store)
    with opened_store(address, plugins) as storage:
        yield storage, plugins


def _address(config: str, store: str | None) -> tuple[StorageAddress, Plugins]:
    from watchkeeper.app.storing.addresses import configured_address, named_address
    from watchkeeper.plugins import Plugins

    plugins = Plugins()
    return (configured_address(config, plugins) if store is None else named_address(store, "--store")), plugins


def _moment(text: str | None, option: str) -> int | None:
    """A day (its beginning) or time; None when it was left out."""
    return None if text is None else moment(text, option, is_end=False)


def _show_statistics(found: Statistics) -> None:
    from rich.table import Table

    plain = found.plain()
    rows = Table("stream", "key", "rows", "bytes", "first", "last", title=f"{plain['storage']}, {found.size:,} bytes")
    for one in plain["series"]:
        rows.add_row(one["stream"], one["key"], f"{one['rows']:,}", f"{one['bytes']:,}", one["first"], one["last"])
    show(rows)
    others = Table("kind", "name", "count")
    for held in found.inventory.namespaces:
        others.add_row("documents", held.namespace.name, f"{held.documents:,}")
    for log in found.inventory.logs:
        others.add_row("log entries", log.name, f"{log.entries:,}")
    others.add_row("blobs", f"{sum(found.blobs.values()):,} bytes", f"{len(found.blobs):,}")
    show(others)
