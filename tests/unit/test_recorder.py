"""What is logged reaches the store once, whatever form it came in and whatever the store does."""

import logging
import threading
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from watchkeeper.contracts.storage import Durability
from watchkeeper.domain.errors import DataError, StoreBusy, StoreError, UsageError
from watchkeeper.domain.model import VersionNumber
from watchkeeper.domain.table import Categories, Table, joined
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.monitor.recording.ids import IdMint
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.memory import MemoryStorage

NEVER = 3600.0
"""Seconds between two flushes, when the test flushes by itself."""


class TroubledStorage(MemoryStorage):
    """Raises what it is told to, before or after the commit."""

    def __init__(self):
        super().__init__()
        self.before = []
        self.after = []
        self.bad_ids = set()
        self.has_committed = threading.Event()

    def commit(self, operations, *args, **kwargs):
        if self.before:
            raise self.before.pop()
        for append in operations:
            bad = self.bad_ids & set(append.table["id"].tolist())
            if bad:
                raise DataError(f"column 'id' holds {min(bad)}")
        receipt = super().commit(operations, *args, **kwargs)
        if self.after:
            raise self.after.pop()
        self.has_committed.set()
        return receipt


@pytest.fixture
def storage():
    return TroubledStorage()


@pytest.fixture
def make(storage):
    made = []

    def recorder(**options):
        new = Recorder(storage, FakeClock(), **{"flush_seconds": NEVER, **options})
        new.declare("spx", ("ret1", "vol10"))
        new.declare("fx", ("ret1", "venue"), categories=["venue"])
        new.declare("bare")
        made.append(new)
        return new

    yield recorder
    storage.before.clear()
    for each in made:
        each.stop()


@pytest.fixture
def recorder(make):
    return make()


def stored(storage, stream="predictions", model="spx"):
    """All rows of a model, in the order of commits."""
    batches = list(storage.scan(stream, model))
    return joined([Table({"time": batch.time, **batch.table.columns}) for batch in batches])


ONE_ROW = {
    "array": np.array([0.5, 2.0]),
    "array of floats of 32 bits": np.array([0.5, 2.0], dtype=np.float32),
    "array of objects": np.array([0.5, 2], dtype=object),
    "array of one row": np.array([[0.5, 2.0]]),
    "list": [0.5, 2],
    "tuple": (Decimal("0.5"), np.float32(2)),
    "mapping": {"vol10": 2.0, "ret1": 0.5, "not declared": "x"},
    "series": pd.Series({"vol10": 2.0, "ret1": 0.5}),
}


@pytest.mark.parametrize("features", ONE_ROW.values(), ids=ONE_ROW)
@pytest.mark.parametrize("prediction", [0.25, np.float64(0.25), np.float32(0.25), np.array(0.25)], ids=str)
def test_one_row_is_stored_as_it_was_handed_over(storage, recorder, features, prediction):
    name = recorder.log("spx", features, prediction, version="1.4.0")
    recorder.flush()
    table = stored(storage)
    assert table.names == ("time", "id", "prediction", "version", "ret1", "vol10")
    assert table["id"].tolist() == [name]
    assert [table[column].tolist() for column in ("time", "prediction", "ret1", "vol10")] == [
        [LEHMAN_US],
        [0.25],
        [0.5],
        [2.0],
    ]
    assert table["version"].texts().tolist() == ["1.4.0"]


MANY_ROWS = {
    "array": np.array([[0.5, 2.0], [-0.5, np.nan]]),
    "array of objects": np.array([[0.5, 2], [-0.5, None]], dtype=object),
    "list of lists": [[0.5, 2.0], [-0.5, None]],
    "list of dicts": [{"ret1": 0.5, "vol10": 2.0}, {"ret1": -0.5}],
    "mapping of columns": {"vol10": [2.0, None], "ret1": np.array([0.5, -0.5])},
    "pandas": pd.DataFrame({"ret1": [0.5, -0.5], "vol10": [2.0, None], "other": ["a", "b"]}),
    "polars": pl.DataFrame({"vol10": [2.0, None], "ret1": [0.5, -0.5]}),
}


