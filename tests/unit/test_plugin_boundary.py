"""The border: what a plugin raises becomes a value, and is logged with named fields."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import pytest

import watchkeeper
import watchkeeper_plugins
from watchkeeper.domain.verdict import Failure
from watchkeeper.plugins import attempt
from watchkeeper.plugins.boundary import Crash, contained, each_told_once


def failing(error):
    def call():
        raise error

    return call


def test_what_a_call_returns_passes():
    assert attempt("metric.accuracy", "momentum", lambda: 3) == 3


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (KeyError("p"), "KeyError: 'p'"),
        (RuntimeError(), "RuntimeError"),
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (MemoryError(), "MemoryError"),
        (SystemExit(3), "SystemExit: 3"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_call_raises_is_a_failure_with_the_plugins_name(error, told):
    assert attempt("metric.faulty", "momentum", failing(error)) == Failure("metric.faulty", told, "momentum")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_what_is_not_the_plugins_own_passes_at_run_time(error):
    with pytest.raises(type(error)):
        attempt("metric.slow", "momentum", failing(error))


def test_a_failure_is_logged_with_named_fields_and_the_traceback_only_for_debugging(caplog):
    caplog.set_level(logging.DEBUG, "watchkeeper.plugins")

    attempt("metric.faulty", "momentum", failing(ValueError("bad\nvalue")))

    warning, where = caplog.records
    assert (warning.levelname, where.levelname) == ("WARNING", "DEBUG")
    assert (warning.plugin, warning.subject, warning.error) == ("metric.faulty", "momentum", "ValueError: bad value")
    assert warning.getMessage() == "plugin metric.faulty failed at momentum: ValueError: bad value"
    assert warning.exc_info is None
    assert where.exc_info is not None


@pytest.mark.parametrize("part", ["caretaker", "monitor", "sender"])
def test_what_is_no_plugin_is_not_called_one(caplog, part):
    attempt(part, "", failing(ValueError("bad value")))

    assert caplog.messages == [f"the {part} failed at its work: ValueError: bad value"]


def test_contained_keeps_what_was_raised():
    error = SystemExit(1)

    found = contained(failing(error))

    assert isinstance(found, Crash)
    assert found.error is error
    assert found.told == "SystemExit: 1"


def swallows_everything(handler):
    caught = handler.type
    names = [caught] if not isinstance(caught, ast.Tuple) else caught.elts
    is_broad = any(name is None or getattr(name, "id", "") in {"Exception", "BaseException"} for name in names)
    return is_broad and not isinstance(handler.body[-1], ast.Raise)


def test_the_border_is_the_only_place_that_excepts_everything():
    """Elsewhere it would hide a mistake of ours; the command line's last resort says so and exits with 70."""
    packages = [Path(found) for package in (watchkeeper, watchkeeper_plugins) for found in package.__path__]
    files = {
        f"{package.name}/{file.relative_to(package)}"
        for package in packages
        for file in package.rglob("*.py")
        if package / "testing" not in file.parents  # a contract suite carries a thread's error to its own thread
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and swallows_everything(node)
    }

    assert files == {"watchkeeper/plugins/boundary.py", "watchkeeper/cli/main.py"}


def test_a_plugin_that_fails_again_and_again_in_one_check_is_logged_once(caplog):
    def warned(checks):
        caplog.clear()
        for error in checks:
            with each_told_once():
                for subject in ("vol", "ret", "vol"):
                    with each_told_once():
                        assert attempt("drift.ks", subject, failing(error)).error == "ValueError: odd"
        return [one.subject for one in caplog.records if one.levelno == logging.WARNING]

    odd = ValueError("odd")
    assert warned([odd]) == ["vol"]
    assert warned([odd, odd]) == ["vol", "vol"]
    attempt("drift.ks", "ret", failing(odd))
    attempt("drift.ks", "ret", failing(odd))
    assert [one.subject for one in caplog.records if one.levelno == logging.WARNING][2:] == ["ret", "ret"]
