"""Texts of rules as jinja2 templates, of which little is allowed and nothing can run for long.

    accuracy of {{ model }} fell to {{ accuracy|percent }}{% if features %}; drifted: {% for one in features|top(3) %}
    {{ one.feature }}{% if not loop.last %}, {% endif %}{% endfor %}{% endif %}

Allowed are the names that a rule gives, ``if``, one ``for`` over ``features`` or ``measurements``, comparisons,
``and``, ``or``, ``not``, ``+ - * /`` of numbers, and the filters of `template_filters`; everything else is refused when
the text is read (`template_checks`). What is left runs in jinja2's sandbox, which reaches no attribute of any object.
jinja2 is imported when the first such text is read.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import attrs

from watchkeeper.domain.errors import ConfigError
from watchkeeper.plugins.boundary import Crash, contained

from .facts import TOLD_FIELDS, Facts, Told, example, nothing_known
from .template_checks import check_tree, template_error
from .template_filters import FILTERS, MISSING, Missing

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_LENGTH: Final = 2_000
"""Characters of a text."""
MAX_OUTPUT: Final = 4_000
"""Characters of what it becomes; the rest is cut off."""
_LONGEST_WORD: Final = 500
_REACHES: Final = ("first", "last", "index")
_RECKONED: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def is_template(text: str) -> bool:
    """Whether a text has ``{{`` or ``{%``; others are plain."""
    return "{{" in text or "{%" in text


@attrs.frozen(eq=False)
class TemplateText:
    """A template, read and checked; made by `template_of`."""

    text: str
    compiled: Template

    def of(self, facts: Facts) -> str:
        """The text for these facts in one line, at most `MAX_OUTPUT` characters; raises what a template can raise."""
        known = {name: _shortened(value) for name, value in facts.known().items()}
        pieces: list[str] = []
        length = 0
        for piece in self.compiled.generate({**known, **facts.make_lists()}):
            pieces.append(piece)
            length += len(piece)
            if length > MAX_OUTPUT:
                break
        whole = " ".join("".join(pieces).split())
        return whole if len(whole) <= MAX_OUTPUT else whole[: MAX_OUTPUT - 1] + "…"


def template_of(text: str, words: Collection[str], numbers: Collection[str]) -> TemplateText:
    """Read a template, and try it with everything known and with nothing known.

    Parameters
    ----------
    words, numbers
        The names of what it may speak of, beside `facts.LISTS`.

    Raises
    ------
    ConfigError
        For what is no template, is not allowed, speaks of something that nothing gives, or fails when it is tried.
    """
    from jinja2 import TemplateSyntaxError

    if len(text) > MAX_LENGTH:
        raise ConfigError(f"a text has at most {MAX_LENGTH} characters, found {len(text)}")
    environment = _environment()
    try:
        tree = environment.parse(text)
        check_tree(tree, {*words, *numbers}, text)
        template = TemplateText(text, environment.from_string(tree))
    except TemplateSyntaxError as error:
        raise template_error(text, error.lineno, error.message or "this is no template") from None
    except RecursionError:
        raise template_error(text, 1, "nested too deep") from None
    except (ValueError, OverflowError) as error:  # such as a number of 5,000 digits
        raise template_error(text, 1, str(error)) from None
    for facts in (example(words, numbers), nothing_known(words, numbers)):
        found = rendered(template, facts)
        if isinstance(found, Crash):
            raise template_error(text, 1, f"it fails when it is tried: {found.told}")
    return template


def rendered(template: TemplateText, facts: Facts) -> str | Crash:
    """The text for these facts, or what went wrong in it: no text keeps an alert from being told."""
    return contained(lambda: template.of(facts))


def _shortened(value: str | float | None) -> str | float | Missing:
    if value is None:
        return MISSING
    return value[:_LONGEST_WORD] if isinstance(value, str) else value


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    """jinja2's sandbox without its functions, filters and tests, and without attributes."""
    from jinja2.exceptions import SecurityError
    from jinja2.runtime import LoopContext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Reached(ImmutableSandboxedEnvironment):
        """Attributes are those of `Told` and of loops; ``+ - * /`` are those of numbers."""

        intercepted_binops = frozenset(_RECKONED)
        intercepted_unops = frozenset("+-")

        def getattr(self, obj: Any, attribute: str) -> Any:
            if isinstance(obj, Told) and attribute in TOLD_FIELDS:
                found = getattr(obj, attribute)
                return MISSING if found is None else found
            if isinstance(obj, LoopContext) and attribute in _REACHES:
                return getattr(obj, attribute)
            raise SecurityError(f"{type(obj).__name__} has nothing called {attribute!r} for a text")

        def getitem(self, obj: Any, argument: Any) -> Any:
            del argument
            raise SecurityError(f"{type(obj).__name__} has no parts for a text")

        def is_safe_callable(self, obj: Any) -> bool:
            del obj
            return False

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            del context
            return _reckoned(operator, left, right)

        def call_unop(self, context: Any, operator: str, arg: Any) -> Any:
            del context
            return _reckoned(operator, 0.0, arg)

    made = Reached(finalize=_shown, autoescape=False, optimized=False, cache_size=0)
    made.globals.clear()
    made.filters = dict(FILTERS)
    made.tests = {"defined": lambda value: value is not MISSING, "undefined": lambda value: value is MISSING}
    return made


def _reckoned(sign: str, left: Any, right: Any) -> float | Missing:
    if isinstance(left, Missing) or isinstance(right, Missing):
        return MISSING
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        raise TypeError(f"{sign} is for numbers, found {type(left).__name__} and {type(right).__name__}")
    if sign == "/" and right == 0:
        return MISSING
    number = _RECKONED[sign](float(left), float(right))
    return number if math.isfinite(number) else MISSING


def _shown(value: Any) -> str:
    if isinstance(value, bool | str | Missing):
        return str(value)
    if isinstance(value, int | float):
        return f"{value:.4g}"
    if isinstance(value, Told):
        return value.title if value.number is None else f"{value.title} {value.number:.4g}"
    if isinstance(value, tuple):
        return ", ".join(_shown(one) for one in value)
    return ""
