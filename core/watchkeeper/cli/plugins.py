"""``watchkeeper plugins``: what is installed, what each plugin can be told, and whether it keeps its contract."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .output import AsJson, say, show, show_json

if TYPE_CHECKING:
    from watchkeeper.plugins import PluginRow, Plugins
    from watchkeeper.plugins.options import OptionDescription
    from watchkeeper.testing.checking import PluginCheck

app = typer.Typer(
    help="Plugins: list them, show one, check that they keep their contracts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_ONE_IS_BROKEN = 1
_OUTCOMES = {"passed": "✓ ok", "failed": "✗ broken", "skipped": "○ not checked"}
_STYLES = {"✓ ok": "green", "✗ broken": "bold red", "○ needs a package": "yellow", "○ not checked": "yellow"}
PluginName = Annotated[str, typer.Argument(metavar="NAME", help="A plugin, such as metric.accuracy.")]


@app.command("list")
def list_plugins(as_json: AsJson = False) -> None:
    """Every installed plugin, whose it is and whether it works; exit code 1 when one is broken."""
    with _talk_of_plugins():
        rows = _installed().rows()
    if as_json:
        show_json({"plugins": [_plain_row(row) for row in rows], "broken": _broken(rows)})
    else:
        _show_table(
            ("", "plugin", "from", "what it does, or what is wrong"),
            [(_mark(row), row.title, _origin(row), _told(row)) for row in rows],
        )
        say(f"{len(rows)} plugins, {_broken(rows)} broken")
    _leave(is_well=not _broken(rows))


@app.command()
def info(name: PluginName, as_json: AsJson = False) -> None:
    """One plugin: where it comes from and which options it takes; exit code 1 when it is broken."""
    import attrs

    from watchkeeper.plugins import split_title

    with _talk_of_plugins():
        plugins = _installed()
        row = plugins.row(*split_title(name))
        options = _options(plugins, row)
    if as_json:
        show_json({**_plain_row(row), "options": [attrs.asdict(each) for each in options]})
    else:
        facts = {
            "plugin": row.title,
            "from": _origin(row),
            "code": row.target,
            "contract": "" if row.api is None else f"version {row.api}",
            "what it does": row.summary,
            "to be known" if row.is_ok else "broken": row.reason,
        }
        _show_table(("", ""), [(key, value) for key, value in facts.items() if value])
        if options:
            _show_table(
                ("option", "expected", "default"),
                [(each.name, each.expected, each.default or "must be given") for each in options],
            )
    _leave(is_well=row.is_ok)


@app.command()
def check(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A plugin, such as metric.accuracy; all without one.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option for NAME, the value as in TOML; {tmp_path} is a new folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the contract's checks; exit code 1 when one fails. A notifier is checked by NAME only: it really sends."""
    from watchkeeper.domain.errors import UsageError
    from watchkeeper.testing.checking import checked_all, checked_one, option_values

    if option and name is None:
        raise UsageError("--option belongs to one plugin: give its NAME")
    options = option_values(option or [])
    plugins = _installed()
    with _talk_of_plugins() as tell:
        found = list(checked_all(plugins, tell)) if name is None else [checked_one(plugins, name, options, tell)]
    failed = sum(not each.is_ok for each in found)
    if as_json:
        show_json({"checks": [_plain_check(each) for each in found], "failed": failed})
    else:
        _show_table(("", "plugin", "checks", "what is wrong, or why it was not checked"), _check_lines(found))
        say(f"{len(found)} plugins, {failed} failed")
    _leave(is_well=not failed)


def _installed() -> Plugins:
    from watchkeeper.plugins import Plugins

    return Plugins()


@contextmanager
def _talk_of_plugins() -> Iterator[Callable[[str], None]]:
    """Keep what plugins print out of the results; the function shows what is being done, on a terminal."""
    talk = sys.stderr
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        if not talk.isatty():
            yield lambda _: None
            return
        from rich.console import Console

        with Console(file=talk).status("reading plugins") as status:
            yield lambda doing: status.update(f"checking {doing}")


def _show_table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """A rich table on a terminal; otherwise a line for each, parted by tabs, whole."""
    if not sys.stdout.isatty():
        for line in lines:
            sys.stdout.write("\t".join(line) + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_header=any(titles))
    for at, title in enumerate(titles, start=1):
        table.add_column(title, no_wrap=at < len(titles))
    for line in lines:
        # Text, as a str would have "[explain]" read as markup and left out
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in line))
    show(table)


def _mark(row: PluginRow) -> str:
    if not row.is_ok:
        return "✗ broken"
    return "○ needs a package" if row.needs else "✓ ok"


def _told(row: PluginRow) -> str:
    """Why it cannot be used now, or else what it is for: that it needs options says `plugins show`."""
    return row.summary if row.is_ok and not row.needs and row.summary else row.reason or row.summary


def _origin(row: PluginRow) -> str:
    return f"{row.distribution} {row.distribution_version}".strip() or "unknown"


def _plain_row(row: PluginRow) -> dict[str, Any]:
    import attrs

    return {"plugin": row.title, **attrs.asdict(row)}


def _options(plugins: Plugins, row: PluginRow) -> tuple[OptionDescription, ...]:
    from watchkeeper.plugins.candidates import OBSERVER
    from watchkeeper.plugins.options import described_options

    if not row.is_ok or row.kind == OBSERVER:
        return ()
    return described_options(plugins.get(row.kind, row.name).options)


def _plain_check(found: PluginCheck) -> dict[str, Any]:
    import attrs

    return {**attrs.asdict(found), "is_ok": found.is_ok}


def _check_lines(found: Iterable[PluginCheck]) -> Iterator[tuple[str, str, str, str]]:
    for each in found:
        passed = sum(result.outcome == "passed" for result in each.results)
        yield (
            _OUTCOMES[each.outcome],
            each.plugin,
            f"{passed} of {len(each.results)}" if each.results else "",
            each.reason,
        )
        for result in each.results:
            if result.outcome != "passed":
                yield _OUTCOMES[result.outcome], each.plugin, result.sentence, result.reason


def _broken(rows: Iterable[PluginRow]) -> int:
    return sum(not row.is_ok for row in rows)


def _leave(*, is_well: bool) -> None:
    if not is_well:
        raise typer.Exit(_ONE_IS_BROKEN)
