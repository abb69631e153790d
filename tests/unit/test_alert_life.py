"""The life of an alert, check by check, on a clock that tests turn."""

import re

import attrs
import numpy as np
import pytest

from watchkeeper.alerting import Alerting, Matcher, NoData, Rule, parsed
from watchkeeper.alerting.record import ALERTS
from watchkeeper.alerting.turns import Turns
from watchkeeper.contracts.storage import Put
from watchkeeper.domain.alert import AlertState, Note, Severity
from watchkeeper.domain.errors import Conflict, Contended, NotFound, UsageError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.memory import MemoryStorage

SECOND = 1_000_000
GOOD, BAD = 0.9, 0.6


class Desk:
    """One rule about accuracy, checked once a minute."""

    def __init__(self, storage=None, **settings):
        self.clock = FakeClock()
        self.storage = storage or MemoryStorage()
        self.seen = []
        self.rule = Rule(
            **{"name": "accuracy-fell", "condition": parsed("accuracy < 0.8"), "receivers": ("ops",), **settings}
        )
        self.alerting = Alerting(self.storage, self.clock, [self.rule], observer=self.seen.append)

    def check(self, number, model="momentum", **labels):
        self.clock.advance(60)
        value = Value.undefined("no outcomes") if number is None else Value.of(number)
        window = Window(0, 1)
        return self.alerting.evaluate(model, [Measurement("accuracy", value, model, "1.4.0", window, labels)])

    def checks(self, *numbers):
        """The states that the alert goes through."""
        return [[alert.state.value for alert in self.check(number)] for number in numbers]

    @property
    def fingerprint(self):
        (document,) = self.storage.find(ALERTS)
        return document.key

    def events(self):
        return [entry.body["event"] for entry in self.storage.read_log("alerts")]

    def letters(self):
        return [
            (letter.receiver, letter.notification.alert.state.value, letter.notification.reason)
            for letter in self.alerting.outbox.waiting()
        ]


def test_a_condition_that_is_not_true_makes_no_alert():
    desk = Desk()

    assert desk.checks(GOOD, GOOD) == [[], []]
    assert desk.storage.find(ALERTS) == ()
    assert desk.events() == []


def test_a_rule_without_patience_fires_at_once():
    desk = Desk()

    (alert,) = desk.check(BAD)

    assert (alert.state, alert.rule, alert.model, alert.version) == ("firing", "accuracy-fell", "momentum", "1.4.0")
    assert alert.summary == "momentum: accuracy 0.6 < 0.8"
    assert alert.since_us == alert.changed_us == LEHMAN_US + 60 * SECOND
    assert alert.severity is Severity.WARNING
    assert desk.letters() == [("ops", "firing", "")]
    assert desk.events() == ["firing"]


def test_it_fires_after_so_many_checks_in_a_row():
    desk = Desk(for_checks=3)

    assert desk.checks(BAD, BAD, BAD, BAD) == [["pending"], [], ["firing"], []]
    (alert,) = desk.alerting.alerts()
    assert alert.checks == 4
    assert alert.since_us == LEHMAN_US + 60 * SECOND, "since when it was first true, not since it fires"


def test_it_fires_after_so_long():
    desk = Desk(for_us=120 * SECOND)

    assert desk.checks(BAD, BAD, BAD) == [["pending"], [], ["firing"]]


def test_both_patiences_must_be_exhausted():
    desk = Desk(for_checks=2, for_us=180 * SECOND)

    assert desk.checks(BAD, BAD, BAD, BAD) == [["pending"], [], [], ["firing"]]


def test_one_good_check_ends_what_is_pending_and_nobody_hears_of_it():
    desk = Desk(for_checks=3)

    assert desk.checks(BAD, BAD, GOOD, BAD, BAD) == [["pending"], [], ["resolved"], ["pending"], []]
    assert desk.letters() == []
    assert desk.events() == ["pending", "inactive", "pending"]


def test_a_firing_alert_is_told_once_however_long_it_lasts():
    desk = Desk()

    assert desk.checks(*[BAD] * 50)[1:] == [[]] * 49
    assert len(desk.letters()) == 1


