"""A silence has ended; who tells that dies in the middle, or does it beside others: each alert is told once."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from watchkeeper.alerting import Alerting, Matcher, Rule, parsed
from watchkeeper.alerting.letters import OUTBOX
from watchkeeper.alerting.record import DUES
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.clock import FakeClock
from watchkeeper_plugins.storage import sqlite

pytestmark = pytest.mark.faults
PROCESS = Path(__file__).with_name("alert_tending_process.py")
ALERTS = 250
RULES = [Rule(name=f"r{at}", condition=parsed("x > 0"), receivers=("ops",)) for at in range(ALERTS)]


def started(store, point="none"):
    command = [sys.executable, str(PROCESS), store, point]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    said, trouble = process.communicate(timeout=120)
    return process.returncode, said.strip(), trouble


@pytest.fixture
def store(tmp_path):
    """A store with alerts that a silence, which is over by now, has held back."""
    address = f"sqlite:///{tmp_path / 'watch'}"
    storage = sqlite.build(sqlite.SqliteOptions(address))
    clock = FakeClock()
    alerting = Alerting(storage, clock, RULES)
    alerting.silences.add([Matcher.parse("model=m")], clock.now_us() + 1_000_000, by="ada", comment="backfill")
    alerting.evaluate("m", [Measurement("x", Value.of(1.0), "m", None, Window(0, 1))])
    storage.close()
    return address


def told(store):
    """How often each alert was told, how many letters wait, and how many are still to be looked at."""
    storage = sqlite.build(sqlite.SqliteOptions(store))
    try:
        entries = [entry.body for entry in storage.read_log("alerts")]
        times = Counter(body["rule"] for body in entries if body.get("told"))
        return Counter(times.values()), len(storage.find(OUTBOX)), len(storage.find(DUES))
    finally:
        storage.close()


@pytest.mark.parametrize("point", ["before-commit", "within-commit", "after-commit"])
def test_whoever_dies_while_telling_leaves_the_rest_to_the_next(store, point):
    code, said, trouble = ended(started(store, point))
    assert (code, said) == (-signal.SIGKILL, ""), trouble
    assert 0 < told(store)[1] < ALERTS, "it died in the middle"

    assert ended(started(store))[0] == 0

    assert told(store) == (Counter({1: ALERTS}), ALERTS, 0)


def test_many_processes_that_look_at_once_tell_each_alert_once(store):
    processes = [started(store) for _ in range(4)]
    found = [ended(process) for process in processes]

    assert [code for code, _, _ in found] == [0] * 4, found
    assert sum(int(said) for _, said, _ in found) == ALERTS
    assert told(store) == (Counter({1: ALERTS}), ALERTS, 0)
