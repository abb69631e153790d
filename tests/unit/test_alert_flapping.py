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


def test_an_alert_that_flapped_and_then_fires_steadily_is_told_once_before_it_has_settled():
    desk = Desk()
    desk.checks(*[BAD, GOOD] * 4, BAD)

    desk.checks(*[BAD] * 3)
    assert desk.told()[9:] == []
    desk.checks(BAD)
    assert desk.told()[9:] == ["firing"]
    assert desk.letters()[-1].notification.reason == "it came and went, and has fired at the last 5 checks in a row"

    desk.checks(*[BAD] * 20, GOOD)
    assert desk.told()[9:] == ["firing", "resolved"]


def test_a_critical_alert_that_flapped_is_told_at_its_second_check_in_a_row():
    desk = Desk(severity="critical")
    desk.checks(*[BAD, GOOD] * 4, BAD)

    desk.checks(BAD)

    assert desk.told()[9:] == ["firing"]


@pytest.mark.parametrize("severity", ["warning", "critical"])
def test_runs_of_an_alert_that_flaps_are_told_as_steady_once_an_episode(severity):
    desk = Desk(severity=severity)

    desk.checks(*[BAD, BAD, BAD, GOOD, GOOD] * 20)

    events = desk.told()
    assert events[events.index("flapping") + 1 :] == (["firing"] if severity == "critical" else [])


def test_looking_at_one_window_again_and_again_is_no_steady_fire():
    desk = Desk(severity="critical")
    desk.checks(*[BAD, GOOD] * 4, BAD)
    desk.clock.advance(-59)

    desk.checks(BAD)

    assert desk.told()[9:] == []


def escalating(severity="critical"):
    return Desk(severity=severity, escalation=Escalation("office", (Step(150 * SECOND, ("boss",)),)))


def watched(desk, *numbers):
    """Check and escalate; whom each check and step told."""
    before = len(desk.letters())
    for number in numbers:
        desk.checks(number)
        desk.alerting.escalate()
    return [letter.receiver for letter in desk.letters()[before:]]


def test_the_escalation_of_an_alert_that_flaps_goes_on_over_its_lulls():
    desk = escalating(severity="warning")
    watched(desk, *[BAD, GOOD] * 4, BAD)

    assert watched(desk, *[GOOD, BAD] * 5) == ["boss"]
    assert desk.letters()[-1].notification.alert.state == "firing"


def test_a_step_that_comes_due_in_a_lull_is_taken_when_it_fires_again():
    desk = escalating()
    watched(desk, *[BAD, GOOD] * 4, BAD)

    assert watched(desk, GOOD, GOOD, GOOD) == []
    assert desk.alerting.overdue(0) == ()
    assert watched(desk, BAD) == ["boss"]


def test_who_takes_care_of_an_alert_that_flaps_keeps_it_when_it_fires_again():
    desk = escalating()
    watched(desk, *[BAD, GOOD] * 4, BAD)
    (alert,) = desk.alerting.alerts()
    desk.alerting.acknowledge(alert.fingerprint, "ada", "on it")

    assert watched(desk, GOOD, BAD, BAD, BAD, BAD, BAD, BAD, BAD) == []
    (found,) = desk.alerting.alerts()
    assert (found.state, found.by, found.comment) == ("acknowledged", "ada", "on it")
    assert watched(desk, *[GOOD] * 20) == ["ops"], "the end is told"


def test_who_ends_an_alert_that_flaps_ends_it_for_all_who_were_told():
    desk = escalating()
    watched(desk, *[BAD, GOOD] * 4, BAD)
    (alert,) = desk.alerting.alerts()

    ended = desk.alerting.resolve(alert.fingerprint, "ada")
    assert (ended.is_flapping, desk.told()[9:]) == (False, ["resolved"])

    watched(desk, BAD)
    assert desk.told()[9:] == ["resolved", "firing"], "a new one"


def test_what_is_still_firing_is_repeated_though_it_flapped():
    desk = Desk(severity="critical", repeat_us=600 * SECOND)
    desk.checks(*[BAD, GOOD] * 4, BAD, BAD)

    desk.checks(*[BAD] * 10)

    assert desk.told()[9:] == ["firing", "repeated"]


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


def test_who_is_told_next_of_what_comes_and_goes_learns_for_how_long_nobody_has_acknowledged_it():
    desk = Desk(escalation=Escalation("office", (Step(600 * SECOND, ("lead",)),)))
    for _ in range(12):
        desk.checks(BAD, GOOD)
        desk.alerting.escalate()
    desk.checks(BAD)
    desk.alerting.escalate()

    (told,) = [letter.notification for letter in desk.letters() if letter.receiver == "lead"]
    begun = next(letter for letter in desk.letters() if "comes and goes" in letter.notification.reason)
    minutes = (told.alert.changed_us - begun.first_us) // (60 * SECOND)
    assert minutes >= 10
    assert told.reason == f"nobody has acknowledged it for {minutes} min: step 1 of 1 of escalation office"