def test_it_is_resolved_by_the_first_good_check_and_its_receivers_hear_of_it():
    desk = Desk()

    assert desk.checks(BAD, GOOD, GOOD) == [["firing"], ["resolved"], []]
    assert desk.letters() == [("ops", "firing", ""), ("ops", "resolved", "")]
    assert desk.alerting.alerts() == ()
    (alert,) = desk.alerting.alerts(AlertState.RESOLVED)
    assert alert.summary == "momentum: accuracy 0.9, rule accuracy < 0.8"


def test_receivers_need_not_hear_of_the_end():
    desk = Desk(tells_resolved=False)

    desk.checks(BAD, GOOD, BAD)

    assert [state for _, state, _ in desk.letters()] == ["firing", "firing"]


def test_no_data_changes_nothing_when_the_rule_keeps():
    desk = Desk(for_checks=2)

    assert desk.checks(BAD, None, BAD, None, None, GOOD) == [["pending"], [], ["firing"], [], [], ["resolved"]]


def test_no_data_ends_it_when_the_rule_says_ok():
    desk = Desk(no_data=NoData.OK)

    assert desk.checks(BAD, None) == [["firing"], ["resolved"]]


def test_no_data_begins_it_when_the_rule_says_alert():
    desk = Desk(no_data=NoData.ALERT)

    (alert,) = desk.check(None)

    assert (alert.state, alert.summary) == ("firing", "momentum: no data: accuracy is undefined: no outcomes")


def test_it_recovers_only_beyond_the_recovery_threshold():
    desk = Desk(recover=parsed("accuracy > 0.85"))

    assert desk.checks(BAD, 0.82, 0.81, 0.86) == [["firing"], [], [], ["resolved"]]


def test_it_keeps_firing_for_a_while():
    desk = Desk(keep_firing_us=120 * SECOND)

    assert desk.checks(BAD, GOOD, GOOD, GOOD) == [["firing"], ["recovering"], [], ["resolved"]]
    assert [state for _, state, _ in desk.letters()] == ["firing", "resolved"]


def test_a_relapse_while_recovering_is_no_new_alert():
    desk = Desk(keep_firing_us=120 * SECOND)

    assert desk.checks(BAD, GOOD, BAD, GOOD, GOOD) == [["firing"], ["recovering"], ["firing"], ["recovering"], []]
    assert [state for _, state, _ in desk.letters()] == ["firing"]


def test_a_new_firing_has_a_new_key():
    desk = Desk()

    desk.checks(BAD, GOOD, BAD, GOOD, BAD)

    keys = [letter.key for letter in desk.alerting.outbox.waiting()]
    assert len(set(keys)) == 5
    assert {key.split("-")[0] for key in keys} == {desk.fingerprint}


def test_keys_differ_even_when_the_clock_stands_still():
    desk = Desk()
    desk.check(BAD)
    for _ in range(3):
        desk.alerting.resolve(desk.fingerprint, "ada")
        desk.clock.advance(-60)
        desk.check(BAD)

    assert len(desk.letters()) == 7


def test_during_the_cooldown_a_new_firing_is_not_told_until_it_ends():
    desk = Desk(cooldown_us=300 * SECOND)

    desk.checks(BAD, GOOD, BAD, BAD)
    assert [state for _, state, _ in desk.letters()] == ["firing", "resolved"]
    desk.checks(BAD, BAD)
    assert [state for _, state, _ in desk.letters()] == ["firing", "resolved", "firing"]


def test_what_was_not_told_for_the_cooldown_is_not_told_to_be_over():
    desk = Desk(cooldown_us=300 * SECOND)

    desk.checks(BAD, GOOD, BAD, GOOD)

    assert [state for _, state, _ in desk.letters()] == ["firing", "resolved"]


