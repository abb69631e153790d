"""The URL of the PostgreSQL store: what is read from it, what is refused, and what messages never repeat."""

from __future__ import annotations

import pytest

from watchkeeper.domain.errors import ConfigError
from watchkeeper_plugins.storage.postgres_store.options import PostgresOptions


@pytest.mark.parametrize(
    ("url", "schema", "conninfo"),
    [
        ("postgresql://h/db", "watchkeeper", "postgresql://h/db"),
        ("postgresql://h/db?schema=desk", "desk", "postgresql://h/db"),
        ("postgresql://u:p%40@h:1/db?sslmode=require&schema=a_1&x=+", "a_1", "postgresql://u:p%40@h:1/db?sslmode=require&x=+"),
        ("postgresql:///db?host=/run/postgresql", "watchkeeper", "postgresql:///db?host=/run/postgresql"),
    ],
)  # fmt: skip
def test_a_url_names_the_schema_and_the_rest_is_libpq_s(url, schema, conninfo):
    options = PostgresOptions(url)
    assert (options.schema, options.conninfo) == (schema, conninfo)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://ada:hidden@h1:5,h2:6/db?password=hidden", "postgresql://h1:5,h2:6/db"),
        ("postgresql://ada:hidden@/db?host=/run/pg", "postgresql:///run/pg/db"),
    ],
)
def test_messages_name_the_place_without_user_and_password(url, place):
    options = PostgresOptions(url)
    assert options.place == place
    assert "hidden" not in repr(options)


@pytest.mark.parametrize("schema", ["", "pg_mine", "Desk", "1st", "a-b", "x" * 64, 'a"b', "a;b"])
def test_a_schema_that_needs_quoting_is_refused(schema):
    with pytest.raises(ConfigError, match=r"the schema '.*' .*expected 1 to 63 lower-case letters"):
        PostgresOptions(f"postgresql://h/db?schema={schema.replace(';', '%3B')}&x=1")


@pytest.mark.parametrize("url", ["sqlite:///x", "postgres://h/db", "postgresql:/h", "postgresql://[hidden/db"])
def test_a_url_of_something_else_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigError, match="expected postgresql://user:password@host:5432/database") as caught:
        PostgresOptions(url)
    assert "hidden" not in str(caught.value)


def test_a_url_without_a_host_that_became_a_path_is_explained():
    with pytest.raises(ConfigError, match=r"names no host, .*\?host=/run/postgresql"):
        PostgresOptions("postgresql:////data/desk")


@pytest.mark.parametrize("option", ["connections", "busy_seconds", "retry_seconds", "chunk_rows", "scan_seconds"])
def test_numbers_that_make_no_sense_are_refused(option):
    with pytest.raises(ConfigError, match=f"storage option {option} is 0; expected a number above 0"):
        PostgresOptions("postgresql://h/db", **{option: 0})


@pytest.mark.parametrize("option", ["keep_days", "keep_wide_days", "keep_bytes"])
def test_lifetimes_that_make_no_sense_are_refused_with_their_stream(option):
    with pytest.raises(ConfigError, match=f"storage option {option} of 'rows' is -1; expected a number above 0"):
        PostgresOptions("postgresql://h/db", **{option: {"rows": -1}})


def test_what_libpq_cannot_read_is_refused_without_its_own_words():
    pytest.importorskip("psycopg")
    from watchkeeper_plugins.storage.postgres import build

    with pytest.raises(ConfigError, match=r"cannot be read as PostgreSQL's: .* written as %XX") as caught:
        build(PostgresOptions("postgresql://u:hid%den@h/db?no_such_word=1"))
    assert "hid" not in str(caught.value)
