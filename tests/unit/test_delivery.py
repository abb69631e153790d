"""Delivery: what happens to a letter for each way in which a receiver can answer, on a clock that tests turn."""

import random
import threading

import attrs
import pytest

from watchkeeper.alerting import Alerting, Limit, Patience, Rule, Sender, parsed
from watchkeeper.alerting.letters import OUTBOX, Letter, letter_of
from watchkeeper.alerting.limits import RateLimits
from watchkeeper.alerting.outbox import Outbox
from watchkeeper.alerting.reserve import Reserve
from watchkeeper.contracts.storage import Put
from watchkeeper.domain.alert import Delivery, Severity
from watchkeeper.domain.errors import (
    ConfigError,
    Conflict,
    DeliveryDelayed,
    DeliveryError,
    DeliveryRefused,
    NotFound,
    StoreBusy,
)
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper.testing.notifier import sample_notification

SECOND = 1_000_000


class Receiver:
    """Answers with what it is told to, in turn, then accepts; keeps the keys."""

    def __init__(self, *answers, name="ops"):
        self.answers = list(answers)
        self.keys = []
        self.name = name
        self.notifications = []
        self.arrived = threading.Event()

    def send(self, notification):
        self.keys.append(notification.key)
        self.notifications.append(notification)
        self.arrived.set()
        answer = self.answers.pop(0) if self.answers else Delivery(self.name, "200")
        if callable(answer):
            answer = answer()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self):
        pass


class Middle:
    """Always the middle of the range: retries at times that tests can name."""

    def uniform(self, low, high):
        return (low + high) / 2


class Desk:
    def __init__(self, storage=None, fallback=None, rng=None, **receivers):
        self.clock = FakeClock()
        self.storage = storage or MemoryStorage()
        self.receivers = receivers
        self.alerting = Alerting(self.storage, self.clock, [])
        self.outbox = self.alerting.outbox
        self.patience = Patience()
        self.fallback = fallback
        self.rng = rng or Middle()

    def write(self, *keys, receiver="ops", severity=Severity.WARNING):
        for key in keys:
            now = self.clock.now_us()
            notification = sample_notification(key, severity=severity)
            self.storage.commit([Letter(receiver, notification, now, now).put()])

    def fire(self):
        rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",))
        Alerting(self.storage, self.clock, [rule]).evaluate("momentum", accuracy(0.6))

    @property
    def courier(self):
        return self.alerting.courier(
            self.receivers, attempt, rng=self.rng, patience=self.patience, fallback=self.fallback
        )

    def deliver(self, after_seconds=0.0):
        self.clock.advance(after_seconds)
        return self.courier.deliver()

    def events(self):
        return [(entry.body["event"], entry.body.get("detail")) for entry in self.storage.read_log("alerts")]


def test_what_is_accepted_leaves_the_outbox_and_is_logged():
    desk = Desk(ops=Receiver())
    desk.write("a", "b")

    report = desk.deliver()

    assert report.delivered == (Delivery("ops", "200"), Delivery("ops", "200"))
    assert desk.outbox.waiting() == ()
    assert desk.events() == [("delivered", "ops 200")] * 2
    assert desk.deliver().delivered == ()


def test_from_the_rule_to_the_receiver():
    desk = Desk(ops=Receiver(), mail=Receiver())
    rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops", "mail"))
    alerting = Alerting(desk.storage, desk.clock, [rule])
    (alert,) = alerting.evaluate("momentum", [attrs.evolve(sample_notification().measurements[0], details={})])

    alerting.deliver(desk.receivers, attempt)

    for name, receiver in desk.receivers.items():
        (notification,) = receiver.notifications
        assert notification.alert == alert
        assert notification.key.endswith(f"-firing-{name}")


def accuracy(number):
    return [Measurement("accuracy", Value.of(number), "momentum", None, Window(0, 1))]


def test_a_dead_letter_is_dropped_and_the_log_says_by_whom():
    desk = Desk(ops=Receiver(DeliveryRefused("404")))
    desk.write("a")
    desk.deliver()

    desk.outbox.drop("a", desk.clock.now_us(), "ada")

    assert (desk.outbox.dead_letters(), desk.outbox.waiting()) == ((), ())
    assert desk.events()[-1] == ("dropped", "by ada")
    with pytest.raises(NotFound, match="there is no dead letter 'a'; list them to see their keys"):
        desk.outbox.drop("a", desk.clock.now_us(), "ada")


def test_what_still_waits_cannot_be_dropped():
    desk = Desk(ops=Receiver())
    desk.write("a")

    with pytest.raises(NotFound, match="there is no dead letter 'a'"):
        desk.outbox.drop("a", desk.clock.now_us(), "ada")


def test_critical_news_goes_before_all_that_waits():
    desk = Desk(ops=Receiver())
    desk.write(*(f"w{number}" for number in range(30)))
    desk.clock.advance(10)
    desk.write("c", severity=Severity.CRITICAL)

    desk.deliver()

    assert [one.key for one in desk.receivers["ops"].notifications][:2] == ["c", "w0"]


