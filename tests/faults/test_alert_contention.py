"""Several processes comment on every alert of a model while another one checks it: each of them gets in."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from watchkeeper.alerting import Alerting, Rule, parsed
from watchkeeper.clock import SystemClock
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper_plugins.storage import sqlite

pytestmark = pytest.mark.faults
PROCESS = Path(__file__).with_name("alert_comment_process.py")
PROCESSES, ROUNDS, FEATURES = 3, 5, 15
RULES = (
    Rule(name="r", condition=parsed("x > 0"), receivers=("ops",), each=("feature",)),
    Rule(name="new", condition=parsed("y > 0"), receivers=("pager",), severity="critical"),
)


def measured(y):
    window = Window(0, 1)
    found = [Measurement("x", Value.of(1.0), "m", "1", window, {"feature": f"f{at}"}) for at in range(FEATURES)]
    return [*found, Measurement("y", Value.of(y), "m", "1", window)]


def test_checks_and_comments_of_many_processes_all_get_in(tmp_path):
    store = f"sqlite:///{tmp_path / 'watch'}"
    storage = sqlite.build(sqlite.SqliteOptions(store))
    alerting = Alerting(storage, SystemClock(), RULES)
    alerting.evaluate("m", measured(-1.0))
    command = [sys.executable, str(PROCESS), store]
    started = [
        subprocess.Popen([*command, f"bot-{at}", str(ROUNDS)], stdout=subprocess.PIPE, text=True)
        for at in range(PROCESSES)
    ]
    try:
        for process in started:
            assert process.stdout.readline() == "begun\n"
        changed = [alerting.evaluate("m", measured(y)) for y in (1.0, -1.0) * 5]
        said = [process.communicate(timeout=120)[0] for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()

    assert [[(alert.rule, alert.state.value) for alert in found] for found in changed] == [
        [("new", "firing")],
        [("new", "resolved")],
    ] * 5
    assert said == [f"{ROUNDS * FEATURES}\n"] * PROCESSES
    comments = Counter(entry.body["by"] for entry in alerting.log() if entry.body["event"] == "commented")
    storage.close()
    assert comments == {f"bot-{at}": ROUNDS * FEATURES for at in range(PROCESSES)}
