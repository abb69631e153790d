"""The recorder over the SQLite store: rows are read back as they were logged, also those of the last moment."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from watchkeeper.clock import SystemClock
from watchkeeper.contracts.storage import Durability
from watchkeeper.domain.table import joined
from watchkeeper.monitor.recorder import Recorder
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build


@pytest.fixture
def storage(tmp_path):
    store = build(SqliteOptions(f"sqlite:///{tmp_path}/watch"))
    yield store
    store.close()


def stored(storage, stream="predictions", model="spx"):
    return joined([batch.table for batch in storage.scan(stream, model)])


def test_rows_and_outcomes_are_read_back_as_they_were_logged(storage):
    recorder = Recorder(storage, SystemClock())
    recorder.declare("spx", ("ret1", "venue"), categories=["venue"])
    recorder.start()
    one = recorder.log("spx", {"ret1": 0.5, "venue": "X"}, 0.25, version="1.0.0")
    many = recorder.log("spx", {"ret1": [1, None], "venue": ["Y", None]}, [0.5, 0.75])
    recorder.record_outcomes("spx", [one, *many], [1, 0, 1])
    receipt = recorder.flush()
    recorder.stop()
    table = stored(storage)
    assert receipt.durability in {Durability.SYNCED, None}
    assert table["id"].tolist() == [one, *many]
    assert table["prediction"].tolist() == [0.25, 0.5, 0.75]
    assert table["version"].texts().tolist() == ["1.0.0", None, None]
    assert table["venue"].texts().tolist() == ["X", "Y", None]
    np.testing.assert_array_equal(table["ret1"], [0.5, 1.0, np.nan])
    assert stored(storage, "outcomes")["outcome"].tolist() == [1.0, 0.0, 1.0]


def test_a_row_that_the_store_cannot_hold_does_not_hold_up_the_others(storage, caplog):
    recorder = Recorder(storage, SystemClock(), flush_seconds=3600.0)
    recorder.declare("spx")
    for name in ("a", "b\ud800", "c", "d" * 1_000_001, "e"):
        recorder.log("spx", None, 1.0, ids=name)
    receipt = recorder.flush()
    recorder.stop()
    assert (receipt.rows, receipt.refused) == (3, 2)
    assert stored(storage)["id"].tolist() == ["a", "c", "e"]
    assert "lone surrogate" in caplog.text
    assert "1,000,001 characters" in caplog.text


BROKEN = "caf\udce9"
"""What `os.fsdecode` makes of a byte that is no UTF-8."""


@pytest.mark.parametrize("place", ["category", "version", "label", "outcome"])
@pytest.mark.parametrize("many", [False, True], ids=["one by one", "in one call"])
def test_a_text_that_the_store_cannot_hold_costs_its_own_row_alone(storage, caplog, place, many):
    recorder = Recorder(storage, SystemClock(), flush_seconds=3600.0)
    recorder.declare("spx", ("ret1", "venue"), categories=["venue"])
    venues = [BROKEN if at == 500 and place == "category" else "X" for at in range(1000)]
    labels = [BROKEN if at == 500 and place == "label" else "up" for at in range(1000)]
    outcomes = [BROKEN if at == 500 and place == "outcome" else "up" for at in range(1000)]
    ids = [f"i{at}" for at in range(1000)]
    if many and place != "version":
        recorder.log("spx", {"ret1": [1.0] * 1000, "venue": venues}, labels, ids=ids)
    else:
        for at, name in enumerate(ids):
            version = BROKEN if at == 500 and place == "version" else "1"
            recorder.log("spx", [1.0, venues[at]], labels[at], ids=name, version=version)
    recorder.record_outcomes("spx", ids, outcomes)
    receipt = recorder.flush()
    recorder.stop()
    assert (receipt.rows, receipt.refused) == (1999, 1)
    whole = {name for name in ids if name != "i500"}
    found = stored(storage), stored(storage, "outcomes")
    assert [set(table["id"]) for table in found] == ([set(ids), whole] if place == "outcome" else [whole, set(ids)])
    assert {
        text for table in found for name in ("venue", "outcome") if name in table for text in table[name].texts()
    } == {
        "X",
        "up",
    }
    assert "the first with id 'i500'" in caplog.text


def test_a_label_that_no_row_has_costs_no_row(storage):
    recorder = Recorder(storage, SystemClock(), flush_seconds=3600.0)
    recorder.declare("spx")
    recorder.log("spx", None, pd.Categorical(["up", "up"], categories=["x" * 1_000_001, "up"]))
    receipt = recorder.flush()
    recorder.stop()
    assert (receipt.rows, receipt.refused) == (2, 0)
    assert stored(storage)["prediction"].texts().tolist() == ["up", "up"]


PROGRAM = """
import sys
from watchkeeper.clock import SystemClock
from watchkeeper.monitor.recorder import Recorder
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build

recorder = Recorder(build(SqliteOptions(sys.argv[1])), SystemClock(), flush_seconds=3600.0)
recorder.declare("spx")
recorder.log("spx", None, [1.0, 2.0, 3.0])
"""


def test_a_program_that_just_ends_loses_nothing(storage, tmp_path):
    url = f"sqlite:///{tmp_path}/watch"
    done = subprocess.run([sys.executable, "-c", PROGRAM, url], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert stored(storage)["prediction"].tolist() == [1.0, 2.0, 3.0]


def test_a_program_that_ends_with_an_error_loses_nothing(storage, tmp_path):
    url = f"sqlite:///{tmp_path}/watch"
    program = PROGRAM + "raise SystemExit(3)"
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, timeout=60, check=False)
    assert done.returncode == 3
    assert len(stored(storage)) == 3
