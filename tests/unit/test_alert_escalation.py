"""Escalation step by step on a clock that tests turn, its audit, and the sign of life."""

import logging
import re
import threading

import attrs
import pytest

from watchkeeper.alerting import Alerting, Caretaker, Escalation, Rule, Step, parsed
from watchkeeper.alerting.escalation import COURSES
from watchkeeper.alerting.record import ALERTS
from watchkeeper.contracts.storage import Delete
from watchkeeper.domain.alert import AlertState, Delivery, Severity
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, StoreBusy
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

MINUTE = 60_000_000
POLICY = Escalation("office", (Step(10 * MINUTE, ("second",)), Step(20 * MINUTE, ("third", "boss"))))


class Desk:
    def __init__(self, policy=POLICY, storage=None, **settings):
        self.clock = FakeClock()
        self.storage = storage or MemoryStorage()
        self.settings = settings
        self.use(policy)

    def use(self, policy):
        rule = Rule(
            name="r",
            condition=parsed("accuracy < 0.8"),
            receivers=("first",),
            escalation=policy,
            next_step="Look.",
            **self.settings,
        )
        self.alerting = Alerting(self.storage, self.clock, [rule])

    def check(self, number):
        self.alerting.evaluate("m", [Measurement("accuracy", Value.of(number), "m", None, Window(0, 1))])

    def minutes(self, count):
        """Let minutes pass, looking every minute; whom it told, and in which minute."""
        told = []
        for minute in range(1, count + 1):
            self.clock.advance(60)
            before = len(self.alerting.outbox.waiting())
            self.alerting.escalate()
            told += [(minute, letter.receiver) for letter in self.letters()[before:]]
        return told

    def letters(self):
        return sorted(self.alerting.outbox.waiting(), key=lambda letter: letter.first_us)

    @property
    def fingerprint(self):
        (document,) = self.storage.find(ALERTS)
        return document.key


def test_steps_are_taken_in_order_each_after_its_wait():
    desk = Desk()
    desk.check(0.6)

    assert [letter.receiver for letter in desk.letters()] == ["first"]
    assert desk.minutes(120) == [(10, "second"), (30, "boss"), (30, "third")]


def test_a_late_look_takes_one_step_and_the_next_after_its_whole_wait():
    desk = Desk()
    desk.check(0.6)
    desk.clock.advance(3600)

    desk.alerting.escalate()

    assert {letter.receiver for letter in desk.letters()} == {"first", "second"}
    assert {receiver for _, receiver in desk.minutes(19)} == set()
    assert {receiver for _, receiver in desk.minutes(1)} == {"third", "boss"}


def test_who_is_told_learns_why_and_what_was_measured():
    desk = Desk()
    desk.check(0.6)
    desk.minutes(10)

    notification = next(letter.notification for letter in desk.letters() if letter.receiver == "second")

    assert notification.reason == "nobody has acknowledged it for 10 min: step 1 of 2 of escalation office"
    assert notification.measurements[0].value.number == 0.6
    assert notification.next_step == "Look."


def test_hours_are_told_as_hours():
    desk = Desk(Escalation("slow", (Step(150 * MINUTE, ("second",)),)))
    desk.check(0.6)
    desk.minutes(150)

    assert "for 2 h 30 min:" in desk.letters()[-1].notification.reason


def test_the_steps_are_repeated():
    desk = Desk(attrs.evolve(POLICY, repeats=2))
    desk.check(0.6)

    assert [minute for minute, receiver in desk.minutes(300) if receiver in {"second", "boss"}] == [
        10, 30, 40, 60, 70, 90,
    ]  # fmt: skip


def test_acknowledging_stops_it():
    desk = Desk()
    desk.check(0.6)
    desk.minutes(10)
    desk.alerting.acknowledge(desk.fingerprint, "ada")

    assert desk.minutes(100) == []
    assert desk.storage.find(COURSES) == ()


def test_giving_back_resumes_it_at_the_step_where_it_was():
    desk = Desk()
    desk.check(0.6)
    desk.minutes(15)
    desk.alerting.acknowledge(desk.fingerprint, "ada")
    desk.minutes(60)
    desk.alerting.give_back(desk.fingerprint, "ada")

    assert set(desk.minutes(40)) == {(20, "third"), (20, "boss")}


