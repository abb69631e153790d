"""The texts of a rule: plain, with places for names and numbers, or a template.

    accuracy of {model} {version} fell to {accuracy:.1%} over {samples:d} rows
    accuracy of {{ model }} {{ version }} fell to {{ accuracy|percent }} over {{ samples|fixed(0) }} rows

Places are ``{model}``, ``{version}``, ``{rule}``, ``{severity}``, ``{found}`` (what is said without a text of one's
own), the rule's labels and those by which it tells its alerts apart, and the measurements that its condition reads. A
number can have a form: ``.2f``, ``.3g``, ``.1%``, ``d``. What is not known at the time is shown as ``?``. A text with
``{{`` or ``{%`` is a template (`templates`). No text keeps an alert from being told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from watchkeeper.domain.alert import Alert
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.wording import one_line
from watchkeeper.plugins.boundary import Crash

from .condition import Condition
from .facts import WORDS, Facts, facts_of, facts_of_alert
from .outcome import Outcome
from .templates import TemplateText, is_template, rendered, template_of

MAX_LENGTH: Final = 500
"""Characters of a plain text."""
_PART: Final = re.compile(r"\{([^{}]*)\}|[{}]")
_TEMPLATE: Final = re.compile(r"\{[{%#]")
_ADDRESS: Final = re.compile(r"https?://[^\s/?#][^\s]*", re.IGNORECASE)
_ADDRESS_BEFORE_TEMPLATE: Final = re.compile(r"https?://[^\s]*", re.IGNORECASE)
_FORM: Final = re.compile(r"(?:\.(?:\d|1\d)[fge%]|d)?")


@attrs.frozen
class _Place:
    name: str
    form: str


@attrs.frozen(eq=False)
class Text:
    """A text, read; made by `summary_of` or `words_of`."""

    text: str
    parts: tuple[str | _Place, ...] = ()
    template: TemplateText | None = None
    is_link: bool = False
    """Whether it is an address, which is better none than a broken one."""

    def of(self, outcome: Outcome) -> str:
        """The text for what was found. Never raises: an unknown place is ``?``, a template that fails says so."""
        return self._filled(facts_of(outcome), f"{outcome.model}: {outcome.sentence}")

    def beside(self, outcome: Outcome | None, alert: Alert, measurements: Sequence[Measurement]) -> str:
        """The text that stands beside what was found: for a check's outcome, or for an alert when none is at hand."""
        return self._filled(facts_of(outcome) if outcome else facts_of_alert(alert, measurements), "")

    def _filled(self, facts: Facts, plain: str) -> str:
        if self.template is None:
            known = facts.known()
            return "".join(
                part if isinstance(part, str) else _shown(known.get(part.name), part.form) for part in self.parts
            )
        found = rendered(self.template, facts)
        if not isinstance(found, Crash):
            return found
        return "" if self.is_link else f"{plain} (its own text failed: {one_line(found.told, 200)})".lstrip()


def summary_of(text: str, condition: Condition, labels: Iterable[str] = ()) -> Text:
    """Read the text that an alert is told with.

    Parameters
    ----------
    labels
        The names of the rule's labels, and of those by which it tells its alerts apart.

    Raises
    ------
    ConfigError
        For a place that nothing fills, with the nearest known one; for a form that numbers do not have.
    """
    if is_template(text):
        return Text(text, template=template_of(text, *_names(condition, labels)))
    if len(text) > MAX_LENGTH:
        raise ConfigError(f"a summary has at most {MAX_LENGTH} characters, found {len(text)}")
    known = set().union(*_names(condition, labels))
    parts: list[str | _Place] = []
    end = 0
    for match in _PART.finditer(text):
        parts += [text[end : match.start()], _read(text, match, known)]
        end = match.end()
    return Text(text, tuple(part for part in (*parts, text[end:]) if part))


def words_of(text: str, condition: Condition, labels: Iterable[str] = (), *, is_link: bool = False) -> Text | str:
    """Read a text that stands beside it, a next step or a link: plain as it is, or a template.

    Raises
    ------
    ConfigError
        For a template as `templates` refuses it; for a link that begins with something that is no http or https URL.
    """
    if is_link:
        _check_address(text)
    if not is_template(text):
        return text
    return Text(text, template=template_of(text, *_names(condition, labels)), is_link=is_link)


def _check_address(link: str) -> None:
    """Pass, or a ConfigError for what cannot become a URL, whatever its templates are filled with."""
    begins = _TEMPLATE.split(link.strip(), maxsplit=1)[0]
    is_open = begins != link.strip()  # what a template gives comes after it
    if not (begins == "" and is_open) and not (_ADDRESS_BEFORE_TEMPLATE if is_open else _ADDRESS).fullmatch(begins):
        told = "expected http:// or https:// and a host, such as https://wiki.example/accuracy"
        raise ConfigError(f"{one_line(link, 80)!r} is no address that can be opened; {told}")


def _names(condition: Condition, labels: Iterable[str]) -> tuple[set[str], set[str]]:
    """The words and the numbers that a text can speak of."""
    words = {*WORDS, *labels}
    return words, {series.name for series in condition.series if series.detail is None} - words


def _read(text: str, match: re.Match[str], known: set[str]) -> _Place:
    place = f"summary {text!r}, column {match.start() + 1}"
    if match[1] is None:
        raise ConfigError(f"{place}: a single {match.group()!r}; expected a name in braces, such as {{model}}")
    name, _, form = match[1].partition(":")
    if name not in known:
        near = did_you_mean(name, known) or f"; expected one of {', '.join(sorted(known))}"
        raise ConfigError(f"{place}: nothing is called {name!r} here{near}")
    if not _FORM.fullmatch(form):
        raise ConfigError(f"{place}: {form!r} is no form of a number; expected one such as .2f, .3g, .1% or d")
    return _Place(name, form)


def _shown(value: str | float | None, form: str) -> str:
    if value is None:
        return "?"
    if isinstance(value, str):
        return value
    return f"{round(value)}" if form == "d" else format(value, form or ".4g")