def test_critical_news_that_comes_while_others_are_sent_does_not_wait_for_their_end():
    def write_more():
        if len(desk.receivers["ops"].notifications) == 1:
            desk.clock.advance(0.001)
            desk.write("c", severity=Severity.CRITICAL)
        return Delivery("ops")

    desk = Desk(ops=Receiver(*([write_more] * 31)))
    desk.write(*(f"w{number}" for number in range(30)))

    desk.deliver()

    keys = [one.key for one in desk.receivers["ops"].notifications]
    assert keys.index("c") == desk.patience.batch
    assert len(keys) == 31


def test_critical_news_that_must_wait_holds_up_nothing():
    desk = Desk(ops=Receiver(*[DeliveryDelayed("429", retry_after_seconds=600.0)] * 2))
    desk.patience = Patience(batch=2, failures_in_a_row=9)
    desk.write("c1", "c2", severity=Severity.CRITICAL)
    desk.deliver()
    desk.write("w")

    assert len(desk.deliver(1).delivered) == 1


def test_the_end_does_not_overtake_the_beginning():
    desk = Desk(ops=Receiver(DeliveryDelayed("503", retry_after_seconds=60.0)))
    rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",))
    alerting = Alerting(desk.storage, desk.clock, [rule])
    alerting.evaluate("momentum", accuracy(0.6))
    desk.deliver()
    alerting.evaluate("momentum", accuracy(0.9))

    assert desk.deliver(30).delivered == (), "the end waits for the beginning"
    desk.deliver(31)
    desk.deliver(1)

    told = [notification.alert.state.value for notification in desk.receivers["ops"].notifications]
    assert told == ["firing", "firing", "resolved"]


def test_while_the_beginning_is_being_sent_the_end_waits_a_moment():
    desk = Desk(ops=Receiver())
    rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",))
    alerting = Alerting(desk.storage, desk.clock, [rule])
    alerting.evaluate("momentum", accuracy(0.6))
    now = desk.clock.now_us()
    (first,) = desk.outbox.take("ops", now, now + 60 * SECOND, 8)
    alerting.evaluate("momentum", accuracy(0.9))

    assert desk.deliver().delivered == ()
    desk.outbox.accepted(first, Delivery("ops"), now)
    assert len(desk.deliver(0.1).delivered) == 1
    assert desk.outbox.waiting() == ()


def test_when_the_beginning_is_a_dead_letter_the_end_is_told():
    desk = Desk(ops=Receiver(DeliveryRefused("404")))
    rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",))
    alerting = Alerting(desk.storage, desk.clock, [rule])
    alerting.evaluate("momentum", accuracy(0.6))
    desk.deliver()
    alerting.evaluate("momentum", accuracy(0.9))

    assert len(desk.deliver().delivered) == 1


def test_what_a_receiver_needs_to_find_its_message_again_comes_back_to_it():
    desk = Desk(ops=Receiver(Delivery("ops", thread="C1:17"), Delivery("ops", thread="C1:17")), mail=Receiver())
    rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops", "mail"), repeat_us=1)
    alerting = Alerting(desk.storage, desk.clock, [rule])
    for number in (0.6, 0.6, 0.9, 0.6):
        alerting.evaluate("momentum", accuracy(number))
        desk.deliver(1)
        desk.deliver(1)

    threads = [notification.thread for notification in desk.receivers["ops"].notifications]
    assert threads == [None, "C1:17", "C1:17", None], "a new firing is a new message"
    assert {notification.thread for notification in desk.receivers["mail"].notifications} == {None}


def test_what_is_delayed_is_tried_again_later_with_the_same_key():
    desk = Desk(ops=Receiver(DeliveryDelayed("503"), DeliveryDelayed("503")))
    desk.write("a")

    first = desk.deliver()
    assert [(one.error, one.is_final) for one in first.undelivered] == [("503", False)]
    assert desk.deliver(0.49).undelivered == ()
    assert len(desk.deliver(0.01).undelivered) == 1, "half a second after the first failure"
    assert desk.deliver(0.99).delivered == ()
    assert len(desk.deliver(0.01).delivered) == 1, "a second after the second"
    assert desk.receivers["ops"].keys == ["a", "a", "a"]


def test_the_wait_doubles_up_to_a_minute():
    desk = Desk(ops=Receiver(*[DeliveryDelayed("503")] * 12))
    desk.write("a")
    waits = []
    for _ in range(12):
        desk.deliver()
        (letter,) = desk.outbox.waiting()
        waits.append((letter.next_us - desk.clock.now_us()) / SECOND)
        desk.clock.advance(waits[-1])

    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]


def test_no_attempt_is_made_before_the_receiver_allows_it():
    desk = Desk(ops=Receiver(DeliveryDelayed("429", retry_after_seconds=120.0)), rng=random.Random(7))  # noqa: S311 - chance, not secrecy
    desk.write("a")
    desk.deliver()

    assert desk.deliver(119.99).delivered == ()
    assert len(desk.deliver(1.01).delivered) == 1


