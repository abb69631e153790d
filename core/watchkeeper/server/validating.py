"""Whether a value is what a schema says, in sentences: the words of JSON Schema that requests need, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from watchkeeper.domain.nearest import did_you_mean

from .route import Parameter, Schema

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (Mapping,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
}
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LONGEST_SHOWN: Final = 60


@attrs.frozen
class Mistake:
    """One value that is not what it should be."""

    field: str
    """Where it is, such as ``matchers[0]``; "" for the whole."""
    found: str
    expected: str

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        return f"{self.field or 'the body'} is {self.found}; expected {self.expected}"


def mistakes(schema: Schema, value: object, field: str = "") -> Iterator[Mistake]:
    """Everything that is wrong with a value.

    >>> [one.sentence for one in mistakes({"type": "integer", "minimum": 1}, 0, "limit")]
    ['limit is 0; expected a whole number of at least 1']
    """
    kinds = _TYPES[schema["type"]]
    if not isinstance(value, kinds) or isinstance(value, bool):
        yield Mistake(field, shown(value), expected(schema))
    elif isinstance(value, str):
        yield from _of_text(schema, value, field)
    elif isinstance(value, list):
        yield from _of_items(schema, value, field)
    elif isinstance(value, Mapping):
        yield from _of_fields(schema, value, field)
    elif isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield Mistake(field, shown(value), expected(schema))


def queried(parameters: Sequence[Parameter], given: Sequence[tuple[str, str]]) -> tuple[dict[str, Any], list[Mistake]]:
    """A value for each parameter behind the question mark, and what is wrong with what was given."""
    known = {one.name: one for one in parameters if not one.is_in_path}
    texts: dict[str, list[str]] = {}
    for name, text in given:
        texts.setdefault(name, []).append(text)
    wrong = [
        Mistake(name, "no parameter", f"one of {', '.join(known)}{did_you_mean(name, known)}" if known else "none")
        for name in texts
        if name not in known
    ]
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        values[name] = parameter.schema.get("default")
        if name in texts:
            values[name], found = _read(parameter, texts[name])
            wrong += found
    return values, wrong


def shown(value: object) -> str:
    """What was found, cut short."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "null"
    if isinstance(value, int) and not -(10**18) < value < 10**18:
        return "a number of more than 18 digits"  # Python refuses to write very long ones
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def expected(schema: Schema) -> str:
    """What a value should be."""
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    kind = schema["type"]
    if kind == "array":
        return f"a list of {expected(schema['items'])}"
    if kind == "object":
        return f"an object with {', '.join(schema['properties'])}"
    return _number(schema) if kind == "integer" else _text(schema)


def _number(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if high is not None:
        return f"a whole number from {low or 0} to {high}"
    return "a whole number" if low is None else f"a whole number of at least {low}"


def _text(schema: Schema) -> str:
    most = schema.get("maxLength")
    some = "a text that is not empty" if schema.get("minLength") else "a text"
    return some if most is None else f"{some}, of at most {most} characters"


def _of_text(schema: Schema, text: str, field: str) -> Iterator[Mistake]:
    try:
        text.encode()
    except UnicodeEncodeError:
        yield Mistake(field, shown(text), "text that is Unicode: half of a surrogate pair is none")
        return
    if _CONTROL.search(text):
        yield Mistake(field, shown(text), "text without control characters; line breaks and tabs may be in it")
        return
    is_long = not schema.get("minLength", 0) <= len(text.strip()) or len(text) > schema.get("maxLength", len(text))
    if is_long or text not in schema.get("enum", (text,)):
        near = did_you_mean(text, schema.get("enum", ()))
        found = f"a text of {len(text)} characters" if len(text) > _LONGEST_SHOWN else shown(text)
        yield Mistake(field, found, expected(schema) + near)


def _of_items(schema: Schema, items: list[Any], field: str) -> Iterator[Mistake]:
    most = schema.get("maxItems", len(items))
    if not schema.get("minItems", 0) <= len(items) <= most:
        yield Mistake(field, shown(items), f"{expected(schema)}, {schema.get('minItems', 0)} to {most} of them")
        return
    for at, item in enumerate(items):
        yield from mistakes(schema["items"], item, f"{field}[{at}]")


def _of_fields(schema: Schema, fields: Mapping[str, Any], field: str) -> Iterator[Mistake]:
    known = schema["properties"]
    for name, value in fields.items():
        if name in known:
            yield from mistakes(known[name], value, f"{field}.{name}" if field else name)
        else:
            near = did_you_mean(name, known)
            # as Python writes it: it may hold what cannot be sent
            yield Mistake(shown(name)[1:-1], "not known here", f"{expected(schema)}{near}")
    for name in schema.get("required", ()):
        if name not in fields:
            yield Mistake(f"{field}.{name}" if field else name, "missing", expected(known[name]))


def _read(parameter: Parameter, texts: list[str]) -> tuple[Any, list[Mistake]]:
    """The value of one parameter, and what is wrong with it."""
    schema = parameter.schema
    value: Any
    if schema["type"] == "array":
        value = texts
    elif len(texts) > 1:
        return None, [Mistake(parameter.name, f"given {len(texts)} times", "it once")]
    elif schema["type"] == "integer":
        value = int(texts[0]) if _WHOLE.fullmatch(texts[0]) else texts[0]
    else:
        value = texts[0]
    return value, list(mistakes(schema, value, parameter.name))
