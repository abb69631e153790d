"""``watchkeeper plugins list|info|check``: results on stdout, talk on stderr, the documented exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import attrs
import pytest
import typer

from watchkeeper.cli import plugins as commands
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import PluginMissing, UsageError
from watchkeeper.hookspecs import hookimpl
from watchkeeper.plugins import Plugins
from watchkeeper.testing.entry_points import entry_points_of


def watchkeeper(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "watchkeeper", "plugins", *arguments],
        check=False, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@attrs.frozen
class FileOptions:
    path: str
    lines: int = 3


def notifier(name, **fields):
    def build(_):
        print("a plugin that prints while it is built")
        return fields.get("returns")

    @hookimpl
    def watchkeeper_notifiers():
        print("a plugin that prints")
        yield Plugin(Kind.NOTIFIER, name, build, **{key: fields[key] for key in fields if key != "returns"})

    return SimpleNamespace(watchkeeper_notifiers=watchkeeper_notifiers)


class Silent:
    def send(self, notification):
        raise RuntimeError("never sends")

    def close(self):
        pass


@pytest.fixture
def installed(monkeypatch):
    """Three plugins: one that cannot be built, one that needs options, one whose summary looks like markup."""
    offers = {
        "notifier.broken": notifier("broken"),
        "notifier.file": notifier("file", options=FileOptions, summary="Appends to a file"),
        "notifier.silent": notifier("silent", returns=Silent(), summary="[red]Says[/red] nothing [explain]"),
    }
    points = entry_points_of("mine", offers)
    monkeypatch.setattr(commands, "_installed", lambda: Plugins(points))


def on_a_terminal(monkeypatch, *streams):
    """To be called by the test itself: capsys puts other streams in place for each phase."""
    for key, value in (("COLUMNS", "150"), ("TERM", "xterm"), ("NO_COLOR", "1")):
        monkeypatch.setenv(key, value)
    for stream in streams:
        monkeypatch.setattr(stream, "isatty", lambda: True)


def exit_code(command, **arguments):
    try:
        command(**arguments)
    except typer.Exit as leaving:
        return leaving.exit_code
    return 0


def test_the_built_in_plugins_all_work():
    done = watchkeeper("list", "--json")

    found = json.loads(done.stdout)
    assert (done.returncode, found["broken"]) == (0, 0), done.stdout
    assert {row["plugin"] for row in found["plugins"]} >= {"metric.accuracy", "executor.local", "storage.sqlite"}


def test_the_built_in_plugins_that_can_be_checked_keep_their_contracts():
    done = watchkeeper("check", "--json")

    found = json.loads(done.stdout)
    assert (done.returncode, found["failed"]) == (0, 0), done.stdout
    assert {each["outcome"] for each in found["checks"]} == {"passed", "skipped"}


def test_an_unknown_plugin_is_one_sentence_and_exit_code_3():
    done = watchkeeper("info", "metric.acuracy")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("watchkeeper: there is no plugin 'metric.acuracy'; installed: accuracy, ")
    assert done.stderr.endswith("; did you mean 'accuracy'?\n")


def test_an_unknown_kind_is_one_sentence_and_exit_code_2():
    done = watchkeeper("check", "metrics.accuracy")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("; did you mean 'metric'?\n")


def test_a_list_tells_the_broken_one_and_ends_with_1(installed, capsys):
    code = exit_code(commands.list_plugins)

    printed = capsys.readouterr()
    assert code == 1
    reason = "build returned a NoneType, which is no Notifier: send is missing; close is missing"
    assert printed.out.splitlines() == [
        f"✗ broken\tnotifier.broken\tmine 1.0\t{reason}",
        "✓ ok\tnotifier.file\tmine 1.0\tAppends to a file",
        "✓ ok\tnotifier.silent\tmine 1.0\t[red]Says[/red] nothing [explain]",
    ]
    assert printed.err == "3 plugins, 1 broken\n"


def test_what_plugins_print_does_not_end_up_in_the_json(installed, capsys):
    code = exit_code(commands.list_plugins, as_json=True)

    found = json.loads(capsys.readouterr().out)
    assert (code, found["broken"]) == (1, 1)
    assert found["plugins"][1] == {
        "plugin": "notifier.file",
        "kind": "notifier",
        "name": "file",
        "is_ok": True,
        "reason": "",
        "distribution": "mine",
        "distribution_version": "1.0",
        "summary": "Appends to a file",
        "api": 1,
        "target": "mine.notifier_file",
        "needs": "",
    }


def test_on_a_terminal_a_list_is_a_table_that_leaves_nothing_out(installed, capsys, monkeypatch):
    on_a_terminal(monkeypatch, sys.stdout)

    exit_code(commands.list_plugins)

    table = capsys.readouterr().out
    assert "what it does, or what is wrong" in table
    assert "[red]Says[/red] nothing [explain]" in table
    assert "✗ broken" in table


def test_info_tells_what_can_be_set(installed, capsys):
    assert exit_code(commands.info, name="notifier.file") == 0

    assert capsys.readouterr().out.splitlines() == [
        "plugin\tnotifier.file",
        "from\tmine 1.0",
        "code\tmine.notifier_file",
        "contract\tversion 1",
        "what it does\tAppends to a file",
        "path\ttext\tmust be given",
        "lines\ta whole number\t3",
    ]


def test_info_of_a_broken_plugin_is_its_reason_and_exit_code_1(installed, capsys):
    assert exit_code(commands.info, name="notifier.broken", as_json=True) == 1

    found = json.loads(capsys.readouterr().out)
    assert found["reason"].startswith("build returned a NoneType, which is no Notifier")
    assert found["options"] == []


def test_a_check_names_what_failed_and_ends_with_1(installed, capsys):
    assert exit_code(commands.check, name="notifier.silent") == 1

    first, *others = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert first[:2] == ["✗ broken", "notifier.silent"]
    assert ["✗ broken", "notifier.silent", "the same key can be sent again", "RuntimeError: never sends"] in others


def test_a_check_in_json_has_every_result(installed, capsys):
    exit_code(commands.check, name="notifier.silent", as_json=True)

    (found,) = json.loads(capsys.readouterr().out)["checks"]
    assert (found["plugin"], found["outcome"], found["is_ok"]) == ("notifier.silent", "failed", False)
    outcomes = {result["name"]: result["outcome"] for result in found["results"]}
    assert outcomes["test_it_can_be_closed_twice"] == "passed"


def test_checking_everything_says_what_was_not_checked_and_why(installed, capsys):
    assert exit_code(commands.check) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        "○ not checked\tnotifier.file\t\tit needs options: watchkeeper plugins check notifier.file --option path=…"
    )
    assert lines[2].endswith("checking it really sends: watchkeeper plugins check notifier.silent")


def test_progress_is_shown_on_a_terminal_and_stays_out_of_the_results(installed, capsys, monkeypatch):
    on_a_terminal(monkeypatch, sys.stderr)

    exit_code(commands.check, name="notifier.silent", as_json=True)

    printed = capsys.readouterr()
    assert json.loads(printed.out)["failed"] == 1
    assert "reading plugins" in printed.err or "checking" in printed.err


def test_options_without_a_name_are_a_usage_error(installed):
    with pytest.raises(UsageError, match="--option belongs to one plugin: give its NAME"):
        commands.check(option=["path=x"])


def test_a_plugin_that_is_not_installed_is_missing(installed):
    with pytest.raises(
        PluginMissing, match=r"'notifier\.fiel'; installed: broken, file, silent; did you mean 'file'\?"
    ):
        commands.info(name="notifier.fiel")