@pytest.mark.parametrize("features", MANY_ROWS.values(), ids=MANY_ROWS)
@pytest.mark.parametrize("box", [list, np.array, pd.Series, pl.Series], ids=["list", "array", "pandas", "polars"])
def test_many_rows_are_stored_as_they_were_handed_over(storage, recorder, features, box):
    names = recorder.log("spx", features, box([0.25, 0.75]), version="1.4.0")
    recorder.flush()
    table = stored(storage)
    assert table.names == ("time", "id", "prediction", "version", "ret1", "vol10")
    assert (table["id"].tolist(), table["prediction"].tolist()) == (names, [0.25, 0.75])
    np.testing.assert_array_equal(table["ret1"], [0.5, -0.5])
    np.testing.assert_array_equal(table["vol10"], [2.0, np.nan])
    assert table["version"].texts().tolist() == ["1.4.0"] * 2


def test_one_row_and_many_end_in_one_chunk(storage, recorder):
    recorder.log("spx", [1.0, 2.0], 0.1)
    recorder.log("spx", np.ones((2, 2)), np.array([0.2, 0.3]), version="2.0.0")
    recorder.log("spx", np.ones((1, 2)), np.array([0.4]))
    assert recorder.flush().rows == 4
    (batch,) = storage.scan("predictions", "spx")
    assert sorted(batch.table["prediction"].tolist()) == [0.1, 0.2, 0.3, 0.4]
    assert sorted(batch.table["version"].texts().tolist(), key=str) == ["2.0.0", "2.0.0", None, None]


def test_categories_labels_and_missing_values_are_kept(storage, recorder):
    recorder.log("fx", {"ret1": None, "venue": "X"}, "up")
    recorder.log("fx", [0.5, None], "down")
    recorder.log("fx", [0.5, 7], "down")
    recorder.log("fx", {"ret1": [1, 2], "venue": ["Y", 7.0]} | {"venue": ["Y", None]}, ["up", None])
    recorder.log("fx", np.array([[0.5, 7]]), ["up"])
    recorder.flush()
    table = stored(storage, model="fx")
    rows = zip(table["ret1"].tolist(), table["venue"].texts(), table["prediction"].texts(), strict=True)
    found = sorted((str(ret), str(venue), str(label)) for ret, venue, label in rows)
    assert found == sorted(
        [
            ("nan", "X", "up"),
            ("0.5", "None", "down"),
            ("0.5", "7", "down"),
            ("1.0", "Y", "up"),
            ("2.0", "None", "None"),
            ("0.5", "7", "up"),
        ]
    )


def test_rows_without_features_are_rows(storage, recorder):
    recorder.log("spx", None, 0.5)
    recorder.log("spx", None, [0.5, 0.25])
    recorder.log("bare", [], 1)
    recorder.log("bare", None, np.array([True, False]))
    recorder.flush()
    assert stored(storage).names == ("time", "id", "prediction", "version")
    assert len(stored(storage)) == 3
    assert sorted(stored(storage, model="bare")["prediction"].tolist()) == [0.0, 1.0, 1.0]


def test_a_prediction_that_is_missing_is_nan_and_not_zero(storage, recorder):
    recorder.log("bare", None, None)
    recorder.log("bare", None, [None, 1.0])
    recorder.flush()
    np.testing.assert_array_equal(np.sort(stored(storage, model="bare")["prediction"]), [1.0, np.nan, np.nan])


def test_what_networks_and_frames_answer_is_taken_as_it_is(storage, recorder):
    recorder.declare("one", ["ret1"])
    recorder.log("one", np.array([1.0, 2.0]), np.array([[0.25], [0.5]]))
    recorder.log("one", np.array([3.0]), np.float32(0.75))
    recorder.log("one", {"ret1": 4}, 1)
    recorder.log("fx", None, pd.Series(["up", None], dtype="category"))
    recorder.record_outcomes("one", "a", np.array([1]))
    recorder.flush()
    table = stored(storage, model="one")
    assert (table["ret1"].tolist(), table["prediction"].tolist()) == ([1.0, 2.0, 3.0, 4.0], [0.25, 0.5, 0.75, 1.0])
    assert stored(storage, model="fx")["prediction"].texts().tolist() == ["up", None]


def test_what_pandas_puts_for_missing_is_missing(storage, recorder):
    recorder.log("spx", [pd.NA, pd.NaT], pd.NA)
    recorder.log("spx", pd.DataFrame({"ret1": pd.array([None], dtype="Int64"), "vol10": [1.0]}), [pd.NA])
    recorder.flush()
    table = stored(storage)
    np.testing.assert_array_equal(table["prediction"], [np.nan, np.nan])
    np.testing.assert_array_equal(table["ret1"], [np.nan, np.nan])


