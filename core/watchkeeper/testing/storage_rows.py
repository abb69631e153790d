"""Contract checks of telemetry: every row comes back once, as it was, in the order that is promised."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from watchkeeper.contracts.storage import Append, Storage
from watchkeeper.data.objects import column_of_objects
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.table import Categories, Column, Table

from .storage_hooks import KEY, STREAM, StorageHooks, numbered, numbers_of, refused, rows, times_of

BAD_NAMES = {
    "empty": "",
    "NUL": "a\0b",
    "line break": "a\nb",
    "two dots": "../etc",
    "too long": "x" * 201,
    "twin": "cafe\u0301",
    "lone surrogate": "a\ud800",
}
"""Names that no back end may accept."""


class RowChecks(StorageHooks):
    """What `scan`, `keys` and `span` promise about what was appended."""

    def test_every_kind_of_column_comes_back_as_it_was(self, subject: Storage) -> None:
        columns = _every_kind()
        subject.commit([rows(range(4), ("f4", "texts"), **columns)])
        (batch,) = subject.scan(STREAM, KEY)
        assert batch.time.dtype == np.int64, f"time is int64, found {batch.time.dtype}"
        assert batch.table.names == tuple(columns), f"columns keep their order, found {batch.table.names}"
        for name, column in columns.items():
            _require_equal(name, batch.table[name], column)

    def test_columns_without_a_single_value_come_back(self, subject: Storage) -> None:
        columns: dict[str, Column] = {
            "nan": np.full(2, np.nan),
            "none": np.array([None, None], dtype=object),
            "nat": np.array(["NaT", "NaT"], dtype="M8[us]"),
            "lost": Categories(np.full(2, -1, dtype=np.int32), ()),
        }
        subject.commit([rows([1, 2], **columns)])
        (batch,) = subject.scan(STREAM, KEY)
        for name, column in columns.items():
            _require_equal(name, batch.table[name], column)

    def test_times_with_zones_come_back_as_the_moments_that_they_were(self, subject: Storage) -> None:
        zones = (ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata"), UTC)
        moments = [datetime(2026, 11, 1, 1, 30, tzinfo=zone, fold=fold) for zone in zones for fold in (0, 1)]
        subject.commit([rows(range(7), at=column_of_objects([*moments, None], "at", "the rows"))])
        (batch,) = subject.scan(STREAM, KEY)
        told = np.asarray(batch.table["at"])
        assert told.dtype == np.dtype("M8[us]"), f"times are datetime64[us] in UTC, found {told.dtype}"
        assert np.isnat(told[-1]), "a missing time is missing"
        expected = [round(moment.timestamp() * 1e6) for moment in moments]
        assert told[:-1].astype(np.int64).tolist() == expected, "a time in any zone is the same moment"

    def test_moments_of_a_scan_are_whole_numbers(self, subject: Storage) -> None:
        subject.commit([rows([1], number=np.ones(1))])
        with refused(UsageError, "since_us", "'2020'"):
            list(subject.scan(STREAM, KEY, "2020"))  # type: ignore[arg-type]
        with refused(UsageError, "until_us", "1.5"):
            list(subject.scan(STREAM, KEY, None, 1.5))  # type: ignore[arg-type]

    def test_an_append_without_rows_adds_nothing(self, subject: Storage) -> None:
        subject.commit([rows([], number=np.empty(0))])
        assert list(subject.scan(STREAM, KEY)) == []
        assert subject.keys(STREAM) == ()

    def test_what_was_never_written_is_empty(self, subject: Storage) -> None:
        assert list(subject.scan("nothing", "here")) == []
        assert subject.keys("nothing") == ()
        assert subject.span("nothing", "here") is None

    def test_late_rows_come_in_the_order_of_time(self, subject: Storage) -> None:
        subject.commit([rows([30, 10, 20], number=np.array([3, 1, 2]))])
        subject.commit([rows([25, 5], number=np.array([25, 5])), rows([15, 40], number=np.array([15, 40]))])
        found = list(subject.scan(STREAM, KEY))
        firsts = [int(batch.time[0]) for batch in found]
        assert firsts == sorted(firsts), f"batches come in the order of their first row, found {firsts}"
        for batch in found:
            assert bool(np.all(np.diff(batch.time) >= 0)), f"rows of a batch are in order of time, found {batch.time}"
        assert sorted(times_of(found)) == [5, 10, 15, 20, 25, 30, 40]
        together = {
            int(time): int(number)
            for batch in found
            for time, number in zip(batch.time, _array(batch.table["number"]), strict=True)
        }
        assert together == {5: 5, 10: 1, 15: 15, 20: 2, 25: 25, 30: 3, 40: 40}, "rows stay together when sorted"

    def test_batches_stay_in_order_when_the_window_cuts_them(self, subject: Storage) -> None:
        subject.commit([rows([0, 60], number=np.array([0, 60]))])
        subject.commit([rows([55, 70], number=np.array([55, 70]))])
        found = [batch.time.tolist() for batch in subject.scan(STREAM, KEY, since_us=50)]
        assert [each for batch in found for each in batch[:1]] == sorted(batch[0] for batch in found), f"{found}"
        assert sorted(itertools.chain(*found)) == [55, 60, 70]

    def test_a_window_has_its_first_moment_and_not_its_last(self, subject: Storage) -> None:
        subject.commit([numbered(0, 10)])
        assert times_of(subject.scan(STREAM, KEY, 3, 6)) == [3, 4, 5]
        assert times_of(subject.scan(STREAM, KEY, since_us=8)) == [8, 9]
        assert times_of(subject.scan(STREAM, KEY, until_us=2)) == [0, 1]
        assert times_of(subject.scan(STREAM, KEY, 5, 5)) == []
        assert times_of(subject.scan(STREAM, KEY, 6, 5)) == []
        assert times_of(subject.scan(STREAM, KEY, 100, 200)) == []

    def test_times_before_1970_and_at_the_ends_of_int64_are_kept(self, subject: Storage) -> None:
        ends = np.iinfo(np.int64)
        times = [ends.min, -1, 0, ends.max]
        subject.commit([rows(times, number=np.arange(4))])
        assert times_of(subject.scan(STREAM, KEY)) == times
        assert subject.span(STREAM, KEY) == (ends.min, ends.max)
        assert times_of(subject.scan(STREAM, KEY, until_us=0)) == [ends.min, -1]

    def test_rows_of_the_same_moment_are_all_kept(self, subject: Storage) -> None:
        subject.commit([rows([7, 7, 7], number=np.arange(3))])
        subject.commit([rows([7], number=np.array([3]))])
        assert numbers_of(subject) == [0, 1, 2, 3]

    def test_only_the_asked_columns_are_read(self, subject: Storage) -> None:
        subject.commit([numbered(0, 3)])
        subject.commit([rows([10], number=np.array([10]), more=np.array([1.0]))])

        def names(*columns: str) -> list[tuple[str, ...]]:
            return [batch.table.names for batch in subject.scan(STREAM, KEY, columns=columns)]

        assert names("double") == [("double",), ()], "a column that a batch does not have is left out of that batch"
        assert names("double", "number") == [("double", "number"), ("number",)], "columns come in the asked order"
        assert names("nobody") == [(), ()]
        assert times_of(subject.scan(STREAM, KEY, columns=[])) == [0, 1, 2, 10], "the times come whatever is asked"

    def test_keys_and_spans_tell_what_is_there(self, subject: Storage) -> None:
        for key in ("b", "a", "c"):
            subject.commit([Append(STREAM, key, np.array([5, 3]), Table({"x": np.zeros(2)}))])
        subject.commit([Append("other", "d", np.array([1]), Table({"x": np.zeros(1)}))])
        subject.commit([Append(STREAM, "a", np.array([-4]), Table({"x": np.zeros(1)}))])
        assert subject.keys(STREAM) == ("a", "b", "c")
        assert subject.span(STREAM, "a") == (-4, 5)
        assert subject.span(STREAM, "b") == (3, 5)

    def test_a_large_append_comes_back_whole(self, subject: Storage) -> None:
        order = np.random.default_rng(5).permutation(25_000)
        subject.commit([rows(order.tolist(), ("wide",), number=order, wide=order.astype(np.float32))])
        assert numbers_of(subject) == list(range(25_000))
        for batch in subject.scan(STREAM, KEY, 9_990, 10_010):
            assert np.array_equal(_array(batch.table["wide"]), batch.time), "wide columns stay with their rows"

    def test_many_small_appends_come_back_whole(self, subject: Storage) -> None:
        for start in range(0, 300, 3):
            subject.commit([numbered(start, 3)])
        assert times_of(subject.scan(STREAM, KEY)) == list(range(300))

    def test_the_caller_may_change_the_arrays_afterwards(self, subject: Storage) -> None:
        mine = np.array([1.0, 2.0])
        times = np.array([1, 2])
        subject.commit([Append(STREAM, KEY, times, Table({"mine": mine}))])
        mine[:] = 9.0
        times[:] = 9
        (batch,) = subject.scan(STREAM, KEY)
        assert batch.time.tolist() == [1, 2]
        assert _array(batch.table["mine"]).tolist() == [1.0, 2.0]

    def test_a_scan_shows_the_rows_that_were_there_when_it_was_asked(self, subject: Storage) -> None:
        subject.commit([numbered(0, 3)])
        subject.commit([numbered(3, 3)])
        scan = subject.scan(STREAM, KEY)
        first = next(scan)
        subject.commit([numbered(6, 3)])
        assert times_of([first, *scan]) == [0, 1, 2, 3, 4, 5]

    def test_a_column_keeps_its_kind(self, subject: Storage) -> None:
        subject.commit([rows([1], venue=Categories.of(["x"]))])
        with refused(DataError, "venue", "category", "numeric"):
            subject.commit([rows([2], venue=np.array([2.0]))])
        subject.commit([Append(STREAM, "another", np.array([2]), Table({"venue": np.array([2.0])}))])
        assert times_of(subject.scan(STREAM, KEY)) == [1]

    def test_a_column_of_nones_alone_is_of_the_kind_that_it_has_otherwise(self, subject: Storage) -> None:
        nothing = np.array([None, None], dtype=object)
        subject.commit([rows([1, 2], label=nothing)])
        subject.commit([rows([3, 4], label=np.array([0.5, 1.0]))])
        subject.commit([rows([5, 6], label=nothing)])
        with refused(DataError, "label"):
            subject.commit([rows([7, 8], label=np.array(["a", None], dtype=object))])
        for batch in subject.scan(STREAM, KEY):
            found = _array(batch.table["label"])
            assert found.dtype == np.float64, f"missing labels are NaN where other labels are numbers: {found}"
            assert bool(np.isnan(found).all()) is (int(batch.time[0]) != 3), f"{found}"

    def test_what_no_column_may_hold_is_refused(self, subject: Storage) -> None:
        strange: dict[str, Any] = {
            "numbers among text": np.array(["a", 1], dtype=object),
            "complex": np.array([1j, 2j]),
            "bytes": np.array([b"a", b"b"]),
            "codes beyond the labels": Categories(np.array([0, 1], dtype=np.int32), ("a",)),
            "two dimensions": np.zeros((2, 2)),
        }
        for name, column in strange.items():
            with refused(DataError, name):
                subject.commit([rows([1, 2], **{name: column})])
        assert subject.keys(STREAM) == (), "a refused append leaves nothing behind"

    def test_rows_and_times_must_fit_together(self, subject: Storage) -> None:
        with refused(DataError, "2", "3"):
            subject.commit([rows([1, 2], number=np.zeros(3))])
        with refused(DataError, "int64"):
            subject.commit([Append(STREAM, KEY, np.array([1.5]), Table({"x": np.zeros(1)}))])
        with refused(DataError, "nobody"):
            subject.commit([rows([1], ("nobody",), number=np.zeros(1))])

    def test_names_that_cannot_be_kept_are_refused(self, subject: Storage) -> None:
        column = {"x": np.zeros(1)}
        for bad in BAD_NAMES.values():
            for append in (
                Append(bad, KEY, np.array([1]), Table(column)),
                Append(STREAM, bad, np.array([1]), Table(column)),
                Append(STREAM, KEY, np.array([1]), Table({bad: np.zeros(1)})),
            ):
                with refused(UsageError):
                    subject.commit([append])
            with refused(UsageError):
                subject.keys(bad)
            with refused(UsageError):
                subject.scan(STREAM, bad)
        assert subject.keys(STREAM) == ()

    def test_names_of_any_script_are_kept(self, subject: Storage) -> None:
        name = "モデル/é:1 ☂" + "x" * 180
        subject.commit([Append(name, name, np.array([1]), Table({name: np.zeros(1)}))])
        assert subject.keys(name) == (name,)
        (batch,) = subject.scan(name, name)
        assert batch.table.names == (name,)


def _every_kind() -> dict[str, Column]:
    columns: dict[str, Column] = {
        f"{kind}": np.array([0, 1, 2, 3], dtype=kind) for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2")
    }
    columns |= {
        "f4": np.array([1.5, np.nan, np.inf, -0.0], dtype=np.float32),
        "f8": np.array([0.1, -np.inf, np.nan, 5e-324]),
        "big endian": np.array([1.0, 2.0, 3.0, 4.0], dtype=">f8"),
        "yes": np.array([True, False, True, True]),
        "texts": np.array(["", None, "naïve ☂\n\0", "x" * 1000], dtype=object),
        "venue": Categories.of(["b", "a", None, "b"]),
        "settled": np.array(["1969-07-20T20:17:40", "NaT", "2262-01-01", "2008-09-15T00:00:00.000001"], dtype="M8[us]"),
        "every other": np.arange(8.0)[::2],
    }
    return columns


def _require_equal(name: str, found: Column, expected: Column) -> None:
    if isinstance(expected, Categories):
        assert isinstance(found, Categories), f"{name}: expected Categories, found {type(found).__name__}"
        assert found.texts().tolist() == expected.texts().tolist(), f"{name}: {found.texts()}"
        return
    assert isinstance(found, np.ndarray), f"{name}: expected an array, found {type(found).__name__}"
    assert found.dtype.newbyteorder("=") == expected.dtype.newbyteorder("="), f"{name}: dtype {found.dtype}"
    if found.dtype.kind == "O":
        assert found.tolist() == expected.tolist(), f"{name}: {found}"
        return
    same = found.astype(expected.dtype).tobytes() == expected.tobytes()
    assert same, f"{name}: expected {expected}, found {found}"


def _array(column: Column) -> Any:
    assert isinstance(column, np.ndarray), f"expected an array, found {type(column).__name__}"
    return column
