"""The process dies at each point between the rule and the receiver; another goes on; nobody misses anything."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from watchkeeper.alerting.letters import OUTBOX
from watchkeeper.alerting.record import ALERTS
from watchkeeper.testing.http_receiver import HttpReceiver
from watchkeeper_plugins.storage import sqlite

pytestmark = pytest.mark.faults
PROCESS = Path(__file__).with_name("alert_failpoint_process.py")
POINTS = [
    *(f"{when}-{step}" for step in ("commit", "lease") for when in ("before", "within", "after")),
    *("before-send", "after-send"),
    *(f"{when}-mark" for when in ("before", "within", "after")),
]
ACCEPTED_AND_NOT_NOTED = {"after-send", "before-mark", "within-mark"}


def lived(store, url, point):
    """How the process ended, and what it printed."""
    command = [sys.executable, str(PROCESS), store, url, point]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout.strip(), done.stderr


@pytest.mark.parametrize("point", POINTS)
def test_whoever_dies_there_loses_nothing_and_repeats_at_most_what_was_being_sent(tmp_path, point):
    store = f"sqlite:///{tmp_path / 'watch'}"
    with HttpReceiver() as receiver:
        code, said, trouble = lived(store, receiver.url.rstrip("/"), point)
        assert (code, said) == (-signal.SIGKILL, ""), trouble
        assert lived(store, receiver.url.rstrip("/"), "none")[:2] == (0, "done")
        told = Counter((request.path, request.key) for request in receiver.requests)

    by_receiver = Counter(path for path, _ in told)
    assert sorted(by_receiver.values()) == [3, 3], "each receiver hears of each of the three alerts, under one key"
    repeated = sum(told.values()) - len(told)
    assert repeated == (1 if point in ACCEPTED_AND_NOT_NOTED else 0), told

    storage = sqlite.build(sqlite.SqliteOptions(store))
    try:
        events = Counter(entry.body["event"] for entry in storage.read_log("alerts"))
        assert (len(storage.find(ALERTS)), storage.find(OUTBOX)) == (3, ())
        assert events == {"firing": 3, "delivered": 6}, "nothing is half written, and the chain is whole"
    finally:
        storage.close()