def test_it_is_told_again_while_nobody_has_acknowledged_it():
    desk = Desk(repeat_us=120 * SECOND)

    desk.checks(BAD, BAD, BAD, BAD, BAD)

    reason = "it is still firing, and nobody has acknowledged it"
    assert [why for _, _, why in desk.letters()] == ["", reason, reason]


def test_an_acknowledged_alert_is_not_told_again_and_its_end_is():
    desk = Desk(repeat_us=60 * SECOND)
    desk.check(BAD)

    alert = desk.alerting.acknowledge(desk.fingerprint, "ada", "I look at it")

    assert (alert.state, alert.by, alert.comment) == ("acknowledged", "ada", "I look at it")
    assert desk.checks(BAD, BAD, GOOD) == [[], [], ["resolved"]]
    assert [state for _, state, _ in desk.letters()] == ["firing", "resolved"]
    entry = [entry.body for entry in desk.storage.read_log("alerts")][1]
    assert (entry["event"], entry["by"], entry["comment"]) == ("acknowledged", "ada", "I look at it")


def test_an_acknowledged_alert_that_relapses_stays_acknowledged():
    desk = Desk(keep_firing_us=120 * SECOND)
    desk.check(BAD)
    desk.alerting.acknowledge(desk.fingerprint, "ada")

    assert desk.checks(GOOD, BAD) == [["recovering"], ["acknowledged"]]


def test_what_is_given_back_fires_and_is_told_again():
    desk = Desk(repeat_us=60 * SECOND)
    desk.check(BAD)
    desk.alerting.acknowledge(desk.fingerprint, "ada")

    alert = desk.alerting.give_back(desk.fingerprint, "ada", "my shift is over")

    assert (alert.state, alert.by, alert.comment) == ("firing", None, "my shift is over")
    desk.check(BAD)
    assert len(desk.letters()) == 2


def test_the_log_says_who_did_it_and_nobody_where_a_check_did():
    desk = Desk(keep_firing_us=90 * SECOND)
    desk.check(BAD)
    desk.alerting.acknowledge(desk.fingerprint, "ada", "on it")
    desk.checks(GOOD, GOOD, GOOD)
    desk.check(BAD)
    desk.alerting.resolve(desk.fingerprint, "bob", "a test")

    done = [(entry.body["event"], entry.body["by"], entry.body["comment"]) for entry in desk.alerting.log()]
    assert done == [
        ("firing", None, ""),
        ("acknowledged", "ada", "on it"),
        ("recovering", None, ""),
        ("resolved", None, ""),
        ("firing", None, ""),
        ("resolved", "bob", "a test"),
    ]


def test_somebody_else_can_take_over():
    desk = Desk()
    desk.check(BAD)
    desk.alerting.acknowledge(desk.fingerprint, "ada")

    assert desk.alerting.acknowledge(desk.fingerprint, "grace").by == "grace"
    assert desk.events() == ["firing", "acknowledged", "acknowledged"]


def test_what_is_resolved_by_hand_and_still_true_begins_anew():
    desk = Desk()
    desk.check(BAD)

    alert = desk.alerting.resolve(desk.fingerprint, "ada", "rolled back")

    assert (alert.state, alert.by) == ("resolved", "ada")
    assert desk.checks(BAD) == [["firing"]]
    assert [state for _, state, _ in desk.letters()] == ["firing", "resolved", "firing"]
    assert desk.alerting.alert(desk.fingerprint).by is None


def test_an_alert_whose_rule_is_gone_is_resolved():
    desk = Desk()
    desk.check(BAD)
    without = Alerting(desk.storage, desk.clock, [])

    (alert,) = without.evaluate("momentum", [])

    assert (alert.state, alert.by, alert.comment) == ("resolved", "watchkeeper", "its rule is no longer configured")
    assert [state for _, state, _ in desk.letters()] == ["firing", "resolved"]


def test_a_check_of_one_model_leaves_the_alerts_of_others_alone():
    desk = Desk()
    desk.check(BAD)
    desk.check(GOOD, model="carry")

    assert [alert.model for alert in desk.alerting.alerts()] == ["momentum"]
    assert desk.alerting.alerts(model="carry") == ()