def test_giving_back_after_the_last_step_takes_the_last_step_once_more():
    desk = Desk()
    desk.check(0.6)
    desk.minutes(60)
    desk.alerting.acknowledge(desk.fingerprint, "ada")
    desk.alerting.give_back(desk.fingerprint, "ada")

    assert set(desk.minutes(120)) == {(20, "third"), (20, "boss")}


def test_a_step_that_waits_counts_from_the_next_check_when_the_clock_was_set_back():
    desk = Desk()
    desk.check(0.6)
    desk.clock.advance(-86_400)
    desk.check(0.6)

    desk.minutes(9)
    assert {letter.receiver for letter in desk.letters()} == {"first"}
    desk.minutes(1)
    assert {letter.receiver for letter in desk.letters()} == {"first", "second"}


def test_who_gave_it_back_is_in_the_log():
    desk = Desk()
    desk.check(0.6)
    desk.alerting.acknowledge(desk.fingerprint, "ada")
    alert = desk.alerting.give_back(desk.fingerprint, "bob", "not mine")

    *_, entry = desk.alerting.history(desk.fingerprint)
    body = entry.body
    assert (body["event"], body["by"], body["comment"]) == ("firing", "bob", "not mine")
    assert alert.by is None, "nobody takes care of it"


def test_the_end_stops_it_and_everybody_who_was_told_hears_of_it():
    desk = Desk()
    desk.check(0.6)
    desk.minutes(10)

    desk.check(0.9)

    assert {letter.receiver for letter in desk.letters() if letter.notification.alert.state == "resolved"} == {
        "first", "second",
    }  # fmt: skip
    assert desk.minutes(100) == []


def test_a_new_firing_begins_at_the_first_step():
    desk = Desk()
    desk.check(0.6)
    desk.minutes(15)
    desk.check(0.9)
    desk.check(0.6)

    assert desk.minutes(15) == [(10, "second")]
    keys = [letter.key for letter in desk.letters()]
    assert len(keys) == len(set(keys))


def test_what_is_under_way_keeps_the_policy_with_which_it_began():
    desk = Desk()
    desk.check(0.6)
    desk.use(Escalation("other", (Step(MINUTE, ("nobody",)),)))

    desk.minutes(9)
    assert {letter.receiver for letter in desk.letters()} == {"first"}
    desk.minutes(1)
    assert {letter.receiver for letter in desk.letters()} == {"first", "second"}


def test_while_it_recovers_nobody_is_told():
    desk = Desk(keep_firing_us=60 * MINUTE)
    desk.check(0.6)
    desk.check(0.9)

    assert desk.minutes(15) == []
    desk.check(0.6)
    assert desk.minutes(10) == [(5, "second")], "put off by its whole wait when it came due in minute 10"


def test_without_a_policy_nothing_is_under_way():
    desk = Desk(None)
    desk.check(0.6)

    assert desk.storage.find(COURSES) == ()
    assert desk.minutes(60) == []


def test_a_step_is_taken_once_however_many_look():
    desk = Desk()
    desk.check(0.6)
    desk.clock.advance(600)
    other = Alerting(desk.storage, desk.clock, [])

    assert len(desk.alerting.escalate()) == 1
    assert other.escalate() == ()


def test_acknowledging_at_the_same_moment_wins():
    class Slow(MemoryStorage):
        between = None

        def commit(self, operations, *arguments, **settings):
            act, self.between = self.between, None
            if act:
                act()
            return super().commit(operations, *arguments, **settings)

    desk = Desk(storage=Slow())
    desk.check(0.6)
    desk.clock.advance(600)
    desk.storage.between = lambda: desk.alerting.acknowledge(desk.fingerprint, "ada")

    assert desk.alerting.escalate() == ()
    assert [letter.receiver for letter in desk.letters()] == ["first"]


def test_the_log_tells_of_each_step():
    desk = Desk()
    desk.check(0.6)
    desk.minutes(30)

    told = [(entry.body["event"], entry.body["told"]) for entry in desk.storage.read_log("alerts")]
    assert told == [("firing", ["first"]), ("escalated", ["second"]), ("escalated", ["third", "boss"])]


