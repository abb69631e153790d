"""What becomes due though no check comes, on a clock that tests turn."""

import logging

import pytest

from watchkeeper.alerting import (
    Alerting,
    Escalation,
    Grouping,
    Inhibition,
    MaintenanceWindow,
    Matcher,
    Rule,
    Step,
    parsed,
)
from watchkeeper.alerting.record import ALERTS, DUES
from watchkeeper.alerting.turns import Turns
from watchkeeper.contracts.storage import Delete, Put
from watchkeeper.domain.alert import Background
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class Counting(MemoryStorage):
    """Counts documents read and commits."""

    def __init__(self):
        super().__init__()
        self.commits = 0
        self.reads = 0

    def commit(self, *args, **settings):
        self.commits += 1
        return super().commit(*args, **settings)

    def get(self, *args):
        self.reads += 1
        return super().get(*args)


class Desk:
    def __init__(self, *rules, storage=None, **settings):
        self.clock = FakeClock()
        self.storage = storage or MemoryStorage()
        self.rules = rules or (rule(),)
        self.settings = settings
        self.alerting = self.opened()

    def opened(self, **settings):
        return Alerting(self.storage, self.clock, self.rules, **{**self.settings, **settings})

    def check(self, model="m", **numbers):
        found = [Measurement(name, Value.of(number), model, None, Window(0, 1)) for name, number in numbers.items()]
        return self.alerting.evaluate(model, found)

    def silence(self, us, *matchers):
        wanted = [Matcher.parse(text) for text in matchers or ("model=*",)]
        return self.alerting.silences.add(wanted, self.clock.now_us() + us, by="ada", comment="backfill")

    def wait(self, seconds):
        """Let seconds pass, tending each; (second, receiver, rule, event) of what was told."""
        told = []
        for second in range(1, seconds + 1):
            self.clock.advance(1)
            before = {letter.key for letter in self.alerting.outbox.waiting()}
            self.alerting.tend()
            told += [
                (second, letter.receiver, letter.notification.alert.rule)
                for letter in self.alerting.outbox.waiting()
                if letter.key not in before
            ]
        return told

    def letters(self):
        return self.alerting.outbox.waiting()

    def events(self):
        return [entry.body["event"] for entry in self.alerting.log() if entry.body.get("told")]


def rule(name="r", **settings):
    return Rule(**{"name": name, "condition": parsed("x > 0"), "receivers": ("ops",), **settings})


def test_what_still_fires_when_its_silence_ends_is_told_then():
    desk = Desk()
    desk.silence(30 * SECOND)
    desk.check(x=1)

    assert desk.wait(29) == []
    assert desk.wait(5) == [(1, "ops", "r")]
    (alert,) = desk.alerting.alerts()
    assert alert.muted == ""
    assert desk.wait(60) == [], "once"


def test_what_is_told_without_a_check_carries_what_the_check_found():
    desk = Desk(
        rule(next_step="Look.", link="https://wiki.example/r"),
        history=lambda _measurement: [(1, 0.5), (2, 1.0)],
        backgrounds=lambda _alert, measurements: Background(deployed=f"1.0 of {len(measurements)}"),
    )
    desk.silence(30 * SECOND)
    desk.check(x=1)
    desk.wait(30)

    (letter,) = desk.letters()
    told = letter.notification
    assert [(one.name, one.value.number, one.details) for one in told.measurements] == [("x", 1.0, {"threshold": 0.0})]
    assert (told.next_step, told.link, told.history) == ("Look.", "https://wiki.example/r", ((1, 0.5), (2, 1.0)))
    assert told.background.deployed == "1.0 of 1"
    assert told.reason == "until now it was silenced by ada until 2008-09-15T00:00:30Z: backfill"


def test_what_was_told_before_the_silence_is_not_told_again_when_it_ends():
    desk = Desk()
    desk.check(x=1)
    desk.silence(30 * SECOND)
    desk.clock.advance(1)
    desk.check(x=1)
    assert desk.alerting.alerts()[0].muted

    assert desk.wait(60) == []
    assert desk.alerting.alerts()[0].muted == ""


def test_a_silence_that_is_ended_early_lets_news_go_at_once():
    desk = Desk()
    silence = desk.silence(HOUR)
    desk.check(x=1)
    assert desk.wait(10) == []

    desk.alerting.silences.end(silence.id, "ada")

    assert desk.wait(3) == [(1, "ops", "r")]