def test_a_refusal_is_a_dead_letter_after_one_attempt():
    desk = Desk(ops=Receiver(DeliveryRefused("404: no such hook")))
    desk.write("a")

    (undelivered,) = desk.deliver().undelivered

    assert (undelivered.receiver, undelivered.key, undelivered.error) == ("ops", "a", "404: no such hook")
    assert undelivered.is_final
    desk.deliver(86_400)
    assert desk.receivers["ops"].keys == ["a"]
    (dead,) = desk.outbox.dead_letters()
    assert (dead.key, dead.error, dead.attempts) == ("a", "404: no such hook", 1)
    assert desk.events() == [("undeliverable", "404: no such hook")]


def test_a_dead_letter_can_be_sent_again():
    desk = Desk(ops=Receiver(DeliveryRefused("404")))
    desk.fire()
    desk.deliver()
    (dead,) = desk.outbox.dead_letters()

    desk.outbox.send_again(dead.key, desk.clock.now_us(), by="ada")

    assert len(desk.deliver().delivered) == 1
    assert desk.outbox.dead_letters() == ()
    assert desk.events()[2] == ("sent again", "by ada")


@pytest.mark.parametrize("key", ["a", "zzz"])
def test_only_a_dead_letter_can_be_sent_again(key):
    desk = Desk()
    desk.write("a")

    with pytest.raises(NotFound, match=f"there is no dead letter '{key}'; list them to see their keys"):
        desk.outbox.send_again(key, desk.clock.now_us(), by="ada")


def test_after_a_day_of_failures_a_letter_is_dead():
    desk = Desk(ops=Receiver(*[DeliveryDelayed("503")] * 10))
    desk.write("a")

    desk.deliver(86_399)
    assert desk.outbox.dead_letters() == ()
    (undelivered,) = desk.deliver(2).undelivered

    assert undelivered.is_final
    assert undelivered.error == "503 (tried 2 times)"


@pytest.mark.parametrize("seconds", [3.2e8, 1e300, float("inf")])
def test_a_receiver_that_asks_for_years_is_tried_again_after_an_hour(seconds):
    desk = Desk(ops=Receiver(DeliveryDelayed("429", retry_after_seconds=seconds)))
    desk.write("a")
    assert [one.is_final for one in desk.deliver().undelivered] == [False]

    assert desk.deliver(3_599).delivered == ()
    assert len(desk.deliver(2).delivered) == 1


@pytest.mark.parametrize("seconds", [-5.0, float("-inf"), float("nan"), "120"])
def test_what_a_receiver_cannot_mean_is_as_if_it_had_not_been_said(seconds):
    desk = Desk(ops=Receiver(DeliveryDelayed("429", retry_after_seconds=seconds)))
    desk.write("a")
    assert [one.is_final for one in desk.deliver().undelivered] == [False]

    assert desk.deliver(0.49).delivered == ()
    assert len(desk.deliver(0.01).delivered) == 1


def test_a_retry_after_beyond_the_end_is_the_end():
    desk = Desk(ops=Receiver(*[DeliveryDelayed("429", retry_after_seconds=1e9)] * 30))
    desk.write("a")
    finals = []
    while not any(finals):
        finals += [one.is_final for one in desk.deliver(3_631).undelivered]

    assert len(finals) == 23, "what would come after a day is not tried any more"


def test_the_fallback_hears_what_did_not_reach_another():
    desk = Desk(ops=Receiver(DeliveryRefused("404")), mail=Receiver(name="mail"), fallback="mail")
    desk.write("a")

    desk.deliver()
    desk.deliver()

    (notification,) = desk.receivers["mail"].notifications
    assert notification.reason == "it could not be delivered to ops: 404"
    assert notification.alert == sample_notification().alert
    assert notification.key.startswith("a-instead-")


def test_a_fallback_that_fails_too_has_no_fallback():
    desk = Desk(ops=Receiver(DeliveryRefused("404")), mail=Receiver(DeliveryRefused("550")), fallback="mail")
    desk.write("a")

    desk.deliver()
    desk.deliver()

    assert {letter.receiver for letter in desk.outbox.dead_letters()} == {"ops", "mail"}
    assert desk.outbox.waiting() == ()


def test_the_fallback_hears_again_when_a_letter_dies_twice():
    desk = Desk(ops=Receiver(DeliveryRefused("404"), DeliveryRefused("404")), mail=Receiver(), fallback="mail")
    desk.fire()
    desk.deliver()
    desk.deliver(1)
    (dead,) = desk.outbox.dead_letters()
    desk.outbox.send_again(dead.key, desk.clock.now_us(), by="ada")

    desk.deliver()
    desk.deliver()

    assert len(set(desk.receivers["mail"].keys)) == 2


def test_one_receivers_failure_does_not_hold_up_the_others():
    released = threading.Event()

    def hang():
        assert released.wait(10), "the healthy receiver was never reached"
        return Delivery("slow")

    def accept():
        released.set()
        return Delivery("quick")

    desk = Desk(slow=Receiver(hang), broken=Receiver(ValueError("oops")), quick=Receiver(accept))
    for receiver in desk.receivers:
        desk.write(f"to-{receiver}", receiver=receiver)

    report = desk.deliver()

    assert {delivery.receiver for delivery in report.delivered} == {"slow", "quick"}