def test_a_version_may_be_any_object_that_writes_itself(storage, recorder):
    recorder.log("bare", None, 1.0, version=VersionNumber(1, 4, 0))
    recorder.log("bare", None, [1.0], version=VersionNumber(1, 4, 0))
    recorder.flush()
    assert stored(storage, model="bare")["version"].texts().tolist() == ["1.4.0", "1.4.0"]


def test_the_caller_may_change_the_arrays_afterwards(storage, recorder):
    row, rows, predictions = np.ones(2), np.ones((2, 2)), np.ones(2)
    columns = {"ret1": np.ones(2), "vol10": np.ones(2)}
    recorder.log("spx", row, 1.0)
    recorder.log("spx", rows, predictions)
    recorder.log("spx", columns, predictions)
    for array in (row, rows, predictions, *columns.values()):
        array[:] = 9.0
    recorder.flush()
    table = stored(storage)
    assert set(table["ret1"].tolist()) | set(table["vol10"].tolist()) | set(table["prediction"].tolist()) == {1.0}


def test_ids_and_times_that_are_given_are_kept(storage, recorder):
    recorder.log("spx", [0, 0], 0.1, ids="a", times_us=5)
    recorder.log("spx", [0, 0], 0.2, ids=7, times_us=np.int64(6))
    recorder.log("spx", np.zeros((2, 2)), [0.3, 0.4], ids=np.array([8, 9]), times_us=[7, 8])
    assert recorder.log("spx", np.zeros((2, 2)), [0.5, 0.6], ids=["b", "c"], times_us=9) == ["b", "c"]
    recorder.log(
        "spx", np.zeros((1, 2)), [0.7], ids=pd.Series(["d"]), times_us=pd.to_datetime(["1970-01-01T00:00:00.000010Z"])
    )
    recorder.flush()
    table = stored(storage)
    found = dict(zip(table["id"].tolist(), table["time"].tolist(), strict=True))
    assert found == {"a": 5, "7": 6, "8": 7, "9": 8, "b": 9, "c": 9, "d": 10}


def test_made_up_ids_grow_with_time_and_never_repeat(recorder):
    names = [recorder.log("bare", None, 1.0) for _ in range(3)]
    names += recorder.log("bare", None, np.ones(10_000))
    assert names == sorted(set(names))


def test_ids_grow_also_when_the_clock_is_set_back_and_when_a_millisecond_is_full():
    mint = IdMint(b"\0" * 6)
    first = mint.one(LEHMAN_US)
    mint._high, mint._low = 4095, 4096
    later = [mint.one(LEHMAN_US), mint.one(LEHMAN_US - 10_000_000), mint.one(LEHMAN_US + 5_000)]
    assert [first, *later] == sorted({first, *later})
    other = IdMint()
    assert other.one(LEHMAN_US)[:18] == first[:18]
    assert other.one(LEHMAN_US)[24:] != first[24:]


def test_outcomes_are_stored_under_their_ids(storage, recorder):
    recorder.record_outcomes("spx", "a", 1)
    recorder.record_outcomes("spx", [7], True, times_us=5)
    recorder.record_outcomes("spx", ["b", "c"], np.array([0.5, np.nan]), times_us=[6, 7])
    recorder.record_outcomes("fx", ["d", "e"], ["up", None])
    recorder.flush()
    table = stored(storage, "outcomes")
    assert dict(zip(table["id"].tolist(), table["time"].tolist(), strict=True)) == {
        "a": LEHMAN_US,
        "7": 5,
        "b": 6,
        "c": 7,
    }
    values = dict(zip(table["id"].tolist(), table["outcome"].tolist(), strict=True))
    assert (values["a"], values["7"], values["b"], str(values["c"])) == (1.0, 1.0, 0.5, "nan")
    assert set(table.names) == {"time", "id", "outcome"}
    labels = stored(storage, "outcomes", "fx")
    assert isinstance(labels["outcome"], Categories)
    assert sorted(zip(labels["id"], labels["outcome"].texts(), strict=True)) == [("d", "up"), ("e", None)]


