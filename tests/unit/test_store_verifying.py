"""Verifying and backing up a store that knows nothing of its own files: all through its contract."""

from __future__ import annotations

import io

import numpy as np
import pytest

from watchkeeper.app.storing.addresses import folder_address, named_address, opened_store
from watchkeeper.app.storing.backups import back_up, restore
from watchkeeper.app.storing.contents import contents_of
from watchkeeper.app.storing.statistics import statistics_of, told_moment
from watchkeeper.app.storing.verifying import problems_of
from watchkeeper.contracts.storage import Append, LogEntry, Namespace, Put
from watchkeeper.domain.errors import ConfigError, StoreCorrupt, StoreError, UsageError
from watchkeeper.domain.table import Table
from watchkeeper.plugins import Plugins
from watchkeeper.testing.memory import MemoryStorage

NOTES = Namespace("notes")


def silent(_):
    pass


@pytest.fixture
def store():
    found = MemoryStorage()
    for key in ("ndx", "spx"):
        found.commit([Append("rows", key, np.arange(3), Table({"p": np.zeros(3)}))])
    found.commit([Put(NOTES, "a", {"n": 1}), LogEntry("audit", {"n": 1})])
    found.put_blob(io.BytesIO(b"model"))
    return found


def test_a_sound_store_has_no_problems(store):
    assert problems_of(store, silent) == ()


def test_each_damaged_part_is_told_and_the_others_are_read_all_the_same(store, monkeypatch):
    (blob,) = store.blobs()
    store._blobs[blob.digest] = b"other"
    scan = store.scan

    def damaged(stream, key, *window, **columns):
        if key == "ndx":
            raise StoreCorrupt("the rows of ndx are damaged")
        return iter(()) if key == "spx" else scan(stream, key, *window, **columns)

    monkeypatch.setattr(store, "scan", damaged)
    monkeypatch.setattr(store, "read_log", lambda log: iter(_raise(StoreCorrupt(f"{log} is broken"))))
    problems = problems_of(store, silent)
    assert problems[:3] == ("the rows of ndx are damaged", "rows/spx has 0 rows; 3 were counted", "audit is broken")
    assert blob.digest in problems[3]


def _raise(error):
    raise error
    yield


def test_any_store_is_backed_up_into_a_folder_and_restored(store, tmp_path):
    plugins = Plugins()
    back_up(store, tmp_path / "kept", plugins, silent)
    with opened_store(folder_address(tmp_path / "kept"), plugins) as kept:
        assert contents_of(kept, silent) == contents_of(store, silent)
    restore(tmp_path / "kept", folder_address(tmp_path / "again"), plugins, silent)
    with opened_store(folder_address(tmp_path / "again"), plugins) as again:
        assert contents_of(again, silent) == contents_of(store, silent)


def test_a_backup_that_fails_leaves_nothing_behind(store, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "open_blob", lambda digest: _refuse())
    with pytest.raises(StoreCorrupt, match="no blob today"):
        back_up(store, tmp_path / "kept", Plugins(), silent)
    assert list(tmp_path.iterdir()) == []


def _refuse():
    raise StoreCorrupt("no blob today")


def test_a_folder_that_holds_something_is_no_store_and_is_left_alone(tmp_path):
    (tmp_path / "telemetry").mkdir()
    with (
        pytest.raises(StoreError, match=r"there is no store in .*/nowhere"),
        opened_store(folder_address(tmp_path / "nowhere"), Plugins()),
    ):
        pass
    assert not (tmp_path / "nowhere").exists()


def test_a_url_in_a_file_is_read_and_a_missing_one_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("sqlite:///there\n")
    assert named_address("file:secret", "FROM").path == tmp_path / "there"
    with pytest.raises(ConfigError, match=r"FROM reads the file .*/nowhere, which cannot be opened"):
        named_address("file:nowhere", "FROM")
    with pytest.raises(UsageError, match="FROM is no place of a store: expected a storage URL") as caught:
        named_address("hidden-word", "FROM")
    assert "hidden-word" not in str(caught.value)


def test_statistics_count_and_tell_times_that_no_calendar_has(store):
    ends = np.iinfo(np.int64)
    store.commit([Append("rows", "ends", np.array([ends.min, ends.max]), Table({"p": np.zeros(2)}))])
    plain = statistics_of(store).plain()
    assert [one["rows"] for one in plain["series"]] == [2, 3, 3]
    assert (plain["series"][0]["first"], plain["series"][0]["last"]) == (str(ends.min), str(ends.max))
    assert told_moment(0) == "1970-01-01T00:00:00Z"
    assert plain["blobs"] == {"count": 1, "bytes": 5}
