"""Alerts that come and go: told once, and then not again until they have settled."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.alerting import Alerting, Escalation, Rule, Step, parsed
from watchkeeper.alerting.flapping import CHECKS, Recent
from watchkeeper.alerting.record import ALERTS
from watchkeeper.domain.alert import Notification
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.domain.wording import facts
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

BAD, GOOD = 0.6, 0.9
SECOND = 1_000_000


class Desk:
    def __init__(self, **settings):
        self.clock = FakeClock()
        self.storage = MemoryStorage()
        rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",), **settings)
        self.alerting = Alerting(self.storage, self.clock, [rule])

    def checks(self, *numbers):
        for number in numbers:
            self.clock.advance(60)
            value = Value.undefined("none") if number is None else Value.of(number)
            self.alerting.evaluate("m", [Measurement("accuracy", value, "m", None, Window(0, 1))])

    def told(self):
        return [entry.body["event"] for entry in self.storage.read_log("alerts") if entry.body["told"]]

    def letters(self):
        return sorted(self.alerting.outbox.waiting(), key=lambda letter: letter.first_us)


def test_an_alert_that_comes_and_goes_is_told_to_flap_and_then_not_any_more():
    desk = Desk()

    desk.checks(*[BAD, GOOD] * 15)

    assert desk.told() == ["firing", "resolved"] * 4 + ["flapping"]
    assert desk.letters()[-1].notification.reason == (
        "it comes and goes (8 changes in 9 checks); told again when it has settled"
    )


def test_an_alert_that_flaps_says_so_until_it_has_settled():
    desk = Desk()
    desk.checks(*[BAD, GOOD] * 15, BAD)
    (flapping,) = desk.alerting.alerts()
    desk.checks(*[BAD] * 20)
    (settled,) = desk.alerting.alerts()

    assert (flapping.is_flapping, settled.is_flapping) == (True, False)
    assert desk.letters()[-2].notification.alert.is_flapping
    assert ("state", "firing at 2008-09-15T00:31:00Z, flapping") in facts(Notification("a", flapping))


def test_every_change_is_still_in_the_log():
    desk = Desk()

    desk.checks(*[BAD, GOOD] * 15)

    states = [entry.body["state"] for entry in desk.storage.read_log("alerts")]
    assert states == ["firing", "resolved"] * 15


def test_when_it_has_settled_well_its_end_is_told():
    desk = Desk()
    desk.checks(*[BAD, GOOD] * 10)

    desk.checks(*[GOOD] * 20)

    assert desk.told()[9:] == ["resolved"]


def test_when_it_has_settled_badly_it_is_told_that_it_fires():
    desk = Desk()
    desk.checks(*[BAD, GOOD] * 10)

    desk.checks(*[BAD] * 20)
    assert desk.told()[9:] == ["firing"]

    desk.checks(GOOD)
    assert desk.told()[9:] == ["firing", "resolved"]


def test_after_it_has_settled_it_is_an_ordinary_alert_again():
    desk = Desk()
    desk.checks(*[BAD, GOOD] * 10, *[GOOD] * 40)

    desk.checks(BAD, GOOD)

    assert desk.told()[9:] == ["resolved", "firing", "resolved"]


def test_patience_and_hysteresis_keep_an_alert_from_flapping():
    patient = Desk(for_checks=2)
    patient.checks(*[BAD, GOOD] * 15)
    slow = Desk(keep_firing_us=300_000_000)
    slow.checks(*[BAD, GOOD] * 15)
    wide = Desk(recover=parsed("accuracy > 0.95"))
    wide.checks(*[BAD, GOOD] * 15)

    assert patient.told() == []
    assert slow.told() == wide.told() == ["firing"]


def test_checks_without_data_do_not_count():
    desk = Desk()

    desk.checks(*[BAD, None, None, GOOD, None] * 3)

    assert desk.told() == ["firing", "resolved"] * 3


def test_an_alert_that_is_over_for_long_is_not_written_again_and_again():
    desk = Desk()
    desk.checks(BAD, *[GOOD] * 25)
    before = desk.storage.find(ALERTS)[0].revision

    desk.checks(*[GOOD] * 5)

    assert desk.storage.find(ALERTS)[0].revision == before


@given(st.lists(st.booleans(), max_size=100))
def test_flapping_begins_at_eight_changes_and_ends_at_four(checks):
    recent = Recent()
    for at, is_firing in enumerate(checks):
        before = recent
        recent = recent.after(is_firing=is_firing)
        window = checks[max(0, at + 1 - CHECKS) : at + 1]
        changes = sum(first != second for first, second in pairwise(window))
        assert recent.changes == changes
        assert recent.is_flapping is (changes >= 8 or (before.is_flapping and changes > 4))


@pytest.mark.parametrize("checks", ["", "0", "000"])
def test_what_never_fired_is_quiet(checks):
    assert Recent(checks).is_quiet
    assert not Recent(checks + "1").is_quiet


@pytest.mark.parametrize("numbers", [[BAD, GOOD], [BAD, BAD, BAD, GOOD, GOOD], [BAD, BAD, GOOD]], ids=str)
def test_no_incident_stays_open_when_an_alert_that_flapped_has_settled(numbers):
    escalation = Escalation("office", (Step(60 * SECOND, ("boss",)),))
    desk = Desk(escalation=escalation)
    for number in [*numbers * 12, *[GOOD] * 40]:
        desk.checks(number)
        desk.alerting.escalate()

    still_open = set()
    for letter in desk.letters():
        alert = letter.notification.alert
        incident = (letter.receiver, alert.since_us)
        if alert.state == "resolved":
            still_open.discard(incident)
        else:
            still_open.add(incident)

    assert still_open == set()


def test_while_it_flaps_it_must_hold_as_long_as_ever_before_it_fires():
    desk = Desk()
    desk.checks(*[BAD, GOOD] * 15)
    patient = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",), for_us=120 * SECOND)
    desk.alerting = Alerting(desk.storage, desk.clock, [patient])

    states = []
    for _ in range(3):
        desk.checks(BAD)
        states += [alert.state.value for alert in desk.alerting.alerts()]

    assert states == ["pending", "pending", "firing"]
