"""Any rows become the same table, and what cannot is told by column, row and value."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from watchkeeper.data.frames import numeric, required, table_of, times_us
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Table

LEHMAN = dt.datetime(2008, 9, 15, 14, 30, tzinfo=dt.UTC)
LEHMAN_US = 1_221_489_000_000_000
BERLIN = dt.timezone(dt.timedelta(hours=2))

COLUMNS = {
    "return": [0.5, None, -1.5],
    "count": [1, 2, 3],
    "maybe_count": [1, None, 3],
    "is_open": [True, False, True],
    "maybe_open": [True, None, False],
    "venue": ["X", None, "Y"],
    "at": [LEHMAN, None, LEHMAN],
    "day": [dt.date(2008, 9, 15), None, dt.date(1969, 12, 31)],
    "price": [Decimal("1.25"), None, Decimal(2)],
    "nothing": [None, None, None],
}
RECORDS = [{name: values[row] for name, values in COLUMNS.items()} for row in range(3)]


def masked():
    columns = {name: np.array(values, dtype=object) for name, values in COLUMNS.items() if name != "return"}
    return {"return": np.ma.masked_invalid([0.5, np.nan, -1.5]), **columns}


SOURCES = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas, nullable": lambda: pd.DataFrame(COLUMNS).convert_dtypes(),
    "pandas, arrow": lambda: pd.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "arrow": lambda: pa.table(COLUMNS),
    "arrow batch": lambda: pa.table(COLUMNS).to_batches()[0],
    "dict of lists": lambda: COLUMNS,
    "dict of arrays": masked,
    "dict of series": lambda: dict(pd.DataFrame(COLUMNS)),
    "list of dicts": lambda: RECORDS,
    "table": lambda: table_of(COLUMNS),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_kind_of_rows_becomes_the_same_table(source):
    table = table_of(source())
    assert table.names == tuple(COLUMNS)
    assert table["return"].dtype == np.float64
    np.testing.assert_array_equal(table["return"], [0.5, np.nan, -1.5])
    assert (table["count"].dtype, table["count"].tolist()) == (np.int64, [1, 2, 3])
    np.testing.assert_array_equal(table["maybe_count"], [1.0, np.nan, 3.0])
    assert (table["is_open"].dtype, table["is_open"].tolist()) == (np.bool_, [True, False, True])
    np.testing.assert_array_equal(table["maybe_open"], [1.0, np.nan, 0.0])
    assert (table["venue"].dtype, table["venue"].tolist()) == (object, ["X", None, "Y"])
    assert table["at"].dtype == table["day"].dtype == np.dtype("datetime64[us]")
    np.testing.assert_array_equal(table["at"], np.array([LEHMAN_US, "NaT", LEHMAN_US], dtype="datetime64[us]"))
    np.testing.assert_array_equal(table["day"], np.array(["2008-09-15", "NaT", "1969-12-31"], dtype="datetime64[us]"))
    np.testing.assert_array_equal(table["price"], [1.25, np.nan, 2.0])
    np.testing.assert_array_equal(table["nothing"], [np.nan, np.nan, np.nan])
    assert table["nothing"].dtype == np.float64


CATEGORICALS = {
    "pandas": lambda: pd.DataFrame({"venue": pd.Categorical(["Y", None, "X"], categories=["Z", "Y", "X"])}),
    "polars categorical": lambda: pl.DataFrame({"venue": pl.Series(["Y", None, "X"], dtype=pl.Categorical)}),
    "polars enum": lambda: pl.DataFrame({"venue": pl.Series(["Y", None, "X"], dtype=pl.Enum(["Z", "Y", "X"]))}),
    "arrow": lambda: pa.table({"venue": pa.array(["Y", None, "X"]).dictionary_encode()}),
    "named": lambda: {"venue": ["Y", None, "X"]},
    "ready": lambda: {"venue": Categories.of(["Y", None, "X"])},
}


@pytest.mark.parametrize("source", CATEGORICALS.values(), ids=CATEGORICALS)
def test_categoricals_become_categories_with_equal_codes(source):
    venue = table_of(source(), categories=["venue", "not there"])["venue"]
    assert (venue.labels, venue.codes.tolist(), venue.codes.dtype) == (("X", "Y"), [1, -1, 0], np.int32)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([10, 9, 10], ["10", "9", "10"]),
        ([10, None, 9], ["10", None, "9"]),
        ([0.5, 2.0, np.nan], ["0.5", "2", None]),
        ([True, False, None], ["1", "0", None]),
        ([True, False], ["True", "False"]),
        (pd.Series(pd.Categorical([10, 9, None])), ["10", "9", None]),
    ],
    ids=["whole", "whole with a gap", "numbers", "truth with a gap", "truth", "pandas"],
)
def test_numbers_that_stand_for_things_can_be_categories(values, texts):
    column = table_of({"desk": values}, categories=["desk"])["desk"]
    assert column.texts().tolist() == texts
    assert list(column.labels) == sorted(column.labels)


def test_times_cannot_be_categories():
    with pytest.raises(DataError, match="column 'at' of data holds times; expected text or numbers"):
        table_of({"at": [LEHMAN]}, categories=["at"])


def test_times_with_a_zone_are_utc_and_times_without_one_too():
    aware = LEHMAN.astimezone(BERLIN)
    naive = LEHMAN.replace(tzinfo=None)
    for column in ([aware, naive], [np.datetime64(naive, "ms"), aware]):
        assert times_us(table_of({"at": column}), "at").tolist() == [LEHMAN_US] * 2
    for frame in (
        pd.DataFrame({"at": pd.to_datetime([aware]).tz_convert("America/New_York")}),
        pl.DataFrame({"at": pl.Series([LEHMAN]).dt.convert_time_zone("Asia/Tokyo")}),
        pa.table({"at": pa.array([LEHMAN], type=pa.timestamp("s", "Europe/Berlin"))}),
        pd.DataFrame({"at": np.array([naive], dtype="datetime64[ns]")}),
    ):
        assert times_us(table_of(frame), "at").tolist() == [LEHMAN_US]


def test_numpy_needs_names():
    structured = np.array([(1.5, 2), (2.5, 3)], dtype=[("ret", "f8"), ("n", "i4")])
    assert table_of(structured)["n"].tolist() == [2, 3]
    assert table_of(np.eye(2), names=["a", "b"])["b"].tolist() == [0.0, 1.0]
    with pytest.raises(DataError, match="reference is an array of 2 columns with no names; expected a name for each"):
        table_of(np.eye(2), what="reference")
    with pytest.raises(DataError, match="data is an array of 2 columns with 1 names"):
        table_of(np.eye(2), names=["a"])
    with pytest.raises(DataError, match=r"data is an array of shape \(3,\); expected \(rows, columns\)"):
        table_of(np.ones(3))


def test_numbers_are_not_copied_when_their_memory_can_be_used():
    array = np.arange(3.0)
    frame = pd.DataFrame({"a": np.arange(3.0), "b": np.arange(3.0)})
    assert np.shares_memory(table_of({"a": array})["a"], array)
    assert np.shares_memory(numeric(table_of({"a": array}), "a"), array)
    assert np.shares_memory(table_of(frame)["a"], frame["a"].to_numpy())


def test_numbers_of_unusual_width_become_ordinary_ones():
    assert table_of({"a": np.array([1, 2], dtype=">i4")})["a"].dtype == np.dtype("=i4")
    assert table_of({"a": np.array([1, 2], dtype=np.longdouble)})["a"].dtype == np.float64
    assert table_of({"a": [2**70, 1]})["a"].tolist() == [float(2**70), 1.0]
    assert table_of(pl.DataFrame({"a": pl.Series([2**70], dtype=pl.Int128)}))["a"].tolist() == [float(2**70)]


def test_text_in_numpy_and_missing_text_in_objects():
    assert table_of({"a": np.array(["x", "y"])})["a"].tolist() == ["x", "y"]
    assert table_of({"a": ["x", float("nan"), pd.NA, None]})["a"].tolist() == ["x", None, None, None]


def test_ten_thousand_columns_are_taken_in():
    frame = pl.DataFrame(np.ones((2, 10_000)), schema=[f"f{at}" for at in range(10_000)])
    assert len(table_of(frame).names) == 10_000


def test_no_rows_are_a_table_of_no_rows():
    assert len(table_of(pd.DataFrame({"a": []}))) == 0
    assert table_of(pd.DataFrame({"a": pd.Series([], dtype=object)})).names == ("a",)


def test_the_caller_s_rows_are_not_written_into():
    frame = pd.DataFrame({"s": ["a", None], "f": [1.0, None]})
    before = frame.copy(deep=True)
    table_of(frame, categories=["s"])
    pd.testing.assert_frame_equal(frame, before)


BAD_ROWS = {
    "a number": (3, "data is int 3; expected rows with named columns"),
    "a series": (pl.Series([1]), r"data is polars\.Series .*; expected rows with named columns"),
    "text": ("rows.csv", "data is str 'rows.csv'; expected rows with named columns"),
    "lazy": (pl.LazyFrame({"a": [1]}), r"data is lazy \(polars\.LazyFrame\); collect it first"),
    "no columns": (pd.DataFrame(), "data has no columns"),
    "an empty list": ([], "data has no columns"),
    "one name twice, pandas": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "data has two columns .*'a'"),
    "one name twice, arrow": (pa.table([[1], [2]], names=["a", "a"]), "data has two columns .*'a'"),
    "a name that is a number": (
        pd.DataFrame([[1]]),
        "data has a column named 0; expected text: rename it, such as 'x0'",
    ),
    "a name of nothing": ({"": [1]}, "data has a column named ''; expected text"),
    "a list of lists": ([{"a": 1}, [2]], r"data holds list \[2\] in row 2; expected a dict of named values"),
    "one value": ({"a": 1.5}, "column 'a' of data is float 1.5; expected an array or a list, also for a single row"),
    "uneven columns": ({"a": [1], "b": [1, 2]}, "columns must have the same number of rows, found a 1, b 2"),
    "two dimensions": ({"a": np.ones((2, 2))}, r"column 'a' of data has shape \(2, 2\); expected one value a row"),
    "complex numbers": ({"a": np.array([1j])}, "column 'a' of data has dtype complex128; expected numbers"),
    "lists, arrow": (pa.table({"a": [[1]]}), r"column 'a' of data is of type List\(Int64\); expected numbers"),
    "durations": (pd.DataFrame({"a": pd.to_timedelta([1])}), "column 'a' of data is of type Duration"),
    "lists": ({"a": [1, [2]]}, r"column 'a' of data holds list \[2\] in row 2 of 2; expected numbers, text"),
    "a long value": ({"a": [list(range(99))]}, r"holds list \[0, 1, .*\.\.\. in row 1 of 1"),
    "a mixture": (
        pd.DataFrame({"a": [1, 2, "n/a"]}),
        r"column 'a' of data holds text \('n/a'\) in row 3 of 3 and a whole number \(1\) in row 1; expected one sort",
    ),
    "a mixture with gaps": (
        [{"a": None}, {"a": float("nan")}, {"a": "x"}, {"a": True}],
        r"holds true or false \(True\) in row 4",
    ),
    "numbers among gaps": (
        {"a": ["x", float("nan"), 2.5]},
        r"holds a number \(2.5\) in row 3 of 3 and text \('x'\) in row 1",
    ),
    "a huge number": ({"a": [10**400]}, "column 'a' of data holds a whole number of 401 digits; expected at most 308"),
}


@pytest.mark.parametrize(("data", "says"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_what_is_not_rows_is_refused_in_a_sentence(data, says):
    with pytest.raises(DataError, match=says) as caught:
        table_of(data)
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_named_with_the_nearest():
    table = Table({"ret1": np.ones(1), "vol10": np.ones(1), "y": np.ones(1)})
    required(table, ["y"], "reference.csv")
    with pytest.raises(DataError) as caught:
        required(table, ["vol1", "y"], "reference.csv")
    assert str(caught.value) == ("reference.csv has no column 'vol1'; found ret1, vol10, y; did you mean 'vol10'?")
    with pytest.raises(DataError, match="data has no columns 'p', 'q'; found no columns"):
        required([], ["p", "q", "p"], "data")
    with pytest.raises(DataError, match=r"found f0, .* f11, \.\.\. \(10000 in all\)"):
        required([f"f{at}" for at in range(10_000)], ["z"], "data")


def test_numeric_gives_floats():
    table = table_of({"a": [1, None], "b": [True, False], "c": np.array([1, 2], dtype=np.float32)})
    np.testing.assert_array_equal(numeric(table, "a"), [1.0, np.nan])
    assert [numeric(table, name).dtype for name in "abc"] == [np.float64] * 3


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([None, "1.5", "2"], r"column 'x' holds numbers written as text, '1\.5' in row 2 of 3; .*frame\['x'\]\.astype"),
        (["1.5", "n/a"], "column 'x' holds text, 'n/a' in row 2 of 2; expected numbers: mend or leave out such rows"),
        (Categories.of(["b", "a"]), "column 'x' holds text, 'b' in row 1 of 2"),
        (np.array([None], dtype="datetime64[us]"), "column 'x' holds times; expected numbers"),
        (Categories.of([None, None]), "column 'x' is text and holds nothing at all"),
    ],
    ids=["numbers as text", "text", "categories", "times", "nothing"],
)
def test_a_column_that_is_not_numbers_is_told_by_row_and_value(values, says):
    with pytest.raises(DataError, match=says):
        numeric(Table({"x": values if isinstance(values, Categories) else table_of({"x": values})["x"]}), "x")


def test_an_absent_column_is_told_by_the_readers_too():
    with pytest.raises(DataError, match="the table has no column 'vol1'; found vol10"):
        numeric(table_of({"vol10": [1.0]}), "vol1")


@pytest.mark.parametrize(
    "values",
    [
        ["2008-09-15T14:30:00Z", "2008-09-15T16:30+02:00"],
        ["2008-09-15 14:30:00", "20080915T143000.000000Z"],
        [LEHMAN_US, LEHMAN_US],
        Categories.of(["2008-09-15T14:30:00Z"] * 2),
    ],
    ids=["zones", "no zone", "microseconds", "categories"],
)
def test_times_are_read_from_what_can_only_be_times(values):
    table = table_of({"at": values}, times=["at", "not there"])
    assert times_us(table_of({"at": values}), "at").tolist() == times_us(table, "at").tolist() == [LEHMAN_US] * 2


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            [LEHMAN_US, 1_221_489_000],
            r"column 'at' holds 1221489000 in row 2 \(it looks like seconds\), expected times",
        ),
        ([1_221_489_000_000], "looks like milliseconds"),
        ([LEHMAN_US, LEHMAN_US * 1000], "in row 2 .it looks like nanoseconds"),
        ([3, 4], r"column 'at' holds 3 in row 1, expected times: datetimes, ISO 8601 text, or whole microseconds"),
        ([1.2e15], r"column 'at' holds 1200000000000000\.0 in row 1, expected times"),
        ([True], "column 'at' holds True in row 1, expected times"),
        (["2008-09-15", "15.9.2008"], "column 'at' holds '15.9.2008' in row 2 of 2; expected ISO 8601"),
        ([LEHMAN, None, None], r"column 'at' has no time in row 2 of 3 \(2 rows in all\)"),
        ([None], "column 'at' has no time in row 1 of 1"),
    ],
    ids=["seconds", "milliseconds", "nanoseconds", "counts", "floats", "truth", "text", "gaps", "nothing"],
)
def test_what_may_not_be_a_time_is_refused(values, says):
    with pytest.raises(DataError, match=says):
        times_us(table_of({"at": values}), "at")


def test_the_border_imports_no_dataframe_library_by_itself():
    program = (
        "import sys, numpy; from watchkeeper.data.frames import table_of; "
        "table_of({'a': numpy.ones(2)}); "
        "print(sorted({'pandas', 'polars', 'pyarrow', 'narwhals'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