def test_a_notifier_that_raises_what_it_must_not_is_tried_five_times():
    desk = Desk(ops=Receiver(*[ValueError("oops")] * 10))
    desk.write("a")

    finals = [desk.deliver(60).undelivered[0].is_final for _ in range(5)]

    assert finals == [False] * 4 + [True]
    (dead,) = desk.outbox.dead_letters()
    assert dead.error == "ValueError: oops"


def test_a_broken_notifier_is_a_failure_with_its_name():
    desk = Desk(ops=Receiver(ValueError("oops")))
    desk.write("a")

    (failure,) = desk.deliver().failures

    assert (failure.plugin, failure.error, failure.subject) == ("notifier.ops", "ValueError: oops", "a")


def test_a_notifier_that_returns_no_delivery_has_not_delivered():
    desk = Desk(ops=Receiver(None))
    desk.receivers["ops"].answers = ["accepted!"]
    desk.write("a")

    (failure,) = desk.deliver().failures

    assert failure.error == "TypeError: send() must return a Delivery, found str"
    assert len(desk.outbox.waiting()) == 1


def test_a_notifier_that_cannot_be_made_holds_up_nobody_and_its_letters_wait():
    class Made(dict):
        def __getitem__(self, name):
            if name == "ops":
                raise ConfigError("notifiers.ops.url reads the variable OPS_URL, which is not set")
            return super().__getitem__(name)

    desk = Desk(ops=Receiver(), mail=Receiver())
    desk.receivers = Made(desk.receivers)
    desk.write("a")
    desk.write("b", receiver="mail")

    report = desk.deliver()

    assert len(report.delivered) == 1
    assert [one.error for one in report.undelivered] == [
        "the notifier cannot be made: notifiers.ops.url reads the variable OPS_URL, which is not set"
    ]
    assert [letter.key for letter in desk.outbox.waiting()] == ["a"]


def test_an_unspecific_delivery_error_is_worth_another_attempt():
    desk = Desk(ops=Receiver(DeliveryError("something")))
    desk.write("a")

    assert [one.is_final for one in desk.deliver().undelivered] == [False]


def test_letters_for_an_unknown_receiver_wait_and_it_is_said():
    desk = Desk(ops=Receiver())
    desk.write("a", receiver="opps")

    (undelivered,) = desk.deliver().undelivered

    assert undelivered.error == "no notifier is called 'opps'; did you mean 'ops'?"
    assert not undelivered.is_final
    desk.receivers["opps"] = Receiver()
    assert len(desk.deliver(1).delivered) == 1


def test_without_any_notifier_everything_waits():
    desk = Desk()
    desk.write("a")

    assert [one.error for one in desk.deliver().undelivered] == ["no notifier is called 'ops'"]


def test_critical_letters_go_first():
    desk = Desk(ops=Receiver())
    desk.write("a", severity=Severity.INFO)
    desk.write("b", severity=Severity.CRITICAL)
    desk.write("c")

    desk.deliver()

    assert desk.receivers["ops"].keys == ["b", "c", "a"]


def test_three_failures_in_a_row_end_the_pass_and_the_rest_waits_untried():
    desk = Desk(ops=Receiver(*[DeliveryDelayed("503")] * 3))
    desk.write(*"abcdefghijkl")

    report = desk.deliver()

    assert len(report.undelivered) == 3
    assert desk.receivers["ops"].keys == ["a", "b", "c"]
    attempts = {letter.key: letter.attempts for letter in desk.outbox.waiting()}
    assert attempts == {**dict.fromkeys("abc", 1), **dict.fromkeys("defghijkl", 0)}
    assert {letter.error for letter in desk.outbox.waiting() if letter.key in "defgh"} == {
        "other notifications to this receiver fail"
    }
    assert len(desk.deliver(1).delivered) == 12


def test_a_failure_now_and_then_does_not_end_the_pass():
    answers = [DeliveryDelayed("503"), DeliveryDelayed("503"), Delivery("ops")] * 4
    desk = Desk(ops=Receiver(*answers))
    desk.write(*"abcdefghijkl")

    assert len(desk.deliver().undelivered) == 8


def test_a_letter_is_leased_to_one_sender():
    desk = Desk()
    desk.write("a")
    now = desk.clock.now_us()

    (taken,) = desk.outbox.take("ops", now, now + 60 * SECOND, 8)

    assert taken.attempts == 1
    assert Outbox(desk.storage).take("ops", now, now + 60 * SECOND, 8) == ()


def test_when_a_sender_dies_its_letter_is_due_again_at_the_end_of_its_lease():
    desk = Desk(ops=Receiver())
    desk.write("a")
    now = desk.clock.now_us()
    desk.outbox.take("ops", now, now + 60 * SECOND, 8)

    assert desk.deliver(59.9).delivered == ()
    assert len(desk.deliver(0.1).delivered) == 1


def _taken_twice(desk):
    """One letter as two senders have it: the lease of the first ran out."""
    desk.write("a")
    now = desk.clock.now_us()
    (late,) = desk.outbox.take("ops", now, now + 60 * SECOND, 8)
    desk.clock.advance(61)
    (taken,) = desk.outbox.take("ops", desk.clock.now_us(), desk.clock.now_us() + 60 * SECOND, 8)
    return late, taken


