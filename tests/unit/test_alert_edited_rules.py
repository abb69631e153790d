"""A rule that is edited while its alert fires: who is to hear of it hears of it at the next check."""

import pytest

from watchkeeper.alerting import Alerting, Escalation, Matcher, Rule, Step, parsed
from watchkeeper.alerting.record import ALERTS
from watchkeeper.contracts.storage import Put
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

MINUTE = 60_000_000
POLICY = Escalation("office", (Step(10 * MINUTE, ("lead",)), Step(20 * MINUTE, ("head",))))


class Desk:
    def __init__(self, **settings):
        self.clock = FakeClock()
        self.storage = MemoryStorage()
        self.heard = set()
        self.edit(**settings)

    def edit(self, **settings):
        """Another configuration, as after a new start."""
        rule = Rule(**{"name": "r", "condition": parsed("x > 0"), "receivers": ("ops",), **settings})
        self.alerting = Alerting(self.storage, self.clock, [rule])

    def check(self, x=1):
        self.clock.advance(60)
        self.alerting.evaluate("m", [Measurement("x", Value.of(x), "m", None, Window(0, 1))])
        return self.news()

    def minutes(self, count):
        told = []
        for minute in range(1, count + 1):
            self.clock.advance(60)
            self.alerting.tend()
            told += [(minute, *news) for news in self.news()]
        return told

    def news(self):
        """(receiver, severity) of what has been told since it was last asked."""
        letters = [letter for letter in self.alerting.outbox.waiting() if letter.key not in self.heard]
        self.heard |= {letter.key for letter in letters}
        self.reasons = {letter.receiver: letter.notification.reason for letter in letters}
        return sorted((letter.receiver, letter.notification.alert.severity.value) for letter in letters)

    @property
    def fingerprint(self):
        (alert,) = self.alerting.alerts()
        return alert.fingerprint

    def events(self):
        return [entry.body["event"] for entry in self.alerting.log()]


def test_a_rule_that_has_become_critical_tells_all_of_its_receivers_once():
    desk = Desk()
    desk.check()
    desk.edit(severity="critical", receivers=("ops", "pager"), repeat_us=60 * MINUTE)

    assert desk.check() == [("ops", "critical"), ("pager", "critical")]
    assert desk.reasons["ops"] == "its rule is critical now, and was warning when that was told"
    assert desk.check() == []
    assert desk.events() == ["firing", "raised"]
    assert desk.check(0) == [("ops", "critical"), ("pager", "critical")]


def test_an_escalation_that_was_added_begins_with_the_next_check():
    desk = Desk()
    desk.check()
    desk.edit(escalation=POLICY)

    assert desk.check() == []
    assert desk.minutes(40) == [(10, "lead", "warning"), (30, "head", "warning")]
    assert desk.reasons == {}


def test_a_rule_that_has_become_critical_begins_the_escalation_of_its_severity():
    desk = Desk()
    desk.check()
    desk.edit(severity="critical", escalation=POLICY)
    desk.check()

    assert desk.minutes(10) == [(10, "lead", "critical")]
    assert desk.reasons["lead"].startswith("nobody has acknowledged it for 10 min: step 1 of 2")


def test_a_receiver_that_was_added_hears_of_it_alone_and_of_its_end():
    desk = Desk(repeat_us=10 * MINUTE)
    desk.check()
    desk.minutes(5)
    desk.edit(receivers=("ops", "mail"), repeat_us=10 * MINUTE)

    assert desk.check() == [("mail", "warning")]
    assert desk.reasons["mail"] == "it fires since 2008-09-15T00:01:00Z, and its rule tells you as well now"
    assert desk.check() == []
    assert desk.minutes(3) == [(3, "mail", "warning"), (3, "ops", "warning")], "repeated when it would have been"
    assert desk.check(0) == [("mail", "warning"), ("ops", "warning")]
    assert desk.events() == ["firing", "joined", "repeated", "resolved"]


def test_a_receiver_that_was_taken_out_hears_of_the_end_all_the_same():
    desk = Desk(receivers=("ops", "mail"))
    desk.check()
    desk.edit(receivers=("ops",))

    assert desk.check() == []
    assert desk.check(0) == [("mail", "warning"), ("ops", "warning")]


def test_a_severity_that_was_lowered_is_told_in_the_log_only_and_raising_it_again_is_no_news():
    desk = Desk(severity="critical")
    desk.check()
    desk.edit(severity="info")
    assert desk.check() == []
    desk.edit(severity="critical")
    assert desk.check() == []

    assert desk.events() == ["firing", "severity changed", "severity changed"]
    assert [entry.body["severity"] for entry in desk.alerting.log()] == ["critical", "info", "critical"]


def test_a_firing_that_begins_anew_is_told_as_severe_as_it_is():
    desk = Desk(severity="critical")
    desk.check()
    desk.edit(severity="info")
    desk.check(0)
    desk.check()
    desk.edit(severity="warning")

    assert desk.check() != []


def test_who_took_care_of_it_is_not_disturbed_and_the_others_hear_when_it_is_given_back():
    desk = Desk()
    desk.check()
    desk.alerting.acknowledge(desk.fingerprint, "ada")
    desk.edit(severity="critical", receivers=("ops", "pager"), escalation=POLICY)

    assert desk.check() == []
    assert desk.events()[-1] == "severity changed"
    desk.alerting.give_back(desk.fingerprint, "ada")
    assert desk.news() == [("ops", "critical"), ("pager", "critical")]
    assert desk.minutes(10) == [(10, "lead", "critical")]


def test_what_is_silenced_is_told_when_the_silence_ends():
    desk = Desk()
    desk.check()
    desk.alerting.silences.add([Matcher.parse("rule=r")], desk.clock.now_us() + 11 * MINUTE, by="ada", comment="quiet")
    desk.edit(severity="critical", receivers=("ops", "pager"), escalation=POLICY)

    assert desk.check() == []
    assert desk.minutes(21) == [(10, "ops", "critical"), (10, "pager", "critical"), (20, "lead", "critical")]


def test_two_processes_of_which_one_has_the_old_configuration_do_not_tell_again_and_again():
    desk = Desk()
    desk.check()
    news = []
    for _ in range(4):
        desk.edit(severity="critical", receivers=("ops", "pager"))
        news += desk.check()
        desk.edit()
        news += desk.check()

    assert news == [("ops", "critical"), ("pager", "critical")]


def test_what_comes_and_goes_and_was_told_to_fire_steadily_is_told_to_be_critical():
    desk = Desk()
    for number in range(10):
        desk.check(number % 2)
    for _ in range(5):
        desk.check()
    desk.edit(severity="critical")

    assert desk.check() == [("ops", "critical")]
    assert desk.check() == []


@pytest.mark.parametrize(("severity", "news"), [("warning", []), ("critical", [("ops", "critical")])])
def test_what_an_earlier_version_has_kept_counts_as_told_as_severe_as_it_was(severity, news):
    desk = Desk()
    desk.check()
    (document,) = desk.storage.find(ALERTS)
    plain = {key: value for key, value in document.value.items() if key != "told_severity"}
    desk.storage.commit([Put(ALERTS, document.key, plain, document.index)])
    desk.edit(severity=severity)

    assert desk.check() == news