def test_a_second_silence_holds_it_back_until_it_ends_too():
    desk = Desk()
    desk.silence(30 * SECOND)
    desk.check(x=1)
    desk.clock.advance(20)
    desk.silence(60 * SECOND, "rule=r")

    assert desk.wait(59) == []
    assert desk.wait(2) == [(1, "ops", "r")]


def test_what_still_fires_when_a_maintenance_window_ends_is_told_then():
    window = MaintenanceWindow("early", "0 0 * * *", 10 * MINUTE, (Matcher.parse("rule=r"),))
    desk = Desk(windows=[window])
    desk.clock.advance(9 * 60 + 50)
    desk.check(x=1)

    assert desk.wait(9) == []
    assert desk.wait(2) == [(1, "ops", "r")]


FEED = Inhibition((Matcher.parse("rule=feed"),), (Matcher.parse("rule=r"),), equal=("team",))


def explained(**settings):
    feed = rule("feed", condition=parsed("feed < 1"), labels={"team": "quant"})
    return Desk(rule(labels={"team": "quant"}), feed, inhibitions=[FEED], **settings)


@pytest.mark.parametrize("how", ["check", "hand", "another process"])
def test_what_still_fires_when_what_explains_it_is_over_is_told_then(how):
    desk = explained()
    desk.check("source", feed=0)
    desk.check("target", x=1)
    assert len(desk.letters()) == 1
    assert desk.wait(20) == []

    if how == "check":
        desk.check("source", feed=1)
    elif how == "hand":
        (source,) = (alert for alert in desk.alerting.alerts() if alert.rule == "feed")
        desk.alerting.resolve(source.fingerprint, "ada")
    else:
        there = [Measurement("feed", Value.of(1), "source", None, Window(0, 1))]
        desk.opened().evaluate("source", there)

    assert (1, "ops", "r") in desk.wait(3)
    assert desk.wait(30) == []


def test_what_explains_it_may_be_taken_care_of_and_still_explains_it():
    desk = explained()
    desk.check("source", feed=0)
    desk.check("target", x=1)
    (source,) = (alert for alert in desk.alerting.alerts() if alert.rule == "feed")
    desk.alerting.acknowledge(source.fingerprint, "ada")

    assert desk.wait(30) == []


def test_an_end_that_nobody_noticed_is_noticed_ten_minutes_later():
    desk = explained()
    desk.check("source", feed=0)
    desk.check("target", x=1)
    desk.wait(1)
    desk.check("source", feed=1)
    desk.storage.commit([Delete(DUES, "*")])

    assert desk.wait(600) == [(600, "ops", "r")]


def test_an_end_between_the_look_and_its_note_is_not_forgotten():
    class Racing(MemoryStorage):
        race = None

        def commit(self, operations, *args, **settings):
            if self.race and any(isinstance(one, Delete) and one.key == "*" for one in operations):
                race, self.race = self.race, None
                race()
            return super().commit(operations, *args, **settings)

    storage = Racing()
    desk = explained(storage=storage)
    desk.check("source", feed=0)
    desk.check("source", feed=1)
    storage.race = lambda: storage.commit(
        [Put(DUES, "*", {"next_us": 0, "may_be_let_go": 0}, {"next_us": 0, "may_be_let_go": 0})]
    )

    desk.wait(1)
    assert storage.get(DUES, "*") is not None
    desk.wait(1)
    assert storage.get(DUES, "*") is None


def test_it_is_repeated_on_time_until_somebody_takes_care_of_it():
    desk = Desk(rule(repeat_us=30 * SECOND))
    desk.check(x=1)

    assert desk.wait(90) == [(30, "ops", "r"), (60, "ops", "r"), (90, "ops", "r")]
    (alert,) = desk.alerting.alerts()
    desk.alerting.acknowledge(alert.fingerprint, "ada")
    assert desk.wait(90) == []
    desk.alerting.give_back(alert.fingerprint, "ada")
    assert desk.events() == ["firing", *["repeated"] * 4], "at once, for it is overdue"
    assert desk.wait(31) == [(30, "ops", "r")]
    assert desk.letters()[-1].notification.measurements, "a repetition carries what was measured"


def test_a_repetition_that_a_silence_holds_back_comes_when_it_ends():
    desk = Desk(rule(repeat_us=30 * SECOND))
    desk.check(x=1)
    desk.silence(45 * SECOND)

    assert desk.wait(80) == [(45, "ops", "r"), (75, "ops", "r")]