def test_a_sender_whose_lease_ran_out_does_not_undo_what_another_did():
    desk = Desk(ops=Receiver())
    late, taken = _taken_twice(desk)

    desk.outbox.given_up(late, "404", desk.clock.now_us())
    desk.outbox.postponed(late, 0, "503")

    assert desk.outbox.waiting() == (taken,)
    assert desk.events() == []


def test_acceptance_counts_though_the_lease_ran_out():
    desk = Desk(ops=Receiver())
    late, taken = _taken_twice(desk)

    desk.outbox.accepted(late, Delivery("ops"), desk.clock.now_us())
    desk.outbox.accepted(taken, Delivery("ops"), desk.clock.now_us())

    assert desk.outbox.waiting() == ()
    assert len(desk.events()) == 1


def test_a_late_acceptance_leaves_a_dead_letter_where_it_is():
    desk = Desk(ops=Receiver())
    late, taken = _taken_twice(desk)
    desk.outbox.given_up(taken, "404", desk.clock.now_us())

    desk.outbox.accepted(late, Delivery("ops"), desk.clock.now_us())

    assert [letter.error for letter in desk.outbox.dead_letters()] == ["404"]


def test_a_lease_is_renewed_while_the_letter_is_being_sent():
    desk = Desk()
    desk.patience = Patience(lease_seconds=0.06)
    renewed = threading.Event()

    class Watched(Outbox):
        def renewed(self, letter, lease_until_us):
            found = super().renewed(letter, lease_until_us)
            until.append(found.next_us)
            renewed.set()
            return found

    def slow():
        desk.clock.advance(0.05)
        assert renewed.wait(10)
        return Delivery("ops")

    until = []
    desk.receivers = {"ops": Receiver(slow)}
    desk.write("a")
    desk.alerting.outbox = Watched(desk.storage)
    begun = desk.clock.now_us()

    assert len(desk.deliver().delivered) == 1

    assert max(until) >= begun + 0.11 * SECOND
    assert desk.outbox.waiting() == ()


def _spoilt(desk, key):
    """A letter as a later version may write it."""
    (document,) = (one for one in desk.storage.find(OUTBOX) if one.key == key)
    notification = document.value["notification"]
    value = {**document.value, "notification": {**notification, "alert": {**notification["alert"], "severity": "?"}}}
    desk.storage.commit([Put(OUTBOX, key, value, document.index)])


def test_a_letter_that_cannot_be_read_is_put_aside_and_the_others_are_sent():
    desk = Desk(ops=Receiver())
    desk.write("a", "b")
    _spoilt(desk, "a")

    assert len(desk.deliver().delivered) == 1

    (dead,) = desk.outbox.dead_letters()
    assert (dead.key, dead.receiver) == ("a", "ops")
    assert dead.error.startswith("the letter cannot be read: ValueError: '?' is not")
    assert [event for event, _ in desk.events()] == ["undeliverable", "delivered"]
    assert desk.storage.get(OUTBOX, "a").value["unreadable"]["notification"]["key"] == "a"


def test_a_letter_that_cannot_be_read_holds_up_no_later_one():
    desk = Desk(ops=Receiver())
    desk.write("a", "b")
    _spoilt(desk, "a")
    (later,) = (letter_of(one) for one in desk.storage.find(OUTBOX) if one.key == "b")

    assert desk.outbox.held_until(attrs.evolve(later, after=("a",)), desk.clock.now_us()) is None


def test_a_thread_that_sends_outlives_whatever_is_raised():
    desk = Desk(ops=Receiver())
    heard = threading.Semaphore(0)

    def broken(_report):
        heard.release()
        raise BrokenPipeError

    sender = Sender(desk.courier, threads=1, heard=broken)
    desk.write("a")
    sender.start()
    try:
        assert heard.acquire(timeout=10)
        desk.write("b")
        desk.outbox.wake()
        assert heard.acquire(timeout=10), "it delivers again"
        assert sender.is_running
    finally:
        sender.stop()


def test_a_batch_that_takes_long_is_left_before_its_lease_ends():
    desk = Desk(ops=Receiver())
    desk.receivers["ops"].answers = [lambda: desk.clock.advance(31) or Delivery("ops")]
    desk.write("a", "b", "c")

    assert len(desk.deliver().delivered) == 1
    assert len(desk.deliver(29).delivered) == 2, "due again when the lease ends"
    assert desk.receivers["ops"].keys == ["a", "b", "c"]


def test_when_another_process_takes_a_letter_first_the_next_one_is_taken():
    class Contended(MemoryStorage):
        def commit(self, operations, *arguments, **settings):
            if not self.was_late and len(operations) == 2:
                self.was_late = True
                super().commit([attrs.evolve(operations[0], index={**operations[0].index, "receiver": "other"})])
            return super().commit(operations, *arguments, **settings)

        was_late = False

    desk = Desk(Contended())
    desk.write("a", "b")
    now = desk.clock.now_us()

    assert [letter.key for letter in desk.outbox.take("ops", now, now + SECOND, 8)] == ["b"]


def test_when_others_are_always_faster_nothing_is_taken():
    class Contended(MemoryStorage):
        is_open = True

        def commit(self, operations, *arguments, **settings):
            if not self.is_open:
                raise Conflict("somebody was faster")
            return super().commit(operations, *arguments, **settings)

    desk = Desk(Contended())
    desk.write("a")
    desk.storage.is_open = False

    assert desk.outbox.take("ops", desk.clock.now_us(), 0, 8) == ()