def test_a_rule_about_other_models_is_not_asked():
    desk = Desk(models={"carry"})

    assert desk.checks(BAD) == [[]]
    assert [alert.model for alert in desk.check(BAD, model="carry")] == ["carry"]


def test_each_segment_has_an_alert_of_its_own():
    desk = Desk(each=("segment",))

    (nyse,) = desk.check(BAD, segment="NYSE")
    (lse,) = desk.check(BAD, segment="LSE")

    assert nyse.labels == {"segment": "NYSE"}
    assert nyse.fingerprint != lse.fingerprint
    assert len(desk.alerting.alerts()) == 2
    assert desk.check(GOOD, segment="NYSE")[0].fingerprint == nyse.fingerprint


def test_everything_that_was_said_is_read_back():
    desk = Desk(for_checks=2, next_step="Look at the outcomes.", link="https://runbook.example")
    desk.checks(BAD, BAD)

    (letter,) = desk.alerting.outbox.waiting()

    notification = letter.notification
    assert (notification.next_step, notification.link) == ("Look at the outcomes.", "https://runbook.example")
    assert notification.alert == desk.alerting.alert(desk.fingerprint)
    (measurement,) = notification.measurements
    assert (measurement.value.number, measurement.details["threshold"]) == (0.6, 0.8)


def test_numbers_of_numpy_are_as_good_as_pythons():
    desk = Desk()
    value = Value(np.float64(0.5), None, (np.float64(0.4), np.float64(np.inf)), np.int64(50))
    window = Window(np.int64(0), np.int64(1), np.int64(50))
    details = {"effect": np.float32(0.25), "broken": np.float64(np.nan)}
    desk.alerting.evaluate("m", [Measurement("accuracy", value, "m", None, window, {}, details)])

    (letter,) = desk.alerting.outbox.waiting()
    (measurement,) = letter.notification.measurements
    assert (measurement.value.number, measurement.value.samples, measurement.value.interval) == (0.5, 50, None)
    assert dict(measurement.details) == {"effect": 0.25, "threshold": 0.8}


def test_a_notification_carries_the_history_of_what_led_to_it():
    desk = Desk()
    asked = []

    def history(measurement):
        asked.append(measurement.title)
        return [(at, at / 1_000) for at in range(500)]

    desk.alerting = Alerting(desk.storage, desk.clock, [desk.rule], history=history)
    desk.checks(GOOD, BAD, BAD)

    (letter,) = desk.alerting.outbox.waiting()
    assert asked == ["accuracy"], "asked once, when somebody is told"
    assert letter.notification.history == tuple((at, at / 1_000) for at in range(300, 500))


