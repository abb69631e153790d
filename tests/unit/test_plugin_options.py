"""Options are read strictly: every mistake at once, each with what was found and what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.domain.errors import ConfigError
from watchkeeper.plugins.options import (
    described_options,
    expected_words,
    option_problems,
    read_options,
    required_options,
    structured_options,
)


class Level(StrEnum):
    LOW = "low"
    HIGH = "high"


@attrs.frozen
class Retry:
    times: int = 3
    wait_seconds: float = 1.0


@attrs.frozen
class Everything:
    url: str
    count: int = attrs.field(default=1, validator=attrs.validators.gt(0))
    share: float = 0.5
    is_loud: bool = False
    level: Level = Level.LOW
    mode: Literal["fast", "exact"] = "fast"
    folder: Path | None = None
    columns: tuple[str, ...] = ()
    span: tuple[int, int] = (0, 1)
    names: frozenset[str] = frozenset()
    headers: Mapping[str, str] = attrs.field(factory=dict)
    retry: Retry = attrs.field(factory=Retry)
    fallback: Retry | None = None
    window: int | str = "1h"
    secret: str | None = attrs.field(default=None, repr=False)
    extra: Any = None
    title: str = attrs.field(default=attrs.Factory(lambda self: self.url, takes_self=True))
    _hidden: int = attrs.field(default=0, init=False)


def problems(**found):
    return [str(problem) for problem in read_options(Everything, {"url": "u", **found})[1]]


def test_what_fits_is_read_with_its_types():
    found, mistakes = read_options(
        Everything,
        {
            "url": "u",
            "count": 2,
            "share": 1,
            "is_loud": True,
            "level": "high",
            "mode": "exact",
            "folder": "a/b",
            "columns": ["x", "y"],
            "span": [3, 4],
            "names": ["n"],
            "headers": {"A": "b"},
            "retry": {"times": 5},
            "fallback": {"times": 1, "wait_seconds": 2.5},
            "window": 500,
            "secret": "s",
            "extra": [{"any": 1}],
        },
    )

    assert mistakes == ()
    assert found == Everything(
        "u", 2, 1.0, True, Level.HIGH, "exact", Path("a/b"), ("x", "y"), (3, 4), frozenset("n"), {"A": "b"},
        Retry(5), Retry(1, 2.5), 500, "s", [{"any": 1}],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ({"url": 5}, "url: found 5 (a whole number), expected text"),
        ({"count": "5"}, "count: found '5' (text), expected a whole number"),
        ({"count": True}, "count: found True (true or false), expected a whole number"),
        ({"count": 1.0}, "count: found 1.0 (a number), expected a whole number"),
        ({"share": "half"}, "share: found 'half' (text), expected a number"),
        ({"share": float("nan")}, "share: found nan (not a number), expected a number"),
        ({"is_loud": 1}, "is_loud: found 1 (a whole number), expected true or false"),
        ({"is_loud": "false"}, "is_loud: found 'false' (text), expected true or false"),
        ({"level": "hihg"}, "level: found 'hihg' (text), expected one of 'low', 'high'; did you mean 'high'?"),
        ({"mode": "exat"}, "mode: found 'exat' (text), expected one of 'fast', 'exact'; did you mean 'exact'?"),
        ({"mode": 1}, "mode: found 1 (a whole number), expected one of 'fast', 'exact'"),
        ({"folder": 3}, "folder: found 3 (a whole number), expected a path"),
        ({"columns": "abc"}, "columns: found 'abc' (text), expected a list of text"),
        ({"columns": ["a", 2]}, "columns.1: found 2 (a whole number), expected text"),
        ({"span": [1]}, "span: found 1 items, expected 2"),
        ({"span": [1, "2"]}, "span.1: found '2' (text), expected a whole number"),
        ({"headers": "A=b"}, "headers: found 'A=b' (text), expected a table"),
        ({"headers": {"A": 1}}, "headers.A: found 1 (a whole number), expected text"),
        ({"retry": 3}, "retry: found 3 (a whole number), expected a table"),
        ({"retry": {"tims": 1}}, "retry.tims: not an option; did you mean 'times'?; known: times, wait_seconds"),
        ({"fallback": {"times": "x"}}, "fallback.times: found 'x' (text), expected a whole number"),
        ({"window": [1]}, "window: found [1] (list), expected a whole number or text"),
        ({"secret": 5}, "secret: found something else (not shown: it may be secret), expected text"),
        ({"count": 0}, "'count' must be > 0: 0"),
        ({"_hidden": 1}, "_hidden: not an option; known: url, count"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_mistake_says_what_was_found_and_what_was_expected(option, line):
    (found,) = problems(**option)

    assert found.startswith(line)


def test_every_mistake_is_told_at_once():
    found = read_options(Everything, {"cuont": 1, "share": "x"})[1]

    assert [problem.path for problem in found] == [("cuont",), ("url",), ("share",)]
    assert found[0].message.startswith("not an option; did you mean 'count'?; known: url, count, share")
    assert found[1].message == "missing, expected text"


def test_validators_with_several_arguments_are_told_in_their_words_only():
    @attrs.frozen
    class Sized:
        size: str = attrs.field(default="s", validator=attrs.validators.in_(("s", "m")))

    _, (problem,) = read_options(Sized, {"size": "xxl"})

    assert str(problem) == "'size' must be in ('s', 'm') (got 'xxl')"


def test_validators_inside_a_table_say_where():
    @attrs.frozen
    class Outer:
        inner: Everything

    _, (problem,) = read_options(Outer, {"inner": {"url": "u", "count": -1}})

    assert str(problem) == "inner: 'count' must be > 0: -1"


def test_a_long_value_is_shortened_in_the_message():
    (found,) = problems(count="x" * 500)

    assert len(found) < 130
    assert "..." in found


def test_options_that_are_no_table_are_a_config_error():
    with pytest.raises(ConfigError, match=r"^metric\.x: options are 3 \(a whole number\), expected a table or Retry$"):
        structured_options("metric.x", Retry, 3)


def test_a_class_without_options_says_that_there_is_nothing_to_set():
    @attrs.frozen
    class Nothing:
        pass

    with pytest.raises(ConfigError, match=r"^metric\.x: size: not an option; there is nothing to set$"):
        structured_options("metric.x", Nothing, {"size": 1})


def test_no_options_are_the_defaults():
    assert structured_options("metric.x", Retry, None) == Retry()


def test_required_options_are_those_without_a_default():
    assert required_options(Everything) == ("url",)


def test_options_are_described_in_words():
    described = {each.name: (each.expected, each.default) for each in described_options(Everything)}

    assert described["url"] == ("text", None)
    assert described["level"] == ("one of 'low', 'high'", "low")
    assert described["window"] == ("a whole number or text", "'1h'")
    assert described["headers"] == ("a table", "{}")
    assert described["columns"] == ("a list of text", "()")
    assert described["title"] == ("text", "computed from the others")
    assert "_hidden" not in described


def test_a_type_that_is_not_known_is_left_to_its_class():
    assert list(option_problems(complex, "1+2j")) == []
    assert expected_words(complex) == "complex"


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*attrs.fields_dict(Everything), "other"]), plain, max_size=4))
def test_any_table_is_read_or_told_why_not(table):
    found, mistakes = read_options(Everything, table)

    assert (found is None) == bool(mistakes)
    assert all("\n" not in str(problem) for problem in mistakes)


@given(st.integers(min_value=1), st.floats(allow_nan=False), st.booleans(), st.sampled_from(Level))
def test_values_of_the_right_type_are_never_changed(count, share, is_loud, level):
    found, _ = read_options(
        Everything, {"url": "u", "count": count, "share": share, "is_loud": is_loud, "level": level.value}
    )

    assert (found.count, found.share, found.is_loud, found.level) == (count, share, is_loud, level)
