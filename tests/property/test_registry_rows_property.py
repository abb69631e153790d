"""Reference rows of any content come back as they were."""

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from watchkeeper.domain.table import Categories, Column, Table
from watchkeeper.registry.rows import rows_as_bytes, rows_from_bytes

TEXT = st.one_of(st.none(), st.text(st.characters(), max_size=6))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows = draw(st.integers(0, 8))
    columns: dict[str, Column] = {}
    for name in draw(st.lists(st.text(st.characters(), min_size=1, max_size=5), unique=True, max_size=4)):
        kind = draw(st.sampled_from(["numeric", "text", "category", "time"]))
        if kind == "numeric":
            dtype = draw(st.sampled_from(["<f8", "<f4", ">f8", "<i8", "|i1", "<u2", "|b1"]))
            columns[name] = draw(numpy_strategies.arrays(dtype, rows))
        elif kind == "time":
            columns[name] = draw(numpy_strategies.arrays("datetime64[us]", rows))
        else:
            texts = draw(st.lists(TEXT, min_size=rows, max_size=rows))
            column = np.empty(rows, dtype=object)
            column[:] = texts
            columns[name] = Categories.of(texts) if kind == "category" else column
    return Table(columns)


def told(column: Column) -> tuple[object, ...]:
    if isinstance(column, Categories):
        return (column.codes.tolist(), column.labels)
    return (column.dtype, column.tolist() if column.dtype == object else column.tobytes())


@settings(max_examples=150, deadline=None)
@given(tables())
def test_rows_survive_the_way_to_bytes_and_back(table: Table) -> None:
    kept = rows_as_bytes(table)
    found = rows_from_bytes(io.BytesIO(kept))
    assert {name: told(found[name]) for name in found} == {name: told(table[name]) for name in table}
    assert rows_as_bytes(found) == kept


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 255))
def test_a_stride_or_byte_order_does_not_change_what_comes_back(seed: int, step: int) -> None:
    values = np.random.default_rng(seed).normal(size=1024)[:: step % 7 + 1]
    found = rows_from_bytes(io.BytesIO(rows_as_bytes(Table({"x": values}))))["x"]
    assert np.array_equal(np.asarray(found), values)