REFUSED = {
    "a short row": (
        lambda r: r.log("spx", [1.0], 0.5),
        r"a row of model 'spx' has shape \(1,\); expected \(2,\): .* ret1, vol10",
    ),
    "a long row": (lambda r: r.log("spx", np.ones(3), 0.5), r"a row of model 'spx' has shape \(3,\); expected \(2,\)"),
    "too few rows": (
        lambda r: r.log("spx", np.ones((2, 2)), [0.5] * 3),
        r"have shape \(2, 2\); expected \(3, 2\): a row for each",
    ),
    "too few rows of a frame": (
        lambda r: r.log("spx", {"ret1": [1], "vol10": [1]}, [0.5, 0.5]),
        "have 1 rows for 2 predictions",
    ),
    "a missing name": (
        lambda r: r.log("spx", {"ret1": 1, "vol1": 2}, 0.5),
        "features of model 'spx' has no column 'vol10'; found ret1, vol1; did you mean 'vol1'",
    ),
    "a missing column": (
        lambda r: r.log("spx", pd.DataFrame({"ret1": [1]}), [0.5]),
        "'vol10'; found ret1; what columns.probabilities and columns.segments name is recorded beside",
    ),
    "a number as text": (
        lambda r: r.log("spx", ["1.5", 2], 0.5),
        "feature 'ret1' of model 'spx' is str '1.5'; expected a number: convert it",
    ),
    "a list of texts": (
        lambda r: r.log("spx", [[1, 2], [1, "x"]], [0.5, 0.5]),
        "feature 'vol10' of model 'spx' is str 'x'",
    ),
    "numbers as text in a column": (
        lambda r: r.log("spx", {"ret1": ["1.5"], "vol10": [1]}, [0.5]),
        "column 'ret1' holds numbers written as text",
    ),
    "an object": (lambda r: r.log("spx", [object(), 1], 0.5), "feature 'ret1' of model 'spx' is object <object"),
    "no row": (
        lambda r: r.log("spx", 3.5, 0.5),
        "the features of model 'spx' are float 3.5; expected a row: an array, a list or a mapping of ret1, vol10",
    ),
    "no prediction": (
        lambda r: r.log("spx", [1, 2], object()),
        "the prediction of model 'spx' is object .*; expected a number or a label",
    ),
    "a table of predictions": (
        lambda r: r.log("spx", None, np.ones((2, 3))),
        r"column 'predictions' of the predictions of model 'spx' has shape \(2, 3\)",
    ),
    "times as predictions": (
        lambda r: r.log("spx", None, pd.to_datetime(["2008-09-15"])),
        "the predictions of model 'spx' are times; expected numbers or labels",
    ),
    "too few ids": (
        lambda r: r.log("spx", None, [1, 2], ids=["a"]),
        "the predictions of model 'spx' have 2 rows and 1 ids",
    ),
    "one id for two": (
        lambda r: r.log("spx", None, [1, 2], ids="a"),
        "the ids of the predictions of model 'spx' are 'a'; expected 2 of them",
    ),
    "a missing id": (
        lambda r: r.log("spx", None, [1, 2], ids=["a", None]),
        "the id of row 2 of the predictions of model 'spx' is missing",
    ),
    "ids that are floats": (
        lambda r: r.log("spx", None, [1, 2], ids=[1.5, 2.5]),
        "the ids of .* are float64; expected text or whole numbers",
    ),
    "an id that is a float": (
        lambda r: r.log("spx", None, 1, ids=1.5),
        "the ids of one row are 1.5; expected 1 of them, text or whole numbers",
    ),
    "too few times": (
        lambda r: r.log("spx", None, [1, 2], times_us=[1]),
        "have 2 rows and 1 times; expected one for each, or one for all",
    ),
    "times that are floats": (
        lambda r: r.log("spx", None, 1.0, times_us=1.5),
        "the times of one row are .*; expected whole microseconds since 1970",
    ),
    "a time beyond all times": (
        lambda r: r.log("spx", None, 1.0, times_us=2**63),
        "the times of one row are .*; expected whole microseconds since 1970",
    ),
    "a number beyond all numbers": (
        lambda r: r.log("spx", [10**400, 1], 0.5),
        "feature 'ret1' of model 'spx' is int 1000.*; expected a number",
    ),
    "a missing time": (
        lambda r: r.log("spx", None, [1, 2], times_us=np.array([1, "NaT"], dtype="M8[us]")),
        "the time of row 2 of .* is missing",
    ),
    "outcomes without ids": (
        lambda r: r.record_outcomes("spx", ["a"], [1, 2]),
        "the outcomes of model 'spx' have 2 rows and 1 ids",
    ),
    "an outcome of nothing": (
        lambda r: r.record_outcomes("spx", "a", object()),
        "the outcomes of model 'spx' is object",
    ),
}