def test_a_history_with_a_number_that_is_none_keeps_no_alert_from_being_told():
    desk = Desk()
    desk.alerting = Alerting(
        desk.storage,
        desk.clock,
        [Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",))],
        history=lambda _measurement: [(1, float("nan")), (2, 0.9), (3, float("inf"))],
    )

    desk.check(BAD)

    (letter,) = desk.alerting.outbox.waiting()
    assert letter.notification.history == ((2, 0.9),)


@pytest.mark.parametrize(
    ("settings", "numbers", "state"),
    [({"for_us": 300 * SECOND}, (BAD, BAD), "firing"), ({"keep_firing_us": 300 * SECOND}, (BAD, GOOD), None)],
    ids=["for", "keep_firing"],
)
def test_a_clock_that_is_set_back_a_day_delays_nothing_by_a_day(settings, numbers, state):
    desk = Desk(**settings)
    desk.check(numbers[0])
    desk.check(numbers[1])
    desk.clock.advance(-86_400)

    for _ in range(6):
        desk.clock.advance(60)
        desk.check(numbers[1])

    assert [alert.state for alert in desk.alerting.alerts()] == ([state] if state else [])


def test_repetitions_go_on_when_the_clock_was_set_back():
    desk = Desk(repeat_us=300 * SECOND)
    desk.check(BAD)
    desk.clock.advance(-86_400)
    desk.check(BAD)
    desk.clock.advance(300)
    desk.check(BAD)

    assert desk.events()[-1] == "repeated"


def test_the_observer_hears_of_each_change_after_it_is_stored():
    desk = Desk(for_checks=2)
    desk.checks(BAD, BAD, BAD)
    desk.alerting.acknowledge(desk.fingerprint, "ada")
    desk.checks(GOOD)

    assert [alert.state.value for alert in desk.seen] == ["pending", "firing", "acknowledged", "resolved"]


def test_the_history_is_what_the_log_says_about_one_alert():
    desk = Desk()
    desk.check(BAD)
    desk.check(BAD, model="carry")
    fingerprint = desk.alerting.alerts(model="momentum")[0].fingerprint

    assert [entry.body["model"] for entry in desk.alerting.history(fingerprint)] == ["momentum"]


def test_the_beginning_of_a_fingerprint_is_enough():
    desk = Desk()
    desk.check(BAD)

    assert desk.alerting.acknowledge(desk.fingerprint[:6], "ada").fingerprint == desk.fingerprint


def test_a_change_by_somebody_else_in_between_is_taken_into_account():
    class Hasty(MemoryStorage):
        """Lets somebody acknowledge between the read and the write."""

        between = None

        def commit(self, operations, *arguments, **settings):
            act, Hasty.between = Hasty.between, None
            if act:
                act()
            return super().commit(operations, *arguments, **settings)

    desk = Desk(Hasty())
    desk.check(BAD)
    Hasty.between = lambda: desk.alerting.acknowledge(desk.fingerprint, "ada")

    assert desk.checks(GOOD) == [["resolved"]]
    assert desk.events() == ["firing", "acknowledged", "resolved"]


def test_endless_changes_by_others_are_a_conflict():
    class Refusing(MemoryStorage):
        def commit(self, operations, *arguments, **settings):
            if any(isinstance(operation, Put) for operation in operations):
                raise Conflict("somebody was faster")
            return super().commit(operations, *arguments, **settings)

    desk = Desk(Refusing())
    turns = Turns(desk.storage, desk.clock, pause=lambda _seconds: None)
    desk.alerting = Alerting(desk.storage, desk.clock, [desk.rule], turns=turns)
    with pytest.raises(
        Contended, match="changed by others 100 times in a row, so nothing was changed; try again"
    ) as told:
        desk.check(BAD)
    assert told.value.exit_code == 75


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda alerting, alert: alerting.acknowledge(alert, "ada"),
            "is pending; only one that fires can be acknowledged",
        ),
        (
            lambda alerting, alert: alerting.give_back(alert, "ada"),
            "is pending, not acknowledged; nothing to give back",
        ),
    ],
)
def test_an_act_that_makes_no_sense_is_refused(act, message):
    desk = Desk(for_checks=2)
    desk.check(BAD)

    with pytest.raises(UsageError, match=message):
        act(desk.alerting, desk.fingerprint)


def test_a_resolved_alert_cannot_be_resolved_again():
    desk = Desk()
    desk.checks(BAD, GOOD)

    with pytest.raises(UsageError, match=re.escape("is resolved already, since 2008-09-15T00:02:00Z")):
        desk.alerting.resolve(desk.fingerprint, "ada")


def test_an_act_needs_a_name():
    desk = Desk()
    desk.check(BAD)

    with pytest.raises(UsageError, match="who does it\\? give a name or an address: it is kept with the alert"):
        desk.alerting.acknowledge(desk.fingerprint, " ")


def test_an_unknown_fingerprint_is_not_found_and_the_nearest_is_named():
    desk = Desk()
    desk.check(BAD)
    wrong = "0" + desk.fingerprint[1:-1] + "0"

    with pytest.raises(NotFound, match=f"'{wrong}' is no alert's fingerprint; did you mean '{desk.fingerprint}'"):
        desk.alerting.alert(wrong)
    with pytest.raises(NotFound, match="'' is no alert's fingerprint"):
        desk.alerting.alert("")


