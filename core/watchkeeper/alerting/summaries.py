"""A rule's own words for its alerts: a text with places for names and numbers, and nothing that could run.

    accuracy of {model} {version} fell to {accuracy:.1%} over {samples} rows

Places are ``{model}``, ``{version}``, ``{rule}``, ``{severity}``, ``{found}`` (what is said without a text of one's
own), the labels by which the rule tells its alerts apart, and the measurements that its condition reads. A number can
have a form: ``.2f``, ``.3g``, ``.1%``, ``d``. What is not known at the time is shown as ``?``: no text keeps an alert
from being told. ``{{`` and ``}}`` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.nearest import did_you_mean

from .condition import Condition
from .outcome import Outcome

MAX_LENGTH: Final = 500
"""Characters of a text."""
_PART: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_FORM: Final = re.compile(r"(?:\.(?:\d|1\d)[fge%]|d)?")
_WORDS: Final = ("model", "version", "rule", "severity", "found")


@attrs.frozen
class _Place:
    name: str
    form: str


@attrs.frozen
class Summary:
    """A text, read; made by `summary_of`."""

    text: str
    parts: tuple[str | _Place, ...]

    def of(self, outcome: Outcome) -> str:
        """The text for what was found. Never raises: an unknown place is ``?``."""
        known = _known(outcome)
        return "".join(
            part if isinstance(part, str) else _shown(known.get(part.name), part.form) for part in self.parts
        )


def summary_of(text: str, condition: Condition, each: tuple[str, ...] = ()) -> Summary:
    """Read a text.

    Raises
    ------
    ConfigError
        For a place that nothing fills, with the nearest known one; for a form that numbers do not have.
    """
    if len(text) > MAX_LENGTH:
        raise ConfigError(f"a summary has at most {MAX_LENGTH} characters, found {len(text)}")
    known = {*_WORDS, *each, *(series.name for series in condition.series if series.detail is None)}
    parts: list[str | _Place] = []
    end = 0
    for match in _PART.finditer(text):
        parts += [text[end : match.start()], _read(text, match, known)]
        end = match.end()
    return Summary(text, tuple(part for part in (*parts, text[end:]) if part))


def _read(text: str, match: re.Match[str], known: set[str]) -> str | _Place:
    if match.group() in {"{{", "}}"}:
        return match.group()[0]
    place = f"summary {text!r}, column {match.start() + 1}"
    if match[1] is None:
        raise ConfigError(f"{place}: a single {match.group()!r}; write {match.group() * 2!r} for a brace")
    name, _, form = match[1].partition(":")
    if name not in known:
        near = did_you_mean(name, known) or f"; expected one of {', '.join(sorted(known))}"
        raise ConfigError(f"{place}: nothing is called {name!r} here{near}")
    if not _FORM.fullmatch(form):
        raise ConfigError(f"{place}: {form!r} is no form of a number; expected one such as .2f, .3g, .1% or d")
    return _Place(name, form)


def _known(outcome: Outcome) -> Mapping[str, str | float | None]:
    numbers = {found.name: found.value.number for found in reversed(outcome.measurements)}
    words: dict[str, str | float | None] = {
        "model": outcome.model,
        "version": outcome.version,
        "rule": outcome.rule.name,
        "severity": outcome.rule.severity.value,
        "found": outcome.sentence,
    }
    return {**numbers, **outcome.identity, **words}


def _shown(value: str | float | None, form: str) -> str:
    if value is None:
        return "?"
    if isinstance(value, str):
        return value
    return f"{round(value)}" if form == "d" else format(value, form or ".4g")