def test_what_fires_again_in_its_cooldown_is_told_when_that_ends():
    desk = Desk(rule(cooldown_us=60 * SECOND))
    desk.check(x=1)
    desk.clock.advance(10)
    desk.check(x=0)
    desk.clock.advance(10)
    desk.check(x=1)

    assert desk.wait(60) == [(40, "ops", "r")]


def test_time_alone_ends_no_alert():
    desk = Desk(rule(keep_firing_us=30 * SECOND))
    desk.check(x=1)
    desk.check(x=0)

    assert desk.wait(120) == []
    assert desk.alerting.alerts()[0].state == "recovering", "nobody has measured since"
    desk.check(x=0)
    assert desk.alerting.alerts() == ()


def test_what_a_silence_held_back_goes_in_one_message_when_it_ends():
    desk = Desk(*(rule(f"r{at}") for at in range(5)), grouping=Grouping())
    desk.silence(30 * SECOND)
    desk.check(x=1)
    desk.wait(30)

    (letter,) = desk.letters()
    assert len(letter.notification.others) == 4


def test_each_is_told_once_however_many_processes_look():
    desk = Desk()
    desk.silence(30 * SECOND)
    desk.check(x=1)
    others = [desk.opened() for _ in range(3)]
    desk.clock.advance(30)

    for alerting in (*others, desk.alerting):
        alerting.tend()

    assert desk.events() == ["firing"]


def test_another_process_that_is_faster_is_heeded():
    class Racing(MemoryStorage):
        race = None

        def commit(self, operations, *args, **settings):
            race, self.race = self.race, None
            if race:
                race()
            return super().commit(operations, *args, **settings)

    storage = Racing()
    desk = Desk(storage=storage)
    desk.silence(30 * SECOND)
    (alert,) = desk.check(x=1)
    other = desk.opened()
    desk.clock.advance(30)
    storage.race = lambda: other.acknowledge(alert.fingerprint, "bob")

    assert desk.alerting.tend() == ()
    assert desk.events() == []


def test_endless_changes_by_others_are_left_for_the_next_look(caplog):
    class Taken(MemoryStorage):
        is_taken = False

        def commit(self, operations, *args, **settings):
            if self.is_taken:
                raise Conflict("taken")
            return super().commit(operations, *args, **settings)

    storage = Taken()
    desk = Desk(storage=storage, turns=Turns(storage, FakeClock(), pause=lambda _seconds: None))
    desk.silence(30 * SECOND)
    desk.check(x=1)
    desk.clock.advance(30)
    storage.is_taken = True
    with caplog.at_level(logging.WARNING):
        assert desk.alerting.tend() == ()
    assert "1 alerts wait for the next look: alerts were changed by others 100 times in a row" in caplog.text

    storage.is_taken = False
    assert [alert.rule for alert in desk.alerting.tend()] == ["r"]


@pytest.mark.parametrize("repeat_us", [0, HOUR], ids=["not repeated", "repeated"])
def test_a_look_when_nothing_is_due_reads_and_writes_no_alert_however_many_are_open(repeat_us):
    storage = Counting()
    desk = Desk(*(rule(f"r{at}", repeat_us=repeat_us) for at in range(300)), storage=storage)
    desk.silence(2 * HOUR, "rule=r1*")
    desk.check(x=1)
    desk.alerting.tend()
    storage.commits = storage.reads = 0

    desk.wait(20)

    assert (storage.commits, storage.reads) == (0, 0)


def test_many_that_are_due_are_all_told():
    desk = Desk(*(rule(f"r{at}") for at in range(450)))
    desk.silence(30 * SECOND)
    desk.check(x=1)

    assert len(desk.wait(30)) == 450
    assert desk.storage.find(DUES) == ()


def test_an_alert_that_is_over_leaves_nothing_behind():
    desk = Desk(rule(repeat_us=HOUR), rule("pending", for_checks=3))
    desk.silence(HOUR)
    desk.check(x=1)
    desk.check(x=0)

    assert desk.storage.find(DUES) == ()


def test_an_alert_of_an_earlier_version_of_the_store_is_read():
    desk = Desk(rule(repeat_us=30 * SECOND))
    desk.check(x=1)
    (document,) = desk.storage.find(ALERTS)
    plain = {key: value for key, value in document.value.items() if key not in {"look_us", "measurements"}}
    plain["recent"] = plain["recent"][:3]
    desk.storage.commit([Put(ALERTS, document.key, plain, document.index), Delete(DUES, document.key)])
    desk.clock.advance(1)

    desk.check(x=1)

    assert desk.wait(30) == [(29, "ops", "r")]