def test_a_beginning_that_fits_several_fingerprints_is_refused():
    desk = Desk(each=("segment",))
    for at in range(17):
        desk.check(BAD, segment=str(at))
    firsts = [alert.fingerprint[0] for alert in desk.alerting.alerts()]
    twice = next(first for first in firsts if firsts.count(first) > 1)

    with pytest.raises(NotFound, match=f"'{twice}' begins [0-9]+ alerts: give more of it"):
        desk.alerting.alert(twice)


def test_rules_can_be_tried_out_and_nothing_is_stored():
    desk = Desk()

    (outcome,) = desk.alerting.outcomes(
        "momentum", [Measurement("accuracy", Value.of(BAD), "momentum", None, Window(0, 1))]
    )

    assert outcome.is_true
    assert desk.storage.find(ALERTS) == ()


def test_alerts_are_listed_last_changed_first():
    desk = Desk()
    for model in ("a", "b", "c"):
        desk.check(BAD, model=model)

    assert [alert.model for alert in desk.alerting.alerts()] == ["c", "b", "a"]
    assert [alert.model for alert in desk.alerting.alerts(limit=2)] == ["c", "b"]
    assert desk.alerting.alerts(AlertState.ACKNOWLEDGED) == ()


def test_a_comment_stays_with_the_alert_in_the_log_and_in_what_is_told():
    desk = Desk(repeat_us=60 * SECOND)
    desk.check(BAD)
    desk.clock.advance(5)

    alert = desk.alerting.comment(desk.fingerprint[:10], "ada", " the feed was late ")
    desk.check(BAD)

    note = Note(alert.changed_us + 5 * SECOND, "ada", "the feed was late")
    assert (alert.state, alert.by, alert.comment, alert.notes) == (AlertState.FIRING, None, "", (note,))
    assert desk.alerting.alerts()[0].notes == (note,)
    assert desk.events() == ["firing", "commented", "repeated"]
    (_, entry, _) = desk.storage.read_log("alerts")
    assert (entry.body["by"], entry.body["comment"], entry.body["at_us"]) == ("ada", "the feed was late", note.at_us)
    assert [letter.notification.alert.notes for letter in desk.alerting.outbox.waiting()] == [(), (note,)]


def test_a_comment_does_not_acknowledge_and_a_new_firing_begins_without():
    desk = Desk(keep_firing_us=60 * SECOND)
    desk.check(BAD)
    desk.alerting.comment(desk.fingerprint, "ada", "look at the feed")
    desk.checks(GOOD, BAD)
    assert desk.alerting.alerts()[0].state is AlertState.FIRING
    desk.checks(GOOD, GOOD, BAD)

    assert desk.alerting.alerts()[0].notes == ()


def test_the_last_comments_stay_and_the_log_has_all():
    desk = Desk()
    desk.check(BAD)
    for number in range(25):
        desk.alerting.comment(desk.fingerprint, "ada", f"{number}")

    assert [note.text for note in desk.alerting.alerts()[0].notes] == [f"{number}" for number in range(5, 25)]
    assert desk.events().count("commented") == 25


@pytest.mark.parametrize(
    ("by", "text", "told"),
    [
        ("", "x", "a comment needs who says it and what"),
        ("ada", "  ", "a comment needs who says it and what"),
        ("ada", "x" * 2_001, "a comment has at most 2000 characters, found 2001"),
    ],
)
def test_a_comment_of_nobody_or_nothing_is_refused(by, text, told):
    desk = Desk()
    desk.check(BAD)

    with pytest.raises(UsageError, match=told):
        desk.alerting.comment(desk.fingerprint, by, text)
    assert desk.events() == ["firing"]


