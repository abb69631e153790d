"""What `--help` prints is what was written: rich takes what stands in brackets for markup, and leaves it out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from rich.text import Text

from watchkeeper.cli.main import app


def texts_of(command: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every help text of a command, its options and its children, with where it stands."""
    for text in (command.help, command.epilog, command.short_help):
        if text:
            yield path, text
    for option in command.params:
        if getattr(option, "help", None):
            yield f"{path} {option.name}", option.help
    for name, child in getattr(command, "commands", {}).items():
        yield from texts_of(child, f"{path} {name}")


TEXTS = list(texts_of(typer.main.get_command(app), "watchkeeper"))


def test_there_are_texts():
    assert len(TEXTS) > 200


@pytest.mark.parametrize("text", [pytest.param(text, id=path) for path, text in TEXTS])
def test_nothing_of_a_help_text_is_taken_for_markup(text):
    assert Text.from_markup(text).plain == text
