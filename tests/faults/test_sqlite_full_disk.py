"""A disk that is full and a folder that is read-only: a clear error, nothing lost, and usable afterwards."""

from __future__ import annotations

import contextlib
import io
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, LogEntry, Namespace, Put
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.table import Table
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build

pytestmark = pytest.mark.faults
NOTES = Namespace("notes")


def append(number, rows=200):
    time = np.arange(number * rows, (number + 1) * rows)
    columns = {"number": time, "feature": np.random.default_rng(number).random(rows)}
    return Append("rows", "momentum", time, Table(columns), ("feature",))


def numbers_of(store):
    return sorted(each for batch in store.scan("rows", "momentum") for each in batch.table["number"].tolist())


@contextlib.contextmanager
def files_no_larger_than(size):
    """What a write beyond `size` bytes meets is EFBIG; Python ignores the signal that comes with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(step, limit=2000):
    """Call `step` with 0, 1, ... until the disk is full; what was acknowledged, and the error."""
    for number in range(limit):
        try:
            step(number)
        except StoreError as error:
            return number, str(error)
    raise AssertionError("the disk was never full")


def require_usable(store, acknowledged, notes):
    rows = acknowledged * 200
    assert numbers_of(store) == list(range(rows)), "acknowledged rows are there, and no others"
    assert [entry.body["n"] for entry in store.read_log("audit")] == list(range(notes))
    store.commit([append(acknowledged)])
    store.commit([Put(NOTES, "after", {}), LogEntry("audit", {"n": notes})])
    while not store.maintain(5.0).is_finished:
        pass
    assert numbers_of(store) == list(range(rows + 200))
    assert len(list(store.read_log("audit"))) == notes + 1


@pytest.mark.parametrize("checkpoint_bytes", [33_554_432, 100_000], ids=["before a checkpoint", "at checkpoints"])
def test_files_that_may_not_grow_lose_nothing(tmp_path, checkpoint_bytes):
    store = build(SqliteOptions(f"sqlite:///{tmp_path}/watch", checkpoint_bytes=checkpoint_bytes))
    store.commit([append(0)])
    store.commit([Put(NOTES, "first", {}), LogEntry("audit", {"n": 0})])
    with files_no_larger_than(600_000):
        acknowledged, rows_error = fill(lambda number: store.commit([append(number + 1)]))
        notes, notes_error = fill(
            lambda number: store.commit(
                [Put(NOTES, f"n{number}", {"x": "y" * 2000}), LogEntry("audit", {"n": number + 1})]
            )
        )
        with pytest.raises(StoreError, match="no room to write"):
            store.put_blob(io.BytesIO(bytes(2_000_000)))
        assert len(numbers_of(store)) == 200 * (acknowledged + 1), "what is there can still be read"
    for error in (rows_error, notes_error):
        assert "nothing was written" in error
        assert ".db" in error
    assert acknowledged > 5
    require_usable(store, acknowledged + 1, notes + 1)
    assert not list((tmp_path / "watch" / "blobs").glob("unfinished-*"))
    store.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB, where the machine lets us make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("only root may make a file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_loses_nothing_and_is_used_again_when_there_is_room(small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_500_000))
    store = build(SqliteOptions(f"sqlite:///{small_disk}/watch"))
    store.commit([append(0)])
    store.commit([LogEntry("audit", {"n": 0})])
    acknowledged, error = fill(lambda number: store.commit([append(number + 1)]))
    assert "there is no room to write" in error
    assert "nothing was written: free some space and try again" in error
    notes, _ = fill(lambda number: store.commit([LogEntry("audit", {"n": number + 1, "x": "y" * 3000})]))
    assert len(numbers_of(store)) == 200 * (acknowledged + 1)
    filler.unlink()
    require_usable(store, acknowledged + 1, notes + 1)
    store.close()


def test_a_store_on_a_full_disk_can_be_opened_and_read(small_disk):
    store = build(SqliteOptions(f"sqlite:///{small_disk}/watch"))
    store.commit([append(0)])
    store.commit([Put(NOTES, "first", {"n": 1})])
    store.close()
    with contextlib.suppress(OSError), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    refusal = ""
    try:
        store = build(SqliteOptions(f"sqlite:///{small_disk}/watch"))
        assert numbers_of(store) == list(range(200))
        assert store.get(NOTES, "first").value == {"n": 1}
        store.close()
    except StoreError as error:
        refusal = str(error)
    assert not refusal or "no room" in refusal or "free space" in refusal
    (small_disk / "filler").unlink()
    store = build(SqliteOptions(f"sqlite:///{small_disk}/watch"))
    require_usable(store, 1, 0)
    store.close()


READ_ONLY = """
import os, sys
from watchkeeper.contracts.storage import Namespace, Put
from watchkeeper.domain.errors import StoreError
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)  # root may write everywhere
try:
    store = SqliteStorage(SqliteOptions("sqlite:///" + sys.argv[1]))
    store.commit([Put(Namespace("notes"), "a", {})])
except StoreError as error:
    print(error)
"""


def test_a_read_only_folder_is_told_and_nothing_is_changed(tmp_path):
    # pytest's own folder is closed to other users
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    folder = tmp_path / "watch"
    store = build(SqliteOptions(f"sqlite:///{folder}"))
    store.commit([Put(NOTES, "mine", {})])
    store.close()
    before = sorted((path, path.stat().st_size) for path in folder.rglob("*"))
    set_modes(folder, 0o555, 0o444)
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(folder)], capture_output=True, text=True, check=False
        )
    finally:
        set_modes(folder, 0o755, 0o644)
    assert done.returncode == 0, done.stderr
    assert f"{folder}" in done.stdout
    assert "check who may write there" in done.stdout
    assert sorted((path, path.stat().st_size) for path in folder.rglob("*")) == before
    store = build(SqliteOptions(f"sqlite:///{folder}"))
    store.commit([Put(NOTES, "again", {})])
    assert [document.key for document in store.find(NOTES)] == ["again", "mine"]
    store.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(tmp_path / "watch")], capture_output=True, text=True, check=False
        )
    finally:
        tmp_path.chmod(0o755)
    assert "cannot be written (Permission denied): check who may write there, or use another folder" in done.stdout


def set_modes(folder: Path, of_folders: int, of_files: int) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(of_folders if path.is_dir() else of_files)
