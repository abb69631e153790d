"""Alerts are raised and delivered by a process that is killed again and again, to a receiver that misbehaves."""

import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import attrs
import pytest

from watchkeeper.alerting.letters import OUTBOX
from watchkeeper.alerting.record import ALERTS
from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper_plugins.storage import sqlite

PROCESS = Path(__file__).with_name("alert_sender_process.py")
RETRY_AFTER_SECONDS = 1


class Misbehaving:
    """10 % 500, 5 % 429 with Retry-After, 3 % accepts and stalls beyond the sender's time-out; keeps a ledger."""

    def __init__(self, seed):
        self.accepted = Counter()
        self.stalled = 0
        self.too_early = []
        self._allowed_at = defaultdict(float)
        self._rng = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._lock = threading.Lock()

    def __call__(self, request):
        with self._lock:
            chance = self._rng.random()
            now = time.monotonic()
            if now < self._allowed_at[request.key]:
                self.too_early.append(request.key)
            if chance < 0.10:
                return Answer(500)
            if chance < 0.15:
                self._allowed_at[request.key] = now + RETRY_AFTER_SECONDS
                return Answer(429, {"Retry-After": str(RETRY_AFTER_SECONDS)})
            self.accepted[request.key] += 1
            if chance < 0.18:
                self.stalled += 1
                return Answer(200, stall_seconds=0.6)
            return Answer(200)


@attrs.frozen
class Result:
    alerts: int
    kills: int
    """Processes that died of SIGKILL; some are done before it comes."""
    told: int
    """Alerts of which at least one notification was accepted."""
    extra: int
    """Accepted notifications beyond the first of each key."""
    stalled: int
    keys_of_an_alert: int
    """The most keys under which one alert was told."""
    too_early: int
    left: int
    """Letters in the outbox at the end."""
    log_entries: int


def run(folder, alerts, kills, seed):
    """Raise `alerts`, kill the process `kills` times on the way, then let it finish."""
    store = f"sqlite:///{folder}"
    rng = random.Random(seed)  # noqa: S311 - chance, not secrecy
    behaviour = Misbehaving(seed)
    with HttpReceiver(behaviour) as receiver:
        stored = died = 0
        for kill in range(kills):
            # alerts are handed out evenly, so that there is something to do in the life of every process
            upto = (kill + 1) * alerts // (kills + 1)
            stored, was_killed = part(store, receiver.url, stored, upto, rng.uniform(0.0, 0.15))
            died += was_killed
        assert part(store, receiver.url, stored, alerts, None) == (alerts, False)
    storage = sqlite.build(sqlite.SqliteOptions(store))
    try:
        keys = Counter(key.split("-")[0] for key in behaviour.accepted)
        return Result(
            alerts=len(storage.find(ALERTS)),
            kills=died,
            told=len(keys),
            extra=sum(behaviour.accepted.values()) - len(behaviour.accepted),
            stalled=behaviour.stalled,
            keys_of_an_alert=max(keys.values()),
            too_early=len(behaviour.too_early),
            left=len(storage.find(OUTBOX)),
            log_entries=sum(1 for _ in storage.read_log("alerts")),
        )
    finally:
        storage.close()


def part(store, url, first, count, kill_after_seconds):
    """One process; how many alerts are stored when it has ended, as far as it could say, and whether it was killed."""
    command = [sys.executable, PROCESS, store, url, str(first), str(count)]
    stored = first
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(120, process.kill)
        guard.start()
        for line in process.stdout:
            if line.strip().isdigit():
                stored = int(line) + 1
                if kill_after_seconds is not None:
                    threading.Timer(kill_after_seconds, process.kill).start()
                    kill_after_seconds = None
        guard.cancel()
    return stored, process.returncode < 0


@pytest.mark.faults
def test_nothing_is_lost_when_the_sender_is_killed_again_and_again(tmp_path):
    result = run(tmp_path / "watch", alerts=120, kills=6, seed=11)

    assert result.kills >= 3, "the kills must come while there is work"
    assert (result.alerts, result.told, result.left) == (120, 120, 0)
    assert result.keys_of_an_alert == 1, "every repetition carries the key of the first"
    assert result.too_early == 0, "no retry before Retry-After"
    assert result.extra <= result.stalled + result.kills * 4
    assert result.log_entries == 240, "each alert once as firing and once as delivered, and the chain is whole"
