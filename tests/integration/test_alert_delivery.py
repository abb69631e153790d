"""Alerting over the real store, to a real receiver, in several processes at once."""

import json
import multiprocessing
import time

import pytest

from watchkeeper.alerting import Alerting, Rule, Sender, parsed
from watchkeeper.clock import SystemClock
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper_plugins.notifiers import webhook
from watchkeeper_plugins.storage import sqlite


def opened(folder):
    return sqlite.build(sqlite.SqliteOptions(f"sqlite:///{folder}"))


def desk(storage, **settings):
    rule = Rule(name="accuracy-fell", condition=parsed("accuracy < 0.8"), receivers=("ops",), **settings)
    return Alerting(storage, SystemClock(), [rule])


def check(alerting, number, model="momentum"):
    return alerting.evaluate(model, [Measurement("accuracy", Value.of(number), model, "1.4.0", Window(0, 1))])


@pytest.fixture
def receiver():
    with HttpReceiver() as running:
        yield running


@pytest.fixture
def notifiers(receiver):
    notifier = webhook.build(webhook.Options(receiver.url))
    yield {"ops": notifier}
    notifier.close()


def test_an_alert_is_told_once_and_its_end_once_over_many_processes_lives(tmp_path, receiver, notifiers):
    for number in (0.6, 0.6, 0.6, 0.9, 0.9):
        storage = opened(tmp_path)  # a command-line check opens the store each time
        alerting = desk(storage)
        check(alerting, number)
        alerting.deliver(notifiers, attempt)
        storage.close()

    told = [json.loads(request.body)["alert"]["state"] for request in receiver.requests]
    assert told == ["firing", "resolved"]


def test_what_could_not_be_delivered_waits_for_the_next_process(tmp_path, receiver, notifiers):
    receiver.answer = lambda _request: Answer(503)
    storage = opened(tmp_path)
    alerting = desk(storage)
    check(alerting, 0.6)
    (undelivered,) = alerting.deliver(notifiers, attempt).undelivered
    storage.close()
    assert undelivered.error.endswith("answered 503: ok")

    receiver.answer = lambda _request: Answer(200)
    storage = opened(tmp_path)
    alerting = desk(storage)
    deadline = time.monotonic() + 20
    while alerting.outbox.waiting() and time.monotonic() < deadline:
        alerting.deliver(notifiers, attempt)
    storage.close()

    assert len({request.key for request in receiver.requests}) == 1
    assert len(receiver.requests) == 2


def _check_many(folder, barrier):
    storage = opened(folder)
    alerting = desk(storage, for_checks=1)
    barrier.wait(30)
    for at in range(20):
        check(alerting, 0.6, f"model-{at}")
    storage.close()


def test_two_processes_that_check_at_once_make_one_alert_and_one_letter(tmp_path):
    opened(tmp_path).close()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=_check_many, args=(str(tmp_path), barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0

    storage = opened(tmp_path)
    alerting = desk(storage)
    assert len(alerting.alerts()) == 20
    assert len(alerting.outbox.waiting()) == 20
    assert [entry.body["event"] for entry in storage.read_log("alerts")] == ["firing"] * 20
    storage.close()


def test_two_senders_on_one_store_deliver_each_letter_once(tmp_path, receiver, notifiers):
    writer = opened(tmp_path)
    alerting = desk(writer)
    for at in range(60):
        check(alerting, 0.6, f"model-{at}")
    stores = [opened(tmp_path), opened(tmp_path)]
    senders = [
        Sender(desk(storage).courier(notifiers, attempt, rng=_rng()), threads=2, poll_seconds=0.01)
        for storage in stores
    ]
    for sender in senders:
        sender.start()
    deadline = time.monotonic() + 30
    while alerting.outbox.waiting(limit=1) and time.monotonic() < deadline:
        alerting.outbox.wait(0, 0.02)
    for sender in senders:
        sender.stop()
    for storage in (*stores, writer):
        storage.close()

    assert len(receiver.requests) == 60
    assert len({request.key for request in receiver.requests}) == 60


def _rng():
    import random

    return random.Random(1)  # noqa: S311 - spreads retries
