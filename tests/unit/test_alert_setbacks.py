"""A clock that is set back while nobody checks: every wait of an alert counts anew in full, and none is shortened."""

import random

import pytest

from watchkeeper.alerting import Alerting, Escalation, Inhibition, Matcher, Rule, Step, parsed
from watchkeeper.alerting.caretaker import Caretaker
from watchkeeper.alerting.escalation import COURSES
from watchkeeper.alerting.record import DUES
from watchkeeper.alerting.writing import Writer
from watchkeeper.domain.alert import Delivery
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

MINUTE = 60_000_000
DAY = 86_400
POLICY = Escalation("office", (Step(10 * MINUTE, ("lead",)), Step(20 * MINUTE, ("head",))))


class Desk:
    def __init__(self, *, storage=None, inhibitions=(), **settings):
        self.clock = FakeClock()
        self.storage = storage or MemoryStorage()
        self.rules = [Rule(name="r", condition=parsed("x > 0"), receivers=("ops",), **settings)]
        self.inhibitions = inhibitions
        self.alerting = self.opened()

    def opened(self, rules=None):
        wanted = self.rules if rules is None else rules
        return Alerting(self.storage, self.clock, wanted, inhibitions=self.inhibitions)

    def check(self, x=1, model="m"):
        return self.alerting.evaluate(model, [Measurement("x", Value.of(x), model, None, Window(0, 1))])

    def minutes(self, count):
        """Let minutes pass, tending each; (minute, receiver) of what was told."""
        told = []
        for minute in range(1, count + 1):
            self.clock.advance(60)
            before = {letter.key for letter in self.alerting.outbox.waiting()}
            self.alerting.tend()
            letters = self.alerting.outbox.waiting()
            told += [(minute, letter.receiver) for letter in letters if letter.key not in before]
        return sorted(told)


@pytest.fixture(params=[120, 3_600, DAY, 365 * DAY], ids=str)
def back(request):
    """By how many seconds the clock is set back."""
    return request.param


def test_repetitions_go_on(back):
    desk = Desk(repeat_us=10 * MINUTE)
    desk.check()
    desk.alerting.tend()
    desk.clock.advance(-back)
    desk.alerting.tend()

    assert desk.minutes(30) == [(10, "ops"), (20, "ops"), (30, "ops")]


def test_an_escalation_goes_on(back):
    desk = Desk(escalation=POLICY)
    desk.check()
    desk.alerting.tend()
    desk.clock.advance(-back)
    desk.alerting.tend()

    assert desk.minutes(60) == [(10, "lead"), (30, "head")]


def test_what_cools_down_is_told_after_its_whole_cooldown(back):
    desk = Desk(cooldown_us=10 * MINUTE)
    desk.check()
    desk.check(0)
    desk.check()
    desk.alerting.tend()
    desk.clock.advance(-back)
    desk.alerting.tend()

    assert desk.minutes(30) == [(10, "ops")]


def test_a_process_that_begins_after_the_clock_was_set_back_sees_it(back):
    desk = Desk(repeat_us=10 * MINUTE, escalation=POLICY)
    desk.check()
    desk.clock.advance(-back)
    desk.alerting = desk.opened()
    desk.alerting.tend()

    assert desk.minutes(30) == [(10, "lead"), (20, "ops"), (30, "head")]


def test_what_another_machine_has_set_whose_clock_is_ahead_is_found_within_ten_minutes():
    desk = Desk(repeat_us=10 * MINUTE)
    desk.alerting.tend()
    desk.clock.advance(DAY)
    desk.check()
    desk.clock.advance(-DAY)

    assert desk.minutes(31) == [(20, "ops"), (30, "ops")]


def test_news_that_was_held_back_is_repeated_in_its_time_afterwards():
    desk = Desk(repeat_us=10 * MINUTE)
    desk.check()
    desk.clock.advance(-DAY)
    desk.alerting.silences.add([Matcher.parse("rule=r")], desk.clock.now_us() + 15 * MINUTE, by="ada", comment="quiet")
    desk.check()

    assert desk.minutes(26) == [(15, "ops"), (25, "ops")]


