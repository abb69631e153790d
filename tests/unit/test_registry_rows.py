"""Reference rows as bytes and back."""

import io
import zipfile

import numpy as np
import pytest

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Table
from watchkeeper.registry.rows import rows_as_bytes, rows_from_bytes


def with_header(archive: bytes, before: bytes, after: bytes) -> io.BytesIO:
    """The same archive, sound in itself, with the header's text changed."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as found, zipfile.ZipFile(changed, "w") as written:
        for name in found.namelist():
            part = found.read(name)
            written.writestr(name, part.replace(before, after) if name == "header.npy" else part)
    changed.seek(0)
    return changed


def test_every_kind_of_column_comes_back_with_its_dtype() -> None:
    table = Table(
        {
            "price": np.array([1.5, np.nan, np.inf]),
            "count": np.array([1, 2, 3], dtype=np.int16),
            "open": np.array([True, False, True]),
            "at": np.array(["2008-09-15", "NaT", "2008-09-17"], dtype="datetime64[us]"),
            "note": np.array(["a\0", None, "日本 🙂"], dtype=object),
            "venue": Categories.of(["NYSE", None, "AMEX"]),
        }
    )
    found = rows_from_bytes(io.BytesIO(rows_as_bytes(table)))
    assert found.names == table.names
    for name in ("price", "count", "open", "at", "note"):
        assert found[name].dtype == table[name].dtype
        np.testing.assert_array_equal(found[name], table[name])
    assert found["venue"].labels == ("AMEX", "NYSE")
    np.testing.assert_array_equal(found["venue"].codes, [1, -1, 0])


def test_equal_tables_give_equal_bytes() -> None:
    first, second = (Table({"x": np.arange(4.0), "s": np.array(["a", None, "b", ""], dtype=object)}) for _ in range(2))
    assert rows_as_bytes(first) == rows_as_bytes(second)


def test_a_table_without_columns_is_kept() -> None:
    assert rows_from_bytes(io.BytesIO(rows_as_bytes(Table({})))).names == ()


def test_a_text_column_with_something_else_in_it_names_the_column_and_the_type() -> None:
    table = Table({"note": np.array(["a", 3], dtype=object)})
    with pytest.raises(DataError, match="column 'note' of the reference holds 3 of type int among its texts"):
        rows_as_bytes(table)


@pytest.mark.parametrize(
    "found", [b"", b"PK", b"not an archive", b"\x93NUMPY\x01\x00"], ids=["empty", "zip", "text", "npy"]
)
def test_bytes_that_are_no_rows_are_refused(found: bytes) -> None:
    with pytest.raises(DataError, match="these bytes are not reference rows"):
        rows_from_bytes(io.BytesIO(found))


def test_an_array_of_pickled_objects_is_refused() -> None:
    source = io.BytesIO()
    np.savez(source, header=np.array([{"layout": 1}], dtype=object))
    source.seek(0)
    with pytest.raises(DataError, match="these bytes are not reference rows: Object arrays cannot be loaded"):
        rows_from_bytes(source)


def test_a_newer_layout_is_refused() -> None:
    newer = with_header(rows_as_bytes(Table({"x": np.array([1.0])})), b'"layout":1', b'"layout":2')
    with pytest.raises(DataError, match="reference rows have layout 2, expected 1: a newer watchkeeper wrote them"):
        rows_from_bytes(newer)


def test_a_header_that_does_not_fit_the_arrays_is_refused() -> None:
    other = with_header(rows_as_bytes(Table({"x": np.array([1.0])})), b'"kind":"numeric"', b'"kind":"text"   ')
    with pytest.raises(DataError, match="these bytes are not reference rows"):
        rows_from_bytes(other)
