"""Whatever the rows, every library hands over the same table."""

import datetime as dt
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.data.frames import table_of, times_us
from watchkeeper.domain.table import Categories

floats = st.one_of(st.none(), st.floats(allow_nan=False))
wholes = st.integers(-(2**53), 2**53)
texts = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
moments = st.datetimes(min_value=dt.datetime(1700, 1, 1), max_value=dt.datetime(2262, 1, 1))  # noqa: DTZ001 - hypothesis wants them without a zone
rows = st.lists(st.tuples(floats, wholes, st.booleans(), texts, moments), min_size=1, max_size=20)
NAMES = ("number", "whole", "truth", "text", "at")


def told(table):
    """The table as plain Python, with one spelling of missing."""

    def plain(value):
        return None if value is None or (isinstance(value, float) and math.isnan(value)) else value

    return {name: [plain(value) for value in table[name].tolist()] for name in table}


@given(rows)
def test_all_libraries_hand_over_the_same_table(found):
    columns = {name: [row[at] for row in found] for at, name in enumerate(NAMES)}
    if all(text is None for text in columns["text"]):
        columns.pop("text")
    if all(number is None for number in columns["number"]):
        columns.pop("number")
    tables = [table_of(source) for source in (columns, pd.DataFrame(columns), pl.DataFrame(columns), pa.table(columns))]
    records = [{name: columns[name][at] for name in columns} for at in range(len(found))]
    for table in [*tables, table_of(records)]:
        assert told(table) == told(tables[0]) == columns
        np.testing.assert_array_equal(times_us(table, "at"), times_us(tables[0], "at"))


@given(st.lists(texts, max_size=30))
def test_categories_hold_the_same_texts(found):
    column = table_of({"text": found}, categories=["text"])["text"]
    assert isinstance(column, Categories)
    assert column.texts().tolist() == found
    assert list(column.labels) == sorted({text for text in found if text is not None})


@given(st.lists(moments, min_size=1, max_size=20))
def test_iso_text_gives_the_times_that_it_says(found):
    written = [moment.isoformat() + "Z" for moment in found]
    assert times_us(table_of({"at": written}), "at").tolist() == times_us(table_of({"at": found}), "at").tolist()