def test_a_receiver_can_be_tried_out_and_nothing_is_kept():
    desk = Desk(ops=Receiver())

    assert desk.courier.try_out("ops") == Delivery("ops", "200")

    (notification,) = desk.receivers["ops"].notifications
    assert notification.alert.summary.startswith("this is a test of the notifier")
    assert desk.outbox.waiting() == ()
    assert desk.events() == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [(DeliveryDelayed("503"), "503"), (DeliveryRefused("404"), "404"), (ValueError("oops"), "ValueError: oops")],
    ids=["delayed", "refused", "broken"],
)
def test_what_a_trial_says_when_it_fails(answer, error):
    assert Desk(ops=Receiver(answer)).courier.try_out("ops").error == error


def test_a_trial_leaves_nothing_open():
    desk = Desk(ops=Receiver(Delivery("ops", "202", thread="incident-1")))

    assert desk.courier.try_out("ops").detail == "202"
    begun, over = desk.receivers["ops"].notifications
    assert (begun.alert.state.value, over.alert.state.value, over.thread) == ("firing", "resolved", "incident-1")
    assert (begun.alert.fingerprint, begun.alert.since_us) == (over.alert.fingerprint, over.alert.since_us)
    assert begun.key != over.key


def test_a_trial_whose_end_is_not_accepted_says_so():
    desk = Desk(ops=Receiver(Delivery("ops", thread="17"), DeliveryRefused("cant_update")))

    assert desk.courier.try_out("ops").error == "the test was accepted, and its end was not: cant_update"


def test_an_unknown_receiver_cannot_be_tried_out():
    assert Desk(ops=Receiver()).courier.try_out("opps").error == "no notifier is called 'opps'; did you mean 'ops'?"


class Limited(Desk):
    def __init__(self, limit, storage=None, **receivers):
        super().__init__(storage, **receivers)
        self.limit = limit

    @property
    def courier(self):
        return self.alerting.courier(self.receivers, attempt, rng=self.rng, limits={"ops": self.limit})

    def told(self):
        return [
            (one.key, one.reason)
            for one in self.receivers["ops"].notifications
            if one.alert.rule != "notification-limit"
        ]

    def notices(self):
        return [
            (one.alert.state.value, one.alert.summary)
            for one in self.receivers["ops"].notifications
            if one.alert.rule == "notification-limit"
        ]


def test_above_its_limit_a_receiver_is_told_later_and_why():
    desk = Limited(Limit(6, burst=2), ops=Receiver())
    desk.write(*"abcd")

    desk.deliver()
    assert [key for key, _ in desk.told()] == ["a", "b"]
    held = [letter.error for letter in desk.outbox.waiting() if letter.is_limited]
    assert held == ["held back by the limit of 6 a minute"] * 2
    desk.deliver(9)
    assert len(desk.told()) == 2
    desk.deliver(1)
    desk.deliver(10)

    assert desk.told() == [
        ("a", ""),
        ("b", ""),
        ("c", "it comes 10 s late: this receiver's limit is 6 a minute"),
        ("d", "it comes 20 s late: this receiver's limit is 6 a minute"),
    ]


def test_who_is_limited_hears_of_it_once_and_when_it_is_over():
    desk = Limited(Limit(6, burst=1), ops=Receiver())
    desk.write(*"abc")
    for _ in range(40):
        desk.deliver(1)

    first = "more is due to ops than its limit of 6 a minute: what is above it comes later and says so; "
    last = "nothing is held back any more: 2 notifications to ops came later than they would have"
    assert desk.notices() == [("firing", first + "critical news comes at once"), ("resolved", last)]
    assert [event for event, _ in desk.events() if "limit" in event] == ["limited", "limit over"]
    assert desk.outbox.waiting() == ()


def test_a_limit_counts_what_every_process_tells():
    storage = MemoryStorage()
    one = Limited(Limit(60, burst=2), storage, ops=Receiver())
    other = Limited(Limit(60, burst=2), storage, ops=one.receivers["ops"])
    one.write(*"ab")
    one.deliver()
    other.write(*"cd")
    other.deliver()

    assert [key for key, _ in one.told()] == ["a", "b"]


def test_two_processes_that_count_at_once_give_each_its_own_turn():
    class Late(MemoryStorage):
        rival = None

        def get(self, namespace, key):
            found = super().get(namespace, key)
            if namespace.name == "allowances" and self.rival is not None:
                rival, self.rival = self.rival, None
                rival()
            return found

    storage = Late()
    limits = RateLimits(storage, {"ops": Limit(60, burst=1)})
    storage.rival = lambda: limits.wait_us("ops", 0)

    assert limits.wait_us("ops", 0) == SECOND


def test_what_was_held_back_is_sent_when_the_limit_is_gone():
    desk = Limited(Limit(6, burst=1), ops=Receiver())
    desk.write(*"ab")
    desk.deliver()
    desk.limit = None
    without = desk.alerting.courier(desk.receivers, attempt, rng=desk.rng)
    desk.clock.advance(10)
    without.deliver()

    assert desk.told()[-1] == ("b", "it comes 10 s late: this receiver's limit is lifted")