@pytest.mark.parametrize(("call", "says"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_at_once_and_nothing_is_recorded(storage, recorder, call, says):
    with pytest.raises(DataError, match=says):
        call(recorder)
    assert recorder.stats().logged == 0
    assert recorder.flush().rows == 0


def test_a_model_that_was_not_declared_is_refused_with_the_nearest(recorder):
    with pytest.raises(
        UsageError, match="model 'spy' was not declared; declared are spx, fx, bare; did you mean 'spx'"
    ):
        recorder.log("spy", [1], 0.5)
    with pytest.raises(UsageError, match=r"the model 'a\\x00b' holds the character"):
        recorder.record_outcomes("a\0b", "id", 1)


@pytest.mark.parametrize(
    ("features", "categories", "says"),
    [
        (["id"], [], "feature 'id' of model 'spx' has the name of a column that the store keeps beside the features"),
        (["a", "a"], [], "the declaration of model 'spx' has two columns named 'a'"),
        (["a\n"], [], "the feature 'a.n' holds the character"),
        (["venue"], ["venu"], "the declaration of model 'spx' has no column 'venu'; found venue; did you mean 'venue'"),
    ],
    ids=["reserved", "twice", "unprintable", "unknown category"],
)
def test_a_declaration_that_cannot_be_kept_is_refused(recorder, features, categories, says):
    with pytest.raises((UsageError, DataError), match=says):
        recorder.declare("spx", features, categories=categories)


def test_a_model_can_be_declared_again_with_other_features(storage, recorder):
    recorder.log("spx", [1.0, 2.0], 0.1)
    recorder.declare("spx", ["ret1", "vol10"])
    recorder.declare("spx", ["ret5"])
    recorder.log("spx", [3.0], 0.2)
    recorder.flush()
    batches = {tuple(batch.table.names)[3:]: len(batch.time) for batch in storage.scan("predictions", "spx")}
    assert batches == {("ret1", "vol10"): 1, ("ret5",): 1}


def test_flush_tells_what_it_wrote(recorder):
    assert recorder.flush().durability is None
    recorder.log("bare", None, [1.0, 2.0])
    receipt = recorder.flush()
    assert (receipt.rows, receipt.refused, receipt.durability) == (2, 0, Durability.BUFFERED)


def test_a_store_that_fails_keeps_the_rows_waiting_and_gets_them_once(storage, recorder):
    recorder.log("bare", None, 1.0)
    storage.before = [StoreError("the disk is full")]
    with pytest.raises(StoreError, match="the disk is full"):
        recorder.flush()
    recorder.log("bare", None, 2.0)
    assert recorder.stats().waiting_rows == 2
    assert recorder.flush().rows == 2
    assert stored(storage, model="bare")["prediction"].tolist() == [1.0, 2.0]
    assert (recorder.stats().waiting_rows, recorder.stats().waiting_bytes) == (0, 0)


def test_a_commit_whose_answer_was_lost_is_not_made_twice(storage, recorder):
    recorder.log("bare", None, 1.0)
    storage.after = [StoreError("the connection broke after the commit")]
    with pytest.raises(StoreError):
        recorder.flush()
    recorder.log("bare", None, 2.0)
    recorder.flush()
    assert stored(storage, model="bare")["prediction"].tolist() == [1.0, 2.0]


def test_rows_that_the_store_refuses_do_not_hold_up_the_others(storage, recorder, caplog):
    storage.bad_ids = {"x", "y"}
    recorder.log("spx", np.zeros((100, 2)), np.ones(100))
    recorder.log("spx", [0.0, 0.0], 1.0, ids="x")
    recorder.log("bare", None, 1.0)
    recorder.record_outcomes("spx", ["y", "z"], [0, 1])
    storage.after = [StoreError("and once the connection breaks half-way")]
    with pytest.raises(StoreError):
        recorder.flush()
    receipt = recorder.flush()
    assert (receipt.rows, receipt.refused) == (102, 2)
    assert len(stored(storage)) == 100
    assert stored(storage, "outcomes")["id"].tolist() == ["z"]
    assert recorder.stats().refused == 2
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told == [
        "the store refused 1 rows of model spx, the first with id 'x': column 'id' holds x",
        "the store refused 1 rows of model spx, the first with id 'y': column 'id' holds y",
    ]


def test_a_label_among_numbers_is_refused_and_the_numbers_are_kept(storage, recorder):
    recorder.log("bare", None, [0.5, 0.25])
    recorder.flush()
    recorder.log("bare", None, 0.75)
    recorder.log("bare", None, "up")
    recorder.record_outcomes("bare", ["a", "b"], [1.0, 0.0])
    recorder.record_outcomes("bare", "c", "up")
    receipt = recorder.flush()
    assert (receipt.rows, receipt.refused) == (3, 2)
    assert sorted(stored(storage, model="bare")["prediction"].tolist()) == [0.25, 0.5, 0.75]


def test_the_flusher_writes_by_itself_and_tries_again_after_any_failure(storage, make, caplog):
    storage.before = [StoreError("once"), RuntimeError("a bug in the plugin")]
    recorder = make(flush_seconds=0.001)
    recorder.log("bare", None, 1.0)
    assert storage.has_committed.wait(10)
    recorder.stop()
    stats = recorder.stats()
    assert (stats.flushed, stats.failures, stats.waiting_rows) == (1, 2, 0)
    assert stats.last_failure == "StoreError: once"
    assert "plugin storage failed at predictions and outcomes: RuntimeError: a bug in the plugin" in caplog.text


def test_when_nothing_more_fits_a_call_fails_loudly_and_nothing_is_lost(storage, make, caplog):
    recorder = make(max_bytes=5_000, block_seconds=0.0)
    storage.before = [StoreError("slow")] * 1000
    kept = []

    def log_until_full():
        for at in range(1000):
            name = recorder.log("bare", None, float(at))
            kept.append(name)

    with pytest.raises(StoreBusy, match="still wait for the store after 0 s, so that this call was not recorded"):
        log_until_full()
    assert 2 <= len(kept) < 1000
    with pytest.raises(StoreBusy):
        recorder.record_outcomes("bare", "a", 1.0)
    stats = recorder.stats()
    assert (stats.waiting_rows, stats.blocked_calls) == (len(kept), 2)
    assert stats.waiting_bytes <= 5_000
    assert sum("the store is slower than what is logged" in record.getMessage() for record in caplog.records) == 1
    storage.before = []
    recorder.flush()
    assert stored(storage, model="bare")["id"].tolist() == kept
    recorder.log("bare", None, 1.0)


def test_a_slow_store_is_told_once_an_episode(storage, make, caplog, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    caplog.set_level(logging.INFO)
    recorder = make(max_bytes=1_000, block_seconds=0.0)

    def fill():
        try:
            for _ in range(5):
                recorder.log("bare", None, 1.0)
        except StoreBusy:
            recorder.flush()

    def told():
        return [record.getMessage() for record in caplog.records if "store" in record.getMessage()]

    slow = "the store is slower than what is logged: 2 rows wait in memory, calls to log() now wait for room"
    fill()
    now[0] += 59.0
    fill()
    assert told() == [slow]
    now[0] += 61.0
    recorder.log("bare", None, 1.0)
    recorder.flush()
    assert told() == [slow, "the store keeps up again: 2 calls had to wait"]
    fill()
    assert told()[2:] == [slow]


def test_a_call_that_interrupts_another_one_of_its_thread_says_so_and_does_not_wait_for_ever(storage, recorder):
    recorder.start()
    recorder.log("bare", None, 1.0, ids="a")
    calls = {
        "one": lambda: recorder.log("bare", None, 1.0),
        "many": lambda: recorder.log("bare", None, [1.0]),
        "outcome": lambda: recorder.record_outcomes("bare", "a", 1.0),
        "start": recorder.start,
        "flush": recorder.flush,
        "stop": recorder.stop,
        "stats": recorder.stats,
    }
    for lock, interrupted in (
        (recorder._waiting.lock, calls),
        (recorder._flusher._lock, ("start", "flush", "stop", "stats")),
        (recorder._life, ("start", "flush", "stop", "stats")),
    ):
        for name in interrupted:
            with lock, pytest.raises(UsageError, match=r"interrupts another one .* let the handler raise SystemExit"):
                calls[name]()
    recorder.stop()
    assert stored(storage, model="bare")["id"].tolist() == ["a"]


def test_a_first_call_that_interrupts_a_start_says_so(recorder):
    with recorder._life, pytest.raises(UsageError, match="interrupts another one"):
        recorder.log("bare", None, 1.0)


def test_a_call_that_waits_goes_on_when_there_is_room(storage, make):
    recorder = make(max_bytes=1_000, block_seconds=30.0)
    names = [recorder.log("bare", None, float(at)) for at in range(20)]
    recorder.flush()
    assert stored(storage, model="bare")["id"].tolist() == names
    assert recorder.stats().blocked_calls > 0


def test_many_rows_larger_than_the_memory_go_through_in_pieces(storage, make):
    recorder = make(max_bytes=100_000)
    recorder.log("spx", np.ones((2_000, 2)), np.ones(2_000))
    recorder.record_outcomes("spx", [str(at) for at in range(2_000)], np.ones(2_000))
    recorder.flush()
    assert len(stored(storage)) == len(stored(storage, "outcomes")) == 2_000


def test_starting_and_stopping_twice_is_fine(storage, recorder):
    recorder.start()
    recorder.start()
    recorder.log("bare", None, 1.0)
    recorder.stop()
    recorder.stop()
    assert len(stored(storage, model="bare")) == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "watchkeeper-flusher"]
    with pytest.raises(UsageError, match="the recorder is stopped, so that this call was not recorded"):
        recorder.log("bare", None, 1.0)
    recorder.start()
    recorder.log("bare", None, 2.0)
    recorder.stop()
    assert len(stored(storage, model="bare")) == 2


def test_a_call_that_is_overtaken_by_stop_says_that_it_was_not_recorded(recorder):
    recorder.start()
    recorder._waiting.refuse()  # what stop() does first, while another thread is inside log()
    with pytest.raises(UsageError, match="the recorder is stopped, so that this call was not recorded"):
        recorder.log("bare", None, 1.0)


def test_stopping_with_a_store_that_fails_says_what_becomes_of_the_rows(storage, make, tmp_path):
    plain, journaled = make(), make(journal=tmp_path / "journal")
    for recorder, says in (
        (plain, "1 rows are not in the store, and will be lost"),
        (journaled, "1 rows are not in the store yet; the journal keeps them for the next start: full"),
    ):
        recorder.log("bare", None, 1.0)
        storage.before = [StoreError("full")] * 3
        with pytest.raises(StoreError, match=says):
            recorder.stop()
        storage.before = []
        recorder.stop()
    assert len(stored(storage, model="bare")) == 2


def test_a_stopped_recorder_goes_on_with_what_the_store_did_not_take(storage, make, tmp_path):
    recorder = make(journal=tmp_path / "journal")
    recorder.log("bare", None, 1.0)
    storage.before = [StoreError("full")] * 3
    with pytest.raises(StoreError):
        recorder.stop()
    storage.before = []
    recorder.start()
    recorder.log("bare", None, 2.0)
    recorder.stop()
    assert stored(storage, model="bare")["prediction"].tolist() == [1.0, 2.0]
    assert list((tmp_path / "journal").iterdir()) == []


def test_a_child_process_may_not_use_its_parent_s_recorder(recorder, monkeypatch):
    recorder.log("bare", None, 1.0)
    with monkeypatch.context() as patched:
        patched.setattr("os.getpid", lambda: -1)
        for call in (lambda: recorder.log("bare", None, 1.0), recorder.flush, recorder.stop, recorder.start):
            with pytest.raises(UsageError, match=r"made by process .* and is used by its child -1"):
                call()
        recorder._stop_at_exit()
    assert recorder.stats().waiting_rows == 1


def test_the_lag_is_how_long_the_oldest_row_waits(recorder, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("watchkeeper.monitor.recording.waiting.time.monotonic", lambda: now[0])
    assert recorder.stats().flush_lag_seconds == 0.0
    recorder.log("bare", None, 1.0)
    now[0] += 2.5
    recorder.log("bare", None, 1.0)
    assert recorder.stats().flush_lag_seconds == 2.5
    recorder.flush()
    stats = recorder.stats()
    assert (stats.flush_lag_seconds, stats.longest_lag_seconds) == (0.0, 2.5)


def test_eight_threads_lose_nothing(storage, make):
    recorder = make(flush_seconds=0.001)
    names = [[] for _ in range(8)]

    def log(mine):
        mine.extend(recorder.log("spx", [1.0, 2.0], 0.5) for _ in range(500))

    threads = [threading.Thread(target=log, args=(mine,)) for mine in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.stop()
    expected = sorted(name for mine in names for name in mine)
    assert sorted(stored(storage)["id"].tolist()) == expected
    assert len(set(expected)) == 4000
