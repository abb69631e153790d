"""The SQLite store keeps the storage contract."""

from __future__ import annotations

import sqlite3
from functools import partial

import pytest

from watchkeeper.testing import StorageContract
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build


class TestSqliteStorage(StorageContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path / "watch"
        self.options = SqliteOptions(f"sqlite:///{self.folder}")

    @pytest.fixture
    def subject(self, _folder):
        store = build(self.options)
        yield store
        store.close()

    def opener(self, subject):
        return partial(build, self.options)

    def written_by_newer(self, subject):
        subject.close()
        with sqlite3.connect(self.folder / "state.db") as connection:
            connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
        connection.close()

    def damage_blob(self, subject, digest):
        path = self.folder / "blobs" / digest[:2] / digest
        if path.exists():
            path.chmod(0o644)
            path.write_bytes(b"X" + path.read_bytes()[1:])
            return
        with sqlite3.connect(self.folder / "state.db") as connection:
            connection.execute("UPDATE blob SET data = ? WHERE digest = ?", (b"sMall", digest))
        connection.close()