def test_critical_news_is_not_limited():
    desk = Limited(Limit(1, burst=1), ops=Receiver())
    desk.write(*"abc", severity=Severity.CRITICAL)

    assert len(desk.deliver().delivered) == 3


def test_another_receiver_is_not_limited():
    desk = Limited(Limit(1, burst=1), ops=Receiver(), mail=Receiver())
    desk.write(*"abc", receiver="mail")

    assert len(desk.deliver().delivered) == 3


def test_a_repeated_attempt_is_not_counted_again():
    desk = Limited(Limit(1, burst=1), ops=Receiver(DeliveryDelayed("503")))
    desk.write("a")
    desk.deliver()

    assert len(desk.deliver(1).delivered) == 1


def test_a_clock_that_is_set_back_does_not_lift_the_limit():
    limits = RateLimits(MemoryStorage(), {"ops": Limit(60, burst=1)})

    assert limits.wait_us("ops", 10 * SECOND) == 0
    assert limits.wait_us("ops", 5 * SECOND) == SECOND
    assert limits.wait_us("ops", 10 * SECOND) == 2 * SECOND
    assert limits.wait_us("ops", 13 * SECOND) == 0


def test_a_clock_that_is_set_back_by_a_day_does_not_keep_the_limit_for_a_day():
    limits = RateLimits(MemoryStorage(), {"ops": Limit(60, burst=1)})
    assert limits.wait_us("ops", 86_400 * SECOND) == 0

    assert limits.wait_us("ops", 0) == SECOND
    assert limits.wait_us("ops", 3 * SECOND) == 0


@pytest.mark.parametrize("settings", [(0.0, 1), (float("nan"), 1), (1.0, 0)])
def test_a_limit_of_nothing_is_refused(settings):
    with pytest.raises(ConfigError, match="a limit is more than 0 a minute and at least 1 at once, found"):
        Limit(*settings)


@pytest.fixture
def sender():
    """Makes senders that are stopped at the end."""
    made = []

    def make(desk, **settings):
        made.append(Sender(desk.courier, poll_seconds=0.01, **settings))
        return made[-1]

    yield make
    for one in made:
        one.stop(5)
        assert not one.is_running


def test_a_sender_delivers_as_soon_as_something_is_written(sender):
    desk = Desk(ops=Receiver())
    sender(desk).start()
    desk.write("a")
    desk.outbox.wake()

    assert desk.receivers["ops"].arrived.wait(10)


def test_what_is_given_up_is_in_the_log_when_nobody_hears(sender, caplog):
    desk = Desk(ops=Receiver(DeliveryRefused("404: no such hook")), mail=Receiver(), fallback="mail")
    one = sender(desk)
    one.start()
    desk.write("a")
    desk.outbox.wake()
    assert desk.receivers["mail"].arrived.wait(10)
    one.stop(10)

    assert "given up, not delivered to ops: 404: no such hook" in caplog.text


def test_a_sender_can_be_started_and_stopped_twice(sender):
    desk = Desk(ops=Receiver())
    one = sender(desk)

    one.stop()
    one.start()
    one.start()
    assert one.is_running
    assert len([thread for thread in threading.enumerate() if thread.name.startswith("watchkeeper-send")]) == 4
    one.stop()
    one.stop()
    one.start()
    desk.write("a")
    desk.outbox.wake()
    assert desk.receivers["ops"].arrived.wait(10)


def test_a_receiver_that_hangs_does_not_hold_up_others_in_the_background(sender):
    released = threading.Event()
    desk = Desk(slow=Receiver(lambda: released.wait(20) and Delivery("slow")), quick=Receiver())
    sender(desk, threads=1).start()
    desk.write("a", receiver="slow")
    desk.outbox.wake()
    assert desk.receivers["slow"].arrived.wait(10)
    desk.write("b", receiver="quick")
    desk.outbox.wake()

    assert desk.receivers["quick"].arrived.wait(10)
    released.set()


class Hanging(Receiver):
    """Holds every warning until it is released, and critical news until so many are with it at once."""

    def __init__(self, together):
        super().__init__()
        self.released = threading.Event()
        self.together = threading.Barrier(together)
        self.warnings = threading.Semaphore(0)

    def send(self, notification):
        if notification.alert.severity is Severity.CRITICAL:
            self.together.wait(20)
        else:
            self.warnings.release()
            assert self.released.wait(20)
        return super().send(notification)


def test_critical_news_arrives_though_every_thread_waits_for_the_receiver(sender):
    desk = Desk(ops=Hanging(together=1))
    sender(desk, threads=2).start()
    desk.write(*(f"w{number}" for number in range(20)))
    desk.outbox.wake()
    for _ in range(2):
        assert desk.receivers["ops"].warnings.acquire(timeout=10)
    assert not desk.receivers["ops"].keys, "both threads hang"

    desk.write("c", severity=Severity.CRITICAL)
    desk.outbox.wake()

    assert desk.receivers["ops"].arrived.wait(10)
    assert desk.receivers["ops"].keys == ["c"]
    desk.receivers["ops"].released.set()