@pytest.mark.parametrize(
    ("settings", "comment"),
    [
        ({"rules": ()}, "its rule is no longer configured"),
        ({"rules": (rule(models=("other",)),)}, "its rule is no longer configured"),
        ({"models": ("other",)}, "its model is no longer configured"),
    ],
    ids=["rule", "rule of others", "model"],
)
def test_what_is_no_longer_configured_ends_and_is_told_once(settings, comment):
    policy = Escalation("office", (Step(MINUTE, ("boss",)),), repeats=5)
    desk = Desk(rule(escalation=policy, repeat_us=MINUTE), models=("m", "other"))
    desk.check(x=1)
    desk.rules = settings.pop("rules", desk.rules)
    desk.alerting = desk.opened(**settings)

    assert desk.wait(300) == [(1, "ops", "r")]
    *_, entry = desk.alerting.log()
    body = entry.body
    assert (body["event"], body["by"], body["comment"]) == ("resolved", "watchkeeper", comment)
    assert desk.alerting.alerts() == ()


def test_what_is_no_longer_configured_ends_in_a_lull_too():
    desk = Desk(models=("m",))
    for x in [1, 0] * 6:
        desk.check(x=x)
        desk.clock.advance(60)
    assert desk.events()[-1] == "flapping"
    assert desk.alerting.alerts() == ()

    desk.alerting = desk.opened(models=())

    assert desk.wait(5) == [(1, "ops", "r")]
    *_, entry = desk.alerting.log()
    assert (entry.body["event"], entry.body["comment"]) == ("resolved", "its model is no longer configured")
    assert desk.storage.find(DUES) == ()


def test_a_process_with_an_older_configuration_leaves_alone_what_begins_later():
    desk = Desk(models=("m",))
    older = desk.opened(models=())
    older.tend()
    desk.check(x=1)

    for _ in range(30):
        desk.clock.advance(60)
        older.tend()

    assert desk.events() == ["firing"]


def test_what_is_configured_again_begins_anew():
    desk = Desk(models=("m",))
    desk.check(x=1)
    desk.opened(models=()).tend()

    desk.check(x=1)

    assert desk.events() == ["firing", "resolved", "firing"]


def test_without_a_list_of_models_any_may_have_alerts():
    desk = Desk()
    desk.check("any", x=1)

    desk.wait(5)

    assert len(desk.alerting.alerts()) == 1


def test_a_process_that_starts_lets_go_what_an_inhibition_that_is_no_more_held_back():
    desk = explained()
    desk.check("source", feed=0)
    desk.check("target", x=1)
    assert desk.wait(1) == []

    desk.alerting = desk.opened(inhibitions=())

    assert desk.wait(1) == [(1, "ops", "r")]


def test_what_a_window_of_another_process_holds_back_is_let_go_when_it_ends():
    window = MaintenanceWindow("of the backfill", "0 0 * * *", HOUR, (Matcher.parse("rule=r"),))
    desk = Desk()
    desk.alerting = desk.opened(windows=[window])
    desk.check(x=1)
    desk.alerting = desk.opened()
    desk.alerting.silences.end(desk.silence(HOUR, "rule=other").id, "ada")

    assert desk.wait(60) == []
    desk.clock.advance(3600)
    assert desk.wait(1) == [(1, "ops", "r")]


def test_an_alert_whose_rule_another_process_knows_keeps_its_time():
    desk = Desk(rule(repeat_us=MINUTE))
    (alert,) = desk.check(x=1)
    stranger = Alerting(desk.storage, desk.clock, ())
    stranger.comment(alert.fingerprint, "ada", "I saw it")

    assert desk.wait(60) == [(60, "ops", "r")]


def test_every_kind_of_hold_at_once_is_told_once_all_are_over():
    window = MaintenanceWindow("early", "0 0 * * *", 2 * MINUTE, (Matcher.parse("rule=r"),))
    desk = explained(windows=[window])
    desk.check("source", feed=0)
    desk.silence(MINUTE)
    desk.check("target", x=1)
    told = desk.wait(150)
    assert told == []

    desk.check("source", feed=1)

    assert [one for one in desk.wait(5) if one[2] == "r"] == [(1, "ops", "r")]
    reasons = [letter.notification.reason for letter in desk.letters() if letter.notification.alert.rule == "r"]
    assert reasons[0].startswith("until now it was explained by feed (")
