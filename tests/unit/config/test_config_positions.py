"""The line of every key of a TOML text, against counting by eye and against tomllib's own reading."""

import tomllib
from textwrap import dedent

import pytest

from watchkeeper.config.positions import Positions

TEXT = dedent(
    '''\
    # a comment with [brackets] and = signs
    title = "x"

    [models.spx]   # a table
    window = "1h"
    columns = { time = "ts", features = ["a", "b"] }
    metrics = [
      "accuracy",  # the first, with a ] in its comment
      { name = "f1", beta = 2 },
    ]
    note = """
    [not.a.table]
    key = "neither"
    """
    after.dotted."quoted key" = 1

    [[models.spx.drift]]
    name = "ks"
    [models.spx.drift.more]
    deep = 1979-05-27 07:32:00
    [[models.spx.drift]]
    name = 'psi'

    ["rules"."a \\" b"]
    when = \'\'\'x < "0.8"\'\'\'\'
    '''
)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("models",), 4),
        (("models", "spx"), 4),
        (("models", "spx", "window"), 5),
        (("models", "spx", "columns", "time"), 6),
        (("models", "spx", "columns", "features", 1), 6),
        (("models", "spx", "metrics"), 7),
        (("models", "spx", "metrics", 0), 8),
        (("models", "spx", "metrics", 1, "beta"), 9),
        (("models", "spx", "note"), 11),
        (("models", "spx", "after", "dotted", "quoted key"), 15),
        (("models", "spx", "drift", 0, "name"), 18),
        (("models", "spx", "drift", 0, "more", "deep"), 20),
        (("models", "spx", "drift", 1), 21),
        (("models", "spx", "drift", 1, "name"), 22),
        (("rules", 'a " b'), 24),
        (("rules", 'a " b', "when"), 25),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_each_key_is_found_on_its_line(path, line):
    assert Positions.of(TEXT).line(path) == line


def test_every_key_that_tomllib_reads_has_a_line_of_its_own():
    def paths(value, path=()):
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in inner:
            yield (*path, key)
            yield from paths(item, (*path, key))

    lines = Positions.of(TEXT).lines

    assert [path for path in paths(tomllib.loads(TEXT)) if path not in lines] == []


def test_a_key_that_is_not_there_has_the_line_of_the_table_around_it():
    positions = Positions.of(TEXT)

    assert positions.line(("models", "spx", "task")) == 4
    assert positions.line(("ensembles", "e")) == 1
    assert positions.last == 25


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "a=1", '"" = 1'])
def test_the_smallest_texts_have_one_line(text):
    positions = Positions.of(text)

    assert positions.last == 1
    assert set(positions.lines.values()) <= {1}