def test_a_batch_of_critical_news_is_with_a_slow_receiver_all_at_once(sender):
    desk = Desk(ops=Hanging(together=8))
    one = sender(desk, threads=2)
    one.start()
    desk.write(*(f"w{number}" for number in range(20)))
    desk.outbox.wake()
    for _ in range(2):
        assert desk.receivers["ops"].warnings.acquire(timeout=10)

    desk.write(*(f"c{number}" for number in range(8)), severity=Severity.CRITICAL)
    desk.outbox.wake()

    assert desk.receivers["ops"].arrived.wait(10), "none is accepted before all eight have come"
    desk.receivers["ops"].released.set()
    one.stop(10)
    assert {f"c{number}" for number in range(8)} <= set(desk.receivers["ops"].keys)


def test_one_pass_brings_critical_news_to_a_slow_receiver_all_at_once():
    together = threading.Barrier(4)

    def meet():
        together.wait(5)
        return Delivery("ops")

    desk = Desk(ops=Receiver(*[meet] * 4))
    desk.write("w1", "w2")
    desk.write("c1", "c2", "c3", "c4", severity=Severity.CRITICAL)

    report = desk.deliver()

    assert len(report.delivered) == 6, "none of the four is accepted before all have come"
    assert sorted(desk.receivers["ops"].keys[:4]) == ["c1", "c2", "c3", "c4"]


def test_in_one_pass_critical_news_to_one_receiver_does_not_wait_for_another():
    other = Receiver(name="pager")

    def slow():
        assert other.arrived.wait(5), "the pager waits for the slow receiver"
        return Delivery("ops")

    desk = Desk(ops=Receiver(slow, slow), pager=other)
    desk.write("c1", "c2", severity=Severity.CRITICAL)
    desk.write("p1", receiver="pager", severity=Severity.CRITICAL)

    assert len(desk.deliver().delivered) == 3


def test_when_critical_news_fails_a_pass_begins_no_other_batch():
    desk = Desk(ops=Receiver(*[DeliveryDelayed("down")] * 40))
    desk.write(*(f"c{number}" for number in range(30)), severity=Severity.CRITICAL)

    report = desk.deliver()

    assert len(report.undelivered) == 8 + desk.patience.failures_in_a_row
    assert not report.delivered


def test_critical_news_that_failed_once_goes_before_what_waits_as_well():
    desk = Desk(ops=Receiver(DeliveryDelayed("503")))
    desk.write("c", severity=Severity.CRITICAL)
    desk.deliver()
    desk.write(*(f"w{number}" for number in range(30)))
    desk.deliver(60)

    assert desk.receivers["ops"].keys[:2] == ["c", "c"]


def test_while_critical_news_fails_one_at_a_time_is_tried(sender):
    tried = threading.Semaphore(0)

    class Down(Receiver):
        def send(self, notification):
            self.keys.append(notification.key)
            tried.release()
            raise DeliveryDelayed("503", retry_after_seconds=3_000)

    desk = Desk(ops=Down())
    reserve = Reserve(desk.courier, "ops", most=8)
    desk.write(*(f"c{number}" for number in range(20)), severity=Severity.CRITICAL)
    for at in range(4):
        reserve.look()
        for _ in range(8 if at == 0 else 1):
            assert tried.acquire(timeout=10)
        reserve.wait(10)

    assert len(desk.receivers["ops"].keys) == 11
    reserve.stop(10)
    reserve.look()
    assert len(desk.receivers["ops"].keys) == 11, "what is stopped begins nothing"


def test_waiting_letters_are_listed_soonest_due_first_critical_or_not():
    desk = Desk(ops=Receiver(*[DeliveryDelayed("429", retry_after_seconds=900.0)] * 3))
    desk.write("c1", "c2", "c3", severity=Severity.CRITICAL)
    desk.deliver()
    desk.write("w")

    assert desk.outbox.waiting(limit=2)[0].key == "w"
    assert [letter.key for letter in desk.outbox.late(desk.clock.now_us() + 1, limit=1)] == ["w"]


def test_a_store_that_is_busy_for_a_moment_does_not_end_the_sender(sender, caplog):
    class Busy(MemoryStorage):
        failed = threading.Event()

        def find(self, *arguments, **settings):
            if not self.failed.is_set():
                self.failed.set()
                raise StoreBusy("somebody holds the store")
            return super().find(*arguments, **settings)

    desk = Desk(Busy(), ops=Receiver())
    one = sender(desk, threads=1)
    one.start()
    desk.write("a")
    assert desk.storage.failed.wait(10)

    assert desk.receivers["ops"].arrived.wait(10)
    assert one.is_running
    assert "delivery pauses, the store cannot be used: somebody holds the store" in caplog.text


def test_who_needs_no_other_attempt_is_remembered_with_the_letter():
    desk = Desk(ops=Receiver(DeliveryDelayed("put off", done=("a@x", "b@x")), DeliveryDelayed("503", done=("c@x",))))
    desk.write("a")

    for _ in range(3):
        desk.deliver(60)

    assert [one.done for one in desk.receivers["ops"].notifications] == [(), ("a@x", "b@x"), ("a@x", "b@x", "c@x")]
