"""A critical letter that must wait for another one lends it its urgency, and no pass looks at a letter for ever."""

import threading

import pytest

from watchkeeper.alerting import Alerting, Grouping, Limit, Rule, Sender, parsed
from watchkeeper.alerting.delivery import Courier
from watchkeeper.alerting.letters import OUTBOX, Letter, letter_of
from watchkeeper.alerting.reserve import Reserve
from watchkeeper.domain.alert import Delivery, Severity
from watchkeeper.domain.errors import DeliveryDelayed
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper.testing.notifier import sample_notification

SECOND = 1_000_000
RULES = (
    Rule(name="warn", condition=parsed("x > 0"), receivers=("ops",)),
    Rule(name="crit", condition=parsed("y > 0"), receivers=("ops",), severity="critical"),
)


class Longest:
    """Each wait is the longest that chance could give."""

    def uniform(self, _low, high):
        return high


class Counted(MemoryStorage):
    """Fails a test that would never end."""

    commits = 0

    def commit(self, operations, *arguments, **settings):
        self.commits += 1
        assert self.commits < 500, "a pass goes on and on"
        return super().commit(operations, *arguments, **settings)


class Receiver:
    def __init__(self, *answers):
        self.answers = list(answers)
        self.told = []
        self.has_all = threading.Event()
        self.most = 2

    def send(self, notification):
        if self.answers:
            raise self.answers.pop(0)
        self.told.append(notification)
        if len(self.told) == self.most:
            self.has_all.set()
        return Delivery("ops", "200")

    @property
    def keys(self):
        return [notification.key for notification in self.told]


class Desk:
    def __init__(self, *answers, grouping=None, limit=None):
        self.clock = FakeClock()
        self.storage = Counted()
        self.receiver = Receiver(*answers)
        self.alerting = Alerting(self.storage, self.clock, RULES, grouping=grouping)
        limits = None if limit is None else {"ops": limit}
        self.courier = self.alerting.courier({"ops": self.receiver}, attempt, rng=Longest(), limits=limits)

    def check(self, x, y):
        window = Window(0, self.clock.now_us())
        self.alerting.evaluate("m", [Measurement(n, Value.of(v), "m", "1", window) for n, v in (("x", x), ("y", y))])

    def write(self, key, *after, severity=Severity.WARNING, **settings):
        now = self.clock.now_us()
        settings = {"next_us": now} | settings
        letter = Letter("ops", sample_notification(key, severity=severity), now, after=after, **settings)
        self.storage.commit([letter.put()])

    def letter(self, key):
        return letter_of(self.storage.get(OUTBOX, key))


def a_warning_failed_and_the_next_message_is_critical():
    desk = Desk(DeliveryDelayed("503"), grouping=Grouping(("model",)))
    desk.check(x=1.0, y=-1.0)
    desk.courier.deliver()
    desk.check(x=-1.0, y=1.0)
    desk.clock.advance(10)
    return desk


def what_was_told(desk):
    return [[(alert.rule, alert.state.value) for alert in (one.alert, *one.others)] for one in desk.receiver.told]


IN_ORDER = [[("warn", "firing")], [("crit", "firing"), ("warn", "resolved")]]


def test_a_pass_sends_what_the_critical_message_waits_for_and_then_that_message():
    desk = a_warning_failed_and_the_next_message_is_critical()

    assert len(desk.courier.deliver().delivered) == 2
    assert what_was_told(desk) == IN_ORDER


def test_one_thread_sends_what_the_critical_message_waits_for_and_then_that_message():
    desk = a_warning_failed_and_the_next_message_is_critical()
    sender = Sender(desk.courier, threads=1, reserve=0, poll_seconds=0.01)

    sender.start()
    try:
        assert desk.receiver.has_all.wait(30)
    finally:
        sender.stop()

    assert what_was_told(desk) == IN_ORDER


def test_the_reserve_sends_what_the_critical_message_waits_for_and_then_that_message():
    desk = a_warning_failed_and_the_next_message_is_critical()
    reserve = Reserve(desk.courier, "ops")

    reserve.look()
    reserve.wait(30)

    assert what_was_told(desk) == IN_ORDER


def test_what_a_critical_letter_waits_for_does_not_wait_for_others_of_its_group():
    desk = Desk()
    desk.write("w", next_us=desk.clock.now_us() + 300 * SECOND)
    desk.write("c", "w", severity=Severity.CRITICAL)

    desk.courier.deliver()

    assert desk.receiver.keys == ["w", "c"]


def test_what_a_critical_letter_waits_for_is_not_held_back_by_a_limit():
    desk = Desk(limit=Limit(6, burst=1))
    desk.write("first")
    desk.courier.deliver()
    desk.write("w")
    desk.courier.deliver()
    assert desk.letter("w").is_limited
    desk.write("c", "w", severity=Severity.CRITICAL)

    desk.courier.deliver()

    assert [key for key in desk.receiver.keys if not key.startswith("notification-limit")] == ["first", "w", "c"]


