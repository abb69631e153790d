"""The PostgreSQL store keeps the storage contract, on a real server."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest

from watchkeeper.testing import StorageContract
from watchkeeper_plugins.storage.postgres import PostgresOptions, build

pytestmark = pytest.mark.postgres


class TestPostgresStorage(StorageContract):
    @pytest.fixture(autouse=True)
    def _database(self, database):
        self.database = database
        self.options = PostgresOptions(database.url)

    @pytest.fixture
    def subject(self, _database):
        store = build(self.options)
        yield store
        store.close()

    def opener(self, subject):
        return partial(build, self.options)

    def written_by_newer(self, subject):
        subject.close()
        self._changed("UPDATE meta SET value = '99' WHERE name = 'schema'")

    def damage_blob(self, subject, digest):
        self._changed("UPDATE blob_part SET data = 'X' || substr(data, 2) WHERE number = 0")

    def _changed(self, statement):
        with psycopg.connect(self.options.conninfo, autocommit=True) as connection:
            connection.execute(f"SET search_path = {self.options.schema}")
            connection.execute(statement)
