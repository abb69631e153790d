"""Delivery when the clock is set back: nothing waits until it is as late again, and nothing comes before its time."""

import random

import pytest

from watchkeeper.alerting import Alerting, Grouping, Limit, Patience, Rule, Sender, parsed
from watchkeeper.alerting.letters import Letter
from watchkeeper.domain.alert import Delivery, Severity
from watchkeeper.domain.errors import DeliveryDelayed
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper.testing.notifier import sample_notification

DAY = 86_400
SECOND = 1_000_000


class Receiver:
    def __init__(self, *errors):
        self.errors = list(errors)
        self.keys = []

    def send(self, notification):
        self.keys.append(notification.key)
        if self.errors:
            raise self.errors.pop(0)
        return Delivery("ops")

    def close(self):
        pass


class Most:
    """Always the longest wait."""

    def uniform(self, low, high):
        return high


class Desk:
    def __init__(self, receiver, **settings):
        self.clock = FakeClock()
        self.storage = MemoryStorage()
        rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",))
        self.alerting = Alerting(self.storage, self.clock, [rule], **settings)
        self.outbox = self.alerting.outbox
        self.receiver = receiver

    def write(self, *keys, severity=Severity.WARNING):
        now = self.clock.now_us()
        for key in keys:
            self.outbox.write(Letter("ops", sample_notification(key, severity=severity), now, now))

    def courier(self, **settings):
        return self.alerting.courier({"ops": self.receiver}, attempt, rng=Most(), **settings)

    def deliver(self, after_seconds=0.0, **settings):
        self.clock.advance(after_seconds)
        return self.courier(**settings).deliver()


@pytest.fixture(params=[Severity.WARNING, Severity.CRITICAL], ids=str)
def severity(request):
    return request.param


@pytest.mark.parametrize("back_seconds", [3_600, DAY, 365 * DAY])
def test_what_failed_is_tried_again_after_its_wait_by_the_clock_as_it_is_now(severity, back_seconds):
    desk = Desk(Receiver(DeliveryDelayed("429", retry_after_seconds=100.0)))
    desk.write("a", severity=severity)
    desk.deliver()

    assert desk.deliver(-back_seconds).delivered == ()
    assert desk.deliver(100.9).delivered == (), "never before the receiver allows it"
    assert len(desk.deliver(0.1).delivered) == 1


def test_what_nobody_has_tried_yet_is_sent_at_once(severity):
    desk = Desk(Receiver())
    desk.write("a", severity=severity)

    assert len(desk.deliver(-DAY).delivered) == 1


def test_the_lease_of_a_sender_that_died_ends_in_a_minute(severity):
    desk = Desk(Receiver())
    desk.write("a", severity=severity)
    now = desk.clock.now_us()
    assert desk.outbox.take("ops", now, now + 60 * SECOND, 8)

    assert desk.deliver(-DAY).delivered == ()
    assert desk.deliver(59).delivered == ()
    assert len(desk.deliver(1).delivered) == 1


def test_a_renewed_lease_ends_as_long_after_its_renewal():
    desk = Desk(Receiver())
    desk.write("a")
    now = desk.clock.now_us()
    (letter,) = desk.outbox.take("ops", now, now + 60 * SECOND, 8)
    desk.outbox.renewed(letter, now + 500 * SECOND)

    assert desk.deliver(-DAY).delivered == ()
    assert len(desk.deliver(60).delivered) == 1


def test_clocks_of_two_machines_that_differ_a_little_take_no_letter_from_each_other(severity):
    desk = Desk(Receiver())
    desk.write("a", severity=severity)
    now = desk.clock.now_us()
    (letter,) = desk.outbox.take("ops", now, now + 60 * SECOND, 8)

    assert desk.outbox.repair_times(now - 59 * SECOND) == 0
    assert desk.outbox.renewed(letter, now + 90 * SECOND).key == "a"


def test_what_a_limit_holds_back_comes_in_its_turn():
    desk = Desk(Receiver())
    desk.write("a", "b")
    limits = {"ops": Limit(per_minute=1, burst=1)}
    desk.deliver(limits=limits)
    assert [key for key in desk.receiver.keys if key in "ab"] == ["a"]

    desk.deliver(-DAY, limits=limits)
    assert [key for key in desk.receiver.keys if key in "ab"] == ["a"]
    desk.deliver(61, limits=limits)
    assert [key for key in desk.receiver.keys if key in "ab"] == ["a", "b"]


def test_a_letter_that_was_written_later_than_now_is_given_up_after_a_day_all_the_same():
    desk = Desk(Receiver(*[DeliveryDelayed("503")] * 3))
    desk.write("a")
    desk.deliver(-30 * DAY)

    assert [one.is_final for one in desk.deliver(DAY + 60).undelivered] == [True]


def test_the_next_message_about_a_group_does_not_wait_for_the_time_of_the_last_one():
    desk = Desk(Receiver(), grouping=Grouping(("model",), interval_us=300 * SECOND))
    window = Window(0, 1)
    desk.alerting.evaluate("momentum", [Measurement("accuracy", Value.of(0.6), "momentum", None, window)])
    desk.deliver()
    desk.clock.advance(-DAY)
    desk.alerting.evaluate("momentum", [Measurement("accuracy", Value.of(0.9), "momentum", None, window)])

    assert len(desk.deliver(300).delivered) == 1


def test_a_process_that_stays_repairs_times_by_itself(caplog):
    desk = Desk(Receiver())
    desk.write(*(f"a{number}" for number in range(3)))
    desk.clock.advance(-DAY)
    sender = Sender(desk.courier(patience=Patience()), poll_seconds=0.01)
    sender.start()
    seen = 0
    for _ in range(1_000):
        if not desk.outbox.waiting():
            break
        seen = desk.outbox.wait(seen, 0.01)
    sender.stop(10)

    assert sorted(desk.receiver.keys) == ["a0", "a1", "a2"]
    assert "the clock was set back: the waits of 3 notifications count from now" in caplog.text


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_clock_does_everything_is_delivered_within_its_waits(seed):
    rng = random.Random(seed)  # noqa: S311 - chance, not secrecy
    desk = Desk(Receiver(*[DeliveryDelayed("503")] * 5))
    for number in range(5):
        desk.write(f"a{number}", severity=rng.choice(list(Severity)))
        desk.deliver(rng.choice([1.0, -3_600.0, 7_200.0, -30 * DAY, 40.0]))
    for _ in range(10):
        desk.deliver(61)

    assert desk.outbox.waiting() == ()
    assert {f"a{number}" for number in range(5)} <= set(desk.receiver.keys)