def test_what_failed_before_is_tried_at_once_for_a_critical_letter_and_once_only():
    desk = Desk(*[DeliveryDelayed("429", retry_after_seconds=600.0)] * 2)
    desk.write("w")
    desk.courier.deliver()
    desk.write("c", "w", severity=Severity.CRITICAL)

    desk.courier.deliver()
    assert desk.letter("w").attempts == 2
    desk.courier.deliver()
    assert (desk.letter("w").attempts, desk.letter("c").attempts) == (2, 0)
    assert desk.letter("c").next_us > desk.letter("w").next_us

    desk.clock.advance(700)
    desk.courier.deliver()
    assert desk.receiver.keys == ["w", "c"]


def test_a_whole_chain_goes_in_its_order():
    desk = Desk()
    later = desk.clock.now_us() + 300 * SECOND
    desk.write("1", next_us=later)
    desk.write("2", "1", next_us=later)
    desk.write("3", "1", "2", next_us=later)
    desk.write("c", "3", "2", severity=Severity.CRITICAL)

    desk.courier.deliver()

    assert desk.receiver.keys == ["1", "2", "3", "c"]


def test_a_chain_of_a_day_goes_from_its_beginning():
    desk = Desk()
    desk.storage.commits = -10_000
    later = desk.clock.now_us() + 300 * SECOND
    desk.write("0", next_us=later)
    for at in range(1, 1_500):
        desk.write(f"{at}", f"{at - 1}", next_us=later)
    desk.write("c", "1499", severity=Severity.CRITICAL)

    (taken,) = desk.courier.critical("ops", 8)

    assert taken.key == "0"


def test_what_two_ways_lead_to_and_cannot_go_holds_up_both():
    desk = Desk()
    desk.write("1", is_leased=True, next_us=desk.clock.now_us() + 60 * SECOND)
    desk.write("2", "1")
    desk.write("c", "1", "2", severity=Severity.CRITICAL)

    (taken,) = desk.courier.critical("ops", 8)

    assert taken.key == "c"
    assert desk.courier.deliver_one(taken).is_empty
    assert desk.letter("c").next_us > desk.clock.now_us()


def test_two_critical_letters_that_wait_for_the_same_one_send_it_once():
    desk = Desk()
    desk.write("w", next_us=desk.clock.now_us() + 300 * SECOND)
    desk.write("c1", "w", severity=Severity.CRITICAL)
    desk.write("c2", "w", severity=Severity.CRITICAL)

    (taken,) = desk.courier.critical("ops", 8)

    assert taken.key == "w"


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.CRITICAL])
def test_letters_that_wait_for_each_other_are_sent(severity):
    desk = Desk()
    desk.write("1", "3", severity=severity)
    desk.write("2", "1")
    desk.write("3", "2", severity=severity)

    desk.courier.deliver()

    assert sorted(desk.receiver.keys) == ["1", "2", "3"]


@pytest.mark.parametrize("way", [("1", "3"), ("3", "1")], ids=["as written", "turned round"])
def test_of_critical_letters_in_a_circle_one_is_taken_and_opens_it(way):
    desk = Desk()
    for key, after in zip(way, reversed(way), strict=True):
        desk.write(key, after, severity=Severity.CRITICAL)

    assert len(desk.courier.critical("ops", 8)) == 1


@pytest.mark.parametrize("is_turned_round", [False, True], ids=["as written", "turned round"])
def test_critical_letters_that_wait_for_one_which_is_under_way_are_taken_one_after_the_other(is_turned_round):
    desk = Desk()
    desk.write("w", is_leased=True, next_us=desk.clock.now_us() + 60 * SECOND)
    for key, after in sorted([("c1", "w"), ("c2", "c1")], reverse=is_turned_round):
        desk.write(key, after, severity=Severity.CRITICAL)
    desk.write("other", severity=Severity.CRITICAL)

    assert sorted(letter.key for letter in desk.courier.critical("ops", 8)) == ["c1", "other"]


def test_while_another_process_sends_the_earlier_one_the_critical_letter_waits_and_the_pass_ends():
    desk = Desk()
    now = desk.clock.now_us()
    desk.write("w", is_leased=True, next_us=now + 60 * SECOND)
    desk.write("c", "w", severity=Severity.CRITICAL)

    assert desk.courier.deliver().delivered == ()
    assert desk.letter("c").next_us == now + 100_000


def test_a_pass_ends_when_all_that_is_due_only_waits(monkeypatch):
    desk = Desk()
    desk.write("c", severity=Severity.CRITICAL)

    def waits(courier, letter):
        courier.outbox.postponed(letter, courier.clock.now_us(), "")
        return True

    monkeypatch.setattr(Courier, "_is_held", waits)

    assert desk.courier.deliver().delivered == ()
    assert desk.storage.commits < 10


def test_letters_for_nobody_whose_wait_is_over_at_once_are_seen_once_a_pass():
    class Shortest:
        def uniform(self, low, _high):
            return low

    desk = Desk()
    desk.write("c", severity=Severity.CRITICAL)
    courier = desk.alerting.courier({}, attempt, rng=Shortest())

    (missed,) = courier.deliver().undelivered

    assert missed.error == "no notifier is called 'ops'"
