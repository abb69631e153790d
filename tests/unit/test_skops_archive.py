"""Large arrays of a skops archive: views of the verified bytes, and copies wherever a view would not do."""

import io
import json
import sys
import zipfile
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
import skops.io
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.data.memory_file import MemoryFile, own_view
from watchkeeper.domain.errors import DataError, IntegrityError
from watchkeeper_plugins.formats import sklearn as sklearn_format

FORMAT = sklearn_format.build(NoOptions())
NUMBERS = 2**18


def large_model(values: NDArray[Any] | None = None) -> LinearRegression:
    model = LinearRegression()
    model.coef_ = np.random.default_rng(0).normal(size=(2, NUMBERS)) if values is None else values
    model.intercept_ = np.zeros(2)
    return model


def saved(model: Any) -> tuple[bytes, dict[str, str]]:
    kept = io.BytesIO()
    record = FORMAT.save(model, kept)
    return kept.getvalue(), dict(record)


def in_memory(data: bytes) -> BinaryIO:
    file = MemoryFile.of_size(len(data))
    file.view()[:] = data
    return cast("BinaryIO", file)


def is_view(array: NDArray[Any], source: BinaryIO) -> bool:
    whole = own_view(source)
    assert whole is not None
    return np.shares_memory(array, np.frombuffer(whole, np.uint8))


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).normal(size=(2, NUMBERS)),
        np.asfortranarray(np.random.default_rng(1).normal(size=(2, NUMBERS))),
        np.random.default_rng(1).normal(size=(2, NUMBERS)).astype(">f4"),
        np.random.default_rng(1).integers(0, 9, size=2**20, dtype=np.uint8).view(bool),
    ],
    ids=["rows", "columns", "big end first", "flags"],
)
def test_a_large_array_is_a_view_equal_to_what_skops_reads(values: NDArray[Any]) -> None:
    data, record = saved(large_model(values))
    source = in_memory(data)
    found = FORMAT.load(source, record).coef_
    expected = skops.io.loads(data, trusted=json.loads(record["trusted"])).coef_
    assert is_view(found, source)
    assert (found.dtype, found.shape, found.flags.f_contiguous) == (
        expected.dtype,
        expected.shape,
        expected.flags.f_contiguous,
    )
    np.testing.assert_array_equal(found, expected)


def test_a_view_can_be_written_to_and_outlives_its_file() -> None:
    data, record = saved(large_model())
    with in_memory(data) as source:
        found = FORMAT.load(source, record)
    found.coef_[0, 0] = 7.0
    assert found.coef_[0, 0] == 7.0


def test_a_large_array_is_aligned_in_the_archive() -> None:
    data, record = saved(make_pipeline(StandardScaler(), large_model()))
    found = FORMAT.load(in_memory(data), record)[-1].coef_
    assert found.ctypes.data % 64 == 0


def test_a_file_that_others_can_change_is_copied() -> None:
    data, record = saved(large_model())
    found = FORMAT.load(io.BytesIO(data), record).coef_
    assert not np.shares_memory(found, np.frombuffer(data, np.uint8))


def test_an_array_that_is_not_aligned_is_copied() -> None:
    kept = skops.io.dumps(large_model())
    _, record = saved(large_model())
    for shift in range(1, 8):  # at one of them at least the array begins at no multiple of eight
        moved = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(kept)) as found, zipfile.ZipFile(moved, "w") as written:
            written.writestr("padding", b"." * shift)
            for name in found.namelist():
                written.writestr(name, found.read(name))
        source = in_memory(moved.getvalue())
        loaded = FORMAT.load(source, record).coef_
        np.testing.assert_array_equal(loaded, large_model().coef_)
        assert loaded.flags.aligned


def test_a_compressed_archive_is_read_in_full() -> None:
    _, record = saved(large_model())
    kept = skops.io.dumps(large_model(np.ones((2, NUMBERS))), compression=zipfile.ZIP_DEFLATED)
    source = in_memory(kept)
    np.testing.assert_array_equal(FORMAT.load(source, record).coef_, np.ones((2, NUMBERS)))


def test_an_array_that_two_parts_of_a_model_share_is_shared_again() -> None:
    values = np.random.default_rng(0).normal(size=(2, NUMBERS))
    model = make_pipeline(StandardScaler(), large_model(values))
    model[0].mean_ = values
    data, record = saved(model)
    found = FORMAT.load(in_memory(data), record)
    assert found[0].mean_ is found[1].coef_


def test_a_large_tree_is_loaded_like_a_small_one() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50_000, 3))
    model = KNeighborsRegressor(algorithm="kd_tree").fit(rows, rows[:, 0])
    data, record = saved(model)
    np.testing.assert_array_equal(FORMAT.load(in_memory(data), record).predict(rows[:9]), model.predict(rows[:9]))


def test_a_type_that_the_record_does_not_name_is_refused_beside_large_arrays() -> None:
    data, record = saved(large_model())
    record["trusted"] = "[]"
    with pytest.raises(IntegrityError, match=r"LinearRegression.*which its record does not name"):
        FORMAT.load(in_memory(data), record)


@pytest.mark.parametrize("gone", ["skops.io._audit", "skops.io._numpy"])
def test_where_skops_has_moved_its_parts_its_own_load_reads_the_archive(
    gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, record = saved(large_model())
    monkeypatch.setitem(sys.modules, gone, None)
    source = in_memory(data)
    found = FORMAT.load(source, record).coef_
    assert not is_view(found, source)
    np.testing.assert_array_equal(found, large_model().coef_)


def test_a_file_of_skops_with_a_damaged_part_is_not_taken_over() -> None:
    kept = bytearray(skops.io.dumps(large_model()))
    kept[len(kept) // 2] ^= 1
    with pytest.raises(DataError, match=r"not a skops archive: (its part .*\.npy does not fit its checksum|Bad CRC)"):
        FORMAT.adopt(io.BytesIO(bytes(kept)), io.BytesIO())


def test_a_large_array_of_python_objects_is_refused() -> None:
    data, record = saved(large_model())
    hostile = np.empty(NUMBERS, dtype=object)
    body = io.BytesIO()
    np.save(body, hostile, allow_pickle=True)
    body.write(b" " * 2**20)
    moved = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as found, zipfile.ZipFile(moved, "w") as written:
        for entry in found.infolist():
            is_array = entry.file_size > 2**20
            written.writestr(entry.filename, body.getvalue() if is_array else found.read(entry))
    with pytest.raises(DataError, match="Object arrays cannot be loaded when allow_pickle=False"):
        FORMAT.load(in_memory(moved.getvalue()), record)