@pytest.mark.parametrize(
    ("steps", "repeats", "message"),
    [
        ((), 0, "escalation 'office' has no steps; expected at least one, such as 15 minutes and a receiver"),
        ((Step(MINUTE, ()),), 0, "escalation 'office', step 1 tells nobody; expected the name of a notifier"),
        ((Step(-1, ("a",)),), 0, "escalation 'office', step 1: wait: expected at least 0, found -1 microseconds"),
        ((Step(MINUTE, ("a",)),), 21, "escalation 'office': repeats: expected 0 to 20, found 21"),
        ((Step(0, ("a",)),), 1, "escalation 'office' repeats without ever waiting; give one of its steps a wait"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(steps, repeats, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        Escalation("office", steps, repeats)


def test_the_audit_finds_a_step_that_nobody_takes():
    desk = Desk()
    desk.check(0.6)
    desk.clock.advance(659)
    assert desk.alerting.overdue() == ()

    desk.clock.advance(2)

    assert [alert.fingerprint for alert in desk.alerting.overdue()] == [desk.fingerprint]
    desk.alerting.escalate()
    assert desk.alerting.overdue() == ()


def test_the_audit_finds_an_escalation_that_nothing_would_find():
    desk = Desk()
    desk.check(0.6)
    desk.storage.commit([Delete(COURSES, desk.fingerprint)])

    assert len(desk.alerting.overdue()) == 1


class Heart:
    def __init__(self, answer=None):
        self.answer = answer
        self.beats = []
        self.beat = threading.Event()

    def send(self, notification):
        if self.answer:
            raise self.answer
        self.beats.append(notification.alert.summary)
        self.beat.set()
        return Delivery("heart")

    def close(self):
        pass


def test_a_sign_of_life_is_given_every_minute():
    desk = Desk()
    heart = Heart()
    caretaker = Caretaker(desk.alerting, desk.clock, attempt, heart=heart)
    for _ in range(120):
        caretaker.look()
        desk.clock.advance(1)

    assert heart.beats == ["watchkeeper watches: 0 alerts are open, 0 notifications could not be delivered"] * 2


def test_no_sign_of_life_is_given_while_an_escalation_is_stuck(caplog):
    desk = Desk()
    desk.check(0.6)
    desk.storage.commit([Delete(COURSES, desk.fingerprint)])
    heart = Heart()

    Caretaker(desk.alerting, desk.clock, attempt, heart=heart).look()

    assert heart.beats == []
    assert f"no sign of life is given: 1 escalations are stuck: {desk.fingerprint}" in caplog.text


def test_a_stuck_escalation_is_told_to_the_watchdog_once_and_when_it_goes_on_again(caplog):
    desk = Desk()
    desk.check(0.6)
    desk.storage.commit([Delete(COURSES, desk.fingerprint)])
    caretaker = Caretaker(desk.alerting, desk.clock, attempt, watchdog="boss", beat_us=MINUTE)

    for _ in range(180):
        caretaker.look()
        desk.clock.advance(1)
    (notice,) = [letter for letter in desk.letters() if letter.receiver == "boss"]
    alert = notice.notification.alert
    assert (alert.rule, alert.severity, alert.state) == ("escalation-stuck", Severity.CRITICAL, AlertState.FIRING)
    assert alert.summary == f"nobody takes the next step of r of m ({desk.fingerprint[:8]})"
    assert caplog.text.count("escalations are stuck") == 1

    desk.alerting.acknowledge(desk.fingerprint, "ada")
    for _ in range(120):
        caretaker.look()
        desk.clock.advance(1)
    _, over = [letter.notification for letter in desk.letters() if letter.receiver == "boss"]
    assert (over.alert.state, over.alert.since_us) == (AlertState.RESOLVED, alert.since_us)
    assert over.alert.summary == "every escalation goes on again"


def test_many_stuck_escalations_are_named_in_part():
    desk = Desk(each=("feature",))
    found = [
        Measurement("accuracy", Value.of(0.5), "m", None, Window(0, 1), {"feature": f"f{number}"})
        for number in range(7)
    ]
    desk.alerting.evaluate("m", found)
    desk.storage.commit([Delete(COURSES, alert.fingerprint) for alert in desk.alerting.alerts()])

    Caretaker(desk.alerting, desk.clock, attempt, watchdog="boss").look()

    (notice,) = [letter for letter in desk.letters() if letter.receiver == "boss"]
    assert notice.notification.alert.summary.endswith(" and 2 more")


def test_no_sign_of_life_is_given_when_those_who_send_are_dead(caplog):
    desk = Desk()
    heart = Heart()
    caretaker = Caretaker(desk.alerting, desk.clock, attempt, heart=heart, is_sending=lambda: False)
    for _ in range(3):
        caretaker.look()
        desk.clock.advance(60)

    assert heart.beats == []
    assert caplog.text.count("no sign of life is given: a thread that sends notifications has died") == 1


def test_no_sign_of_life_is_given_while_news_is_left_lying(caplog):
    desk = Desk(None)
    desk.check(0.6)
    heart = Heart()
    caretaker = Caretaker(desk.alerting, desk.clock, attempt, heart=heart)
    caretaker.look()
    desk.clock.advance(1_000)
    caretaker.look()

    assert len(heart.beats) == 1
    assert "no sign of life is given: notifications are due for 15 minutes and nobody sends them" in caplog.text


def test_the_caretaker_takes_steps():
    desk = Desk()
    desk.check(0.6)
    desk.clock.advance(600)

    Caretaker(desk.alerting, desk.clock, attempt).look()

    assert len(desk.letters()) == 2


@pytest.mark.parametrize("error", [DeliveryDelayed("503"), ValueError("oops")], ids=["delayed", "broken"])
def test_a_sign_of_life_that_is_not_accepted_is_said(error, caplog):
    desk = Desk()

    Caretaker(desk.alerting, desk.clock, attempt, heart=Heart(error)).look()

    assert "the sign of life was not accepted: " in caplog.text
    assert str(error) in caplog.text


def test_a_store_that_cannot_be_used_is_said_and_the_caretaker_goes_on(caplog):
    class Busy(MemoryStorage):
        def find(self, *arguments, **settings):
            raise StoreBusy("somebody holds the store")

    desk = Desk(storage=Busy())
    with caplog.at_level(logging.WARNING):
        Caretaker(desk.alerting, desk.clock, attempt).look()

    assert (
        "escalations and news that was held back wait, the store cannot be used: somebody holds the store"
        in caplog.text
    )


def test_the_caretaker_can_be_started_and_stopped_twice():
    desk = Desk()
    heart = Heart()
    caretaker = Caretaker(desk.alerting, desk.clock, attempt, heart=heart, every_seconds=0.01)

    caretaker.stop()
    caretaker.start()
    caretaker.start()
    assert heart.beat.wait(10)
    caretaker.stop()
    caretaker.stop()

    assert "watchkeeper-caretaker" not in [thread.name for thread in threading.enumerate()]


def test_the_thread_that_looks_outlives_whatever_is_raised(monkeypatch):
    desk = Desk()
    looks = threading.Semaphore(0)

    def broken(**_settings):
        looks.release()
        raise KeyError("severity")

    monkeypatch.setattr(desk.alerting, "tend", broken)
    caretaker = Caretaker(desk.alerting, desk.clock, attempt, every_seconds=0.001)
    caretaker.start()
    try:
        assert looks.acquire(timeout=10)
        assert looks.acquire(timeout=10), "it looks again"
    finally:
        caretaker.stop()


@pytest.mark.parametrize(("severity", "beats"), [("critical", 15), ("warning", 30)])
def test_no_sign_of_life_is_given_while_critical_news_does_not_arrive(severity, beats, caplog):
    class Down:
        def send(self, _notification):
            raise DeliveryDelayed("503")

        def close(self):
            pass

    desk = Desk(None, severity=severity)
    heart = Heart()
    caretaker = Caretaker(desk.alerting, desk.clock, attempt, heart=heart)
    desk.check(0.6)

    for _ in range(30):
        desk.clock.advance(60)
        desk.alerting.deliver({"first": Down()}, attempt)
        caretaker.look()

    assert len(heart.beats) == beats
    assert ("critical news of 15 minutes ago has not arrived" in caplog.text) is (severity == "critical")