def test_who_takes_care_of_it_is_told_to_those_who_were_told_where_the_rule_wants_it():
    desk = Desk(tells_acknowledged=True, repeat_us=60 * SECOND)
    desk.check(BAD)
    desk.alerting.acknowledge(desk.fingerprint, "ada", "on it")
    desk.alerting.acknowledge(desk.fingerprint, "ada", "nearly done")
    desk.alerting.acknowledge(desk.fingerprint, "bob")
    desk.check(BAD)
    desk.check(GOOD)

    told = [letter.notification.alert for letter in desk.alerting.outbox.waiting()]
    assert [(alert.state.value, alert.by) for alert in told] == [
        ("firing", None),
        ("acknowledged", "ada"),
        ("acknowledged", "bob"),
        ("resolved", "bob"),
    ]
    assert desk.events() == ["firing", "acknowledged", "acknowledged", "acknowledged", "resolved"]


def test_those_who_heard_who_takes_care_of_it_hear_that_nobody_does_any_more():
    desk = Desk(tells_acknowledged=True)
    desk.check(BAD)
    desk.alerting.acknowledge(desk.fingerprint, "ada", "on it")
    desk.alerting.give_back(desk.fingerprint, "ada")

    reasons = [letter.notification.reason for letter in desk.alerting.outbox.waiting()]
    assert reasons == ["", "", "ada took care of it, and nobody does any more"]


def test_nobody_hears_who_takes_care_of_what_nobody_was_told():
    desk = Desk(tells_acknowledged=True)
    desk.alerting.silences.add([Matcher.parse("model=*")], desk.clock.now_us() + 3_600 * SECOND, by="ada", comment="x")
    desk.check(BAD)
    desk.alerting.acknowledge(desk.fingerprint, "ada")

    assert desk.letters() == []


def test_without_the_rules_wish_an_acknowledgement_is_no_news():
    desk = Desk()
    desk.check(BAD)
    desk.alerting.acknowledge(desk.fingerprint, "ada")

    assert desk.letters() == [("ops", "firing", "")]


def test_an_alert_about_nothing_measured_ends_when_something_is_measured_again():
    desk = Desk(each=("feature",), no_data="alert")
    desk.check(GOOD, feature="a")
    desk.clock.advance(60)
    (silent,) = desk.alerting.evaluate("momentum", [])
    assert (silent.state, silent.labels) == ("firing", {})

    (over,) = desk.check(GOOD, feature="a")

    assert (over.state, over.comment) == ("resolved", "what its rule tells apart is measured (again)")
    assert desk.alerting.alerts() == ()
    assert [state for _, state, _ in desk.letters()] == ["firing", "resolved"]


@pytest.mark.parametrize(
    ("was", "now", "comment"),
    [
        ((), ("feature",), "what its rule tells apart is measured (again)"),
        (("feature",), (), "its rule tells alerts apart by other labels now"),
    ],
    ids=["more labels", "fewer labels"],
)
def test_an_alert_ends_when_its_rule_tells_alerts_apart_otherwise(was, now, comment):
    desk = Desk(each=was)
    desk.check(BAD, feature="a")
    desk.alerting = Alerting(desk.storage, desk.clock, [attrs.evolve(desk.rule, each=now)])

    (over,) = desk.check(GOOD, feature="a")

    assert (over.state, over.by, over.comment) == ("resolved", "watchkeeper", comment)


def test_an_alert_with_some_of_the_labels_is_kept_while_nothing_has_all_of_them():
    desk = Desk(each=("feature", "segment"))
    desk.check(BAD, feature="a")

    assert desk.check(GOOD, feature="b") == ()

    assert [alert.state for alert in desk.alerting.alerts()] == ["firing"]


def test_looking_at_one_window_again_and_again_is_one_check():
    desk = Desk(for_checks=3)

    def look(end_us):
        found = Measurement("accuracy", Value.of(BAD), "momentum", "1.4.0", Window(0, end_us))
        return [alert.state.value for alert in desk.alerting.evaluate("momentum", [found])]

    assert [look(1), look(1), look(1), look(1)] == [["pending"], [], [], []]
    assert [look(2), look(2), look(3)] == [[], [], ["firing"]]


def test_a_window_that_gets_no_more_rows_counts_again_after_a_while():
    assert Desk(for_checks=3).checks(BAD, BAD, BAD) == [["pending"], [], ["firing"]]
