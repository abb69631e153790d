"""SIGTERM while rows are logged: what becomes of those that wait, by what the service does with the signal."""

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from watchkeeper_plugins.storage.sqlite import SqliteOptions, build

PROGRAM = Path(__file__).with_name("terminated_process.py")


def terminated(folder, answer, rows, *, step=1000, flushes=""):
    """Ask the process to end after about so many rows; its exit code, what it said, and how many it had logged."""
    command = [sys.executable, str(PROGRAM), str(folder), answer, str(step), flushes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        timer = threading.Timer(60, process.kill)  # a process that hangs ends here, with another exit code
        timer.start()
        said = [process.stdout.readline() for _ in range(rows // step)]
        process.send_signal(signal.SIGTERM)
        said += process.stdout.readlines()
        errors = process.stderr.read().decode()
        code = process.wait()
        timer.cancel()
    return code, errors, int(said[-1])


def stored_ids(folder):
    storage = build(SqliteOptions(f"sqlite:///{folder}/watch"))
    found = [name for batch in storage.scan("predictions", "spx") for name in batch.table["id"].tolist()]
    storage.close()
    return found


@pytest.mark.faults
def test_a_handler_that_raises_system_exit_loses_no_row(tmp_path):
    chance = random.Random(11)  # noqa: S311 - when to end is no secret
    for number in range(6):
        folder = tmp_path / str(number)
        code, errors, logged = terminated(folder, "leave", chance.randrange(1000, 20_000))
        found = stored_ids(folder)
        assert (code, errors) == (0, "")
        assert found[:logged] == [str(at) for at in range(logged)]
        assert len(found) == len(set(found))


@pytest.mark.faults
def test_a_handler_that_raises_system_exit_in_a_commit_loses_no_row_and_doubles_none(tmp_path):
    chance = random.Random(13)  # noqa: S311 - the same
    for number in range(12):
        folder = tmp_path / str(number)
        code, errors, logged = terminated(folder, "leave", chance.randrange(10, 200), step=10, flushes="yes")
        found = stored_ids(folder)
        assert (code, errors) == (0, "")
        assert found[:logged] == [str(at) for at in range(logged)]
        assert len(found) == len(set(found)) <= logged + 10


@pytest.mark.faults
def test_a_handler_that_stops_the_recorder_is_told_or_obeyed_and_never_hangs(tmp_path):
    chance = random.Random(12)  # noqa: S311 - the same
    for number in range(6):
        folder = tmp_path / str(number)
        code, errors, logged = terminated(folder, "close", chance.randrange(1000, 20_000))
        assert code in {0, 1}
        assert (code == 1) == ("let the handler raise SystemExit" in errors)
        assert stored_ids(folder)[:logged] == [str(at) for at in range(logged)]


@pytest.mark.faults
def test_without_a_handler_and_without_a_journal_what_waits_is_lost_as_the_pages_say(tmp_path):
    code, _, logged = terminated(tmp_path, "default", 5000)
    assert code == -signal.SIGTERM
    assert logged >= 5000
    assert stored_ids(tmp_path) == []
