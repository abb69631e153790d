"""Online backup: a copy of a store that can be opened as one, made while others read and write."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from watchkeeper.domain.errors import StoreError

from .blobs import Blobs
from .database import Database
from .days import Days
from .failures import told


def back_up(state: Database, days: Days, blobs: Blobs, target: Path) -> None:
    """Copy everything into the folder `target`, which must be empty or not there; durable when it returns.

    The caller keeps maintenance away, so that no file goes meanwhile. The state is copied first: whatever it names,
    days and blobs, is there to be copied afterwards; rows that come later may be in the copy or not.
    """
    with told(target):
        if target.exists() and any(target.iterdir()):
            raise StoreError(f"{target} is not empty: back up into a new folder, so that no other backup is harmed")
        for folder in (target, target / "telemetry", target / "blobs"):
            folder.mkdir(parents=True, exist_ok=True)
    _copy(state, target / "state.db")
    for name in days.names():
        day = days.file(name)
        if day is not None:
            _copy(day, target / "telemetry" / f"{name}.db")
    with told(target):
        for source in blobs.files():
            copy = target / "blobs" / source.parent.name / source.name
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(source, copy)
            _synced(copy)
        for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
            _synced(folder)


def _copy(database: Database, target: Path) -> None:
    with database.reading() as connection, told(target):
        copy = sqlite3.connect(target)
        try:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = WAL")
        finally:
            copy.close()
        _synced(target)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
