"""Conditions over the columns of rows: which rows they hold for, and what each mistake is told."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.domain.errors import ConfigError, DataError
from watchkeeper.domain.row_condition import RowCondition
from watchkeeper.domain.table import Categories, Table

ROWS = Table(
    {
        "size": np.array([500.0, 1500.0, np.nan, 2500.0]),
        "price": np.array([2, 1, 1, 4]),
        "venue": Categories.of(["LSE", "NYSE", "LSE", None]),
        "ret 1": np.array([-1.0, 1.0, 0.0, np.inf]),
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size > 1000", [0, 1, 0, 1]),
        ("not size > 1000", [1, 0, 0, 0]),
        ("size > 1000 and venue == 'NYSE'", [0, 1, 0, 0]),
        ("size > 1000 or venue == 'LSE'", [1, 1, 1, 1]),
        ("venue != 'LSE'", [0, 1, 0, 0]),
        ("'LSE' == venue", [1, 0, 1, 0]),
        ("venue in ('LSE', 'NYSE')", [1, 1, 1, 0]),
        ("venue not in ['LSE']", [0, 1, 0, 0]),
        ("price in (1, 4)", [0, 1, 1, 1]),
        ("size is missing", [0, 0, 1, 0]),
        ("venue is not missing", [1, 1, 1, 0]),
        ("size is missing or size < 1000", [1, 0, 1, 0]),
        ("size * price >= 1500 + 0", [0, 1, 0, 1]),
        ("size / (price - 1) > 100", [1, 0, 0, 1]),
        ("min(size, 1000) == 1000", [0, 1, 0, 1]),
        ("max(price, 2) == 2", [1, 1, 1, 0]),
        ("abs(column('ret 1')) >= 1", [1, 1, 0, 1]),
        ("-price < -1", [1, 0, 0, 1]),
        ("price == '1'", [0, 1, 1, 0]),
    ],
)
def test_a_condition_holds_for_these_rows(text, expected):
    assert RowCondition.parse(text).holds(ROWS).tolist() == [bool(one) for one in expected]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "column 1: it is empty: expected something like 'size > 1000'"),
        ("1 > 0", "names no column: expected something like 'size > 1000'"),
        ("size", "this is neither true nor false: compare it"),
        ("size > 'x'", "a text can be == or !=, not >"),
        ("size + 1 == 'x'", "a text can be compared with a column alone"),
        ("venue == 'LSE' and venue > 1", "column 'venue' is compared with numbers and with texts"),
        ("size > 1 > 0", "one comparison ends here: join two by 'and'"),
        ("size > 1 2", "expected 'and', 'or' or the end, found '2'"),
        ("size is gone", "expected 'missing' after 'is', found 'gone'"),
        ("1 is missing", "only a column can be missing"),
        ("venue not 'LSE'", "expected 'in' after 'not', found 'LSE'"),
        ("venue in 'LSE'", "expected '[' after 'in', as in ('LSE', 'NYSE'), found 'LSE'"),
        ("venue in ('LSE'", "expected ')' after the last of the values, found the end"),
        ("log(size) > 1", "there is no function 'log': only column, abs, min, max"),
        ("abs(size, 1) > 1", "abs takes one number, found 2"),
        ("column(size) > 1", "expected a column's name in quotes, found 'size'"),
        ("size >", "expected a column or a number, as in 'size > 1000', found the end"),
        ("'LSE' > 1", "a text can be compared with a column alone"),
        ("(size > 1) > 2", "expected a column or a number"),
        ("__import__('os')", "there is no function '__import__'"),
        ("size & 1", "write 'and' or 'or'"),
        ("(" * 33 + "size > 1", "nested deeper than 32"),
    ],
)
def test_a_mistake_is_told_with_its_place(text, told):
    with pytest.raises(ConfigError) as error:
        RowCondition.parse(text)
    assert told in str(error.value)


def test_a_column_that_is_not_there_is_told():
    with pytest.raises(DataError, match="needs the column 'depth', which the rows do not have"):
        RowCondition.parse("depth > 1").holds(ROWS)


def test_labels_taken_for_numbers_are_told():
    with pytest.raises(DataError, match="takes column 'venue' for numbers; it holds labels"):
        RowCondition.parse("venue > 1").holds(ROWS)


def test_the_columns_of_a_condition_are_known_by_their_use():
    found = RowCondition.parse("size > 1 and venue == 'LSE' and flag is missing and price is missing or price > 2")
    assert found.numbers == {"size", "price"}
    assert found.texts == {"venue", "flag"}


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1), st.integers(-3, 3))
def test_a_row_is_in_a_condition_in_its_opposite_or_lacks_the_value(values, edge):
    rows = Table({"x": np.array([np.nan if one is None else float(one) for one in values])})
    inside = RowCondition.parse(f"x > {edge}" if edge >= 0 else f"x > -{-edge}").holds(rows)
    outside = RowCondition.parse(f"not (x > {edge})" if edge >= 0 else f"not x > -{-edge}").holds(rows)
    assert inside.tolist() == [one is not None and one > edge for one in values]
    assert (inside | outside | np.isnan(rows["x"])).all()
    assert not (inside & outside).any()


@given(st.text(alphabet="size venue()<>=!'\"andornotin 0123456789.+-*/,&|[]{}", max_size=60))
def test_any_text_is_read_or_refused_with_a_sentence(text):
    with suppress(ConfigError):
        assert RowCondition.parse(text).columns