def test_the_end_of_a_silence_stays_the_time_that_was_named():
    desk = Desk()
    desk.alerting.silences.add([Matcher.parse("rule=r")], desk.clock.now_us() + 15 * MINUTE, by="ada", comment="quiet")
    desk.check()
    desk.clock.advance(-600)

    assert desk.minutes(30) == [(25, "ops")]


def test_what_another_alert_held_back_is_told_though_its_end_was_noted_by_a_clock_that_was_ahead():
    explained = Inhibition((Matcher.parse("rule=q"),), (Matcher.parse("rule=r"),), equal=("model",))
    desk = Desk(inhibitions=[explained])
    desk.rules.append(Rule(name="q", condition=parsed("x > 1")))
    desk.alerting = desk.opened()
    desk.check(2)
    desk.alerting.tend()
    (source,) = [alert for alert in desk.alerting.alerts() if alert.rule == "q"]
    desk.alerting.resolve(source.fingerprint, "ada")
    desk.clock.advance(-DAY)

    assert desk.minutes(5) == [(1, "ops")]


def test_it_is_said_once_and_nothing_is_written_again(caplog):
    desk = Desk(repeat_us=10 * MINUTE, escalation=POLICY)
    desk.check()
    desk.check(model="n")
    desk.clock.advance(-DAY)
    desk.minutes(5)

    assert caplog.text.count("the clock was set back: the waits of 2 alerts count from now") == 1
    before = {document.key: document.revision for document in desk.storage.find(DUES)}
    desk.clock.advance(-120)
    desk.minutes(3)
    assert {document.key: document.revision for document in desk.storage.find(DUES)} == before


def test_what_others_write_all_the_time_is_counted_anew_at_the_next_look(monkeypatch):
    desk = Desk(repeat_us=10 * MINUTE)
    desk.check()
    desk.clock.advance(-DAY)
    with monkeypatch.context() as others:
        others.setattr(Writer, "commit", refused)
        desk.alerting.tend()

    assert desk.minutes(12) == [(11, "ops")]


def refused(*_args):
    raise Conflict("somebody else was faster")


def test_a_rule_that_this_process_does_not_know_waits_no_longer_either():
    desk = Desk(repeat_us=10 * MINUTE, escalation=POLICY)
    stranger = desk.opened(rules=[])
    stranger.tend()
    desk.check()
    desk.clock.advance(-DAY)
    stranger.tend()
    due = {document.value["next_us"] for document in desk.storage.find(DUES)}

    assert due == {desk.clock.now_us() + 10 * MINUTE}
    assert desk.minutes(20) == [(10, "lead"), (20, "ops")]


def test_the_audit_finds_a_step_that_waits_for_a_time_beyond_its_wait():
    desk = Desk(escalation=POLICY)
    desk.check()
    assert desk.alerting.overdue() == ()
    desk.clock.advance(-DAY)

    assert [alert.rule for alert in desk.alerting.overdue()] == ["r"]
    desk.alerting.tend()
    assert desk.alerting.overdue() == ()


def test_the_sign_of_life_is_given_each_minute(back):
    class Heart:
        beats = 0

        def send(self, notification):
            self.beats += 1
            return Delivery("heart")

    desk = Desk(escalation=POLICY)
    desk.check()
    heart = Heart()
    keeper = Caretaker(desk.alerting, desk.clock, attempt, heart=heart)
    keeper.look()
    desk.clock.advance(-back)
    for _ in range(10):
        desk.clock.advance(60)
        keeper.look()

    assert heart.beats == 11


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_clock_does_each_is_repeated_and_escalated_within_its_waits(seed):
    rng = random.Random(seed)  # noqa: S311 - chance, not secrecy
    desk = Desk(repeat_us=10 * MINUTE, cooldown_us=10 * MINUTE, escalation=POLICY)
    for _ in range(20):
        desk.check()
        desk.clock.advance(rng.choice([1, 300, -300, DAY, -DAY, -3_600]))
        if rng.random() < 0.5:
            desk.alerting.tend()
        if rng.random() < 0.3:
            desk.alerting.resolve(desk.alerting.alerts()[0].fingerprint, "ada")
    desk.check()
    told = desk.minutes(45)

    assert "ops" in {receiver for _, receiver in told}
    assert desk.storage.find(COURSES) == (), "every step was taken"
