"""What delivery promises a receiver, kept by processes that are killed one after the other, on a clock of the test."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from watchkeeper.alerting import Alerting
from watchkeeper.domain.alert import Delivery
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper_plugins.storage import sqlite

pytestmark = pytest.mark.faults
PROCESS = Path(__file__).with_name("alert_pass_process.py")
LIVES = 3
SECOND = 1_000_000
LONGER_THAN_A_LEASE_US = 120 * SECOND


class Sink:
    """Answers by path with what it is told; acts once upon each key, as a receiver that drops doubles does."""

    def __init__(self, **answers):
        self.answers = answers
        self.requests = []
        self.acted = []

    def __call__(self, request):
        name = request.path.rsplit("/", 1)[-1]
        self.requests.append((name, request.key))
        answer = self.answers.get(name, Answer(200))
        if answer.status == 200 and (name, request.key) not in self.acted:
            self.acted.append((name, request.key))
        return answer

    def count(self, name):
        return sum(1 for found, _ in self.requests if found == name)


def live(folder, url, life, point="after-pass"):
    """One process, `life` times two minutes after the first."""
    now_us = LEHMAN_US + life * LONGER_THAN_A_LEASE_US
    command = [sys.executable, str(PROCESS), f"sqlite:///{folder}", url.rstrip("/"), str(now_us), point]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "watch"

    def opened():
        storage = sqlite.build(sqlite.SqliteOptions(f"sqlite:///{folder}"))
        stores.append(storage)
        return storage

    stores = []
    opened.folder = folder
    yield opened
    for storage in stores:
        storage.close()


def test_a_receiver_that_drops_known_keys_acts_once_over_any_number_of_kills(store):
    sink = Sink()
    with HttpReceiver(sink) as receiver:
        for life in range(LIVES):
            live(store.folder, receiver.url, life, "after-send")
        assert sink.count("ops") == LIVES, "nothing was noted, so each life sends again"
        live(store.folder, receiver.url, LIVES)
        live(store.folder, receiver.url, LIVES + 1)

    assert sink.count("ops") == LIVES + 1, "what is noted is not sent again"
    assert len({key for _, key in sink.requests}) == 1
    assert len(sink.acted) == 1


def test_no_life_of_the_process_comes_before_retry_after(store):
    sink = Sink(ops=Answer(429, {"Retry-After": "3000"}))
    with HttpReceiver(sink) as receiver:
        for life in range(LIVES):
            live(store.folder, receiver.url, life)

    assert sink.count("ops") == 1
    told = []

    class Ops:
        def send(self, notification):
            told.append(notification.key)
            return Delivery("ops")

        def close(self):
            pass

    clock = FakeClock(LEHMAN_US + 2_999 * SECOND)
    courier = Alerting(store(), clock).courier({"ops": Ops()}, attempt, rng=random.Random(1))  # noqa: S311 - spreads
    courier.deliver()
    assert told == []
    clock.advance(61)
    courier.deliver()
    assert told == [sink.requests[0][1]], "the same key"


@pytest.mark.parametrize("status", [400, 404])
def test_another_4xx_is_attempted_once_and_the_fallback_hears_of_it_once(store, status):
    sink = Sink(ops=Answer(status, body=b"no such hook"))
    with HttpReceiver(sink) as receiver:
        for life in range(LIVES):
            live(store.folder, receiver.url, life)

    assert (sink.count("ops"), sink.count("mail"), len(sink.acted)) == (1, 1, 1)
    storage = store()
    (dead,) = Alerting(storage, FakeClock()).outbox.dead_letters()
    assert dead.error.endswith(f"answered {status}: no such hook")
    events = [entry.body["event"] for entry in storage.read_log("alerts")]
    assert events == ["firing", "undeliverable", "delivered"]
