"""Rules that ask by ``anomaly(...)``: from kept measurements to an alert, and what they say while they cannot know."""

import attrs
import numpy as np
import pytest

from watchkeeper.alerting import Alerting, Rule, parsed
from watchkeeper.alerting.anomalies.detector import AnomalyDetector
from watchkeeper.app.anomalies import Anomalies
from watchkeeper.domain.alert import AlertState
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.spans import FalseAlarmBudget
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.history import keep_measurements, kept_measurements
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

HOUR_US = 3_600_000_000
BUDGET = FalseAlarmBudget.parse("1 per 30d")


class Desk:
    """Checks each hour that keep what they measure and let rules act."""

    def __init__(self, *conditions, each=(), budget=BUDGET):
        self.storage = MemoryStorage()
        rules = [Rule(name=f"rule-{at}", condition=parsed(text), each=each) for at, text in enumerate(conditions)]
        self.alerting = Alerting(self.storage, FakeClock(0), rules)
        self.anomalies = Anomalies(self.storage, lambda _model: budget)
        self.hour = 0

    def check(self, numbers, labels=None):
        """One check; gives what it measured of anomalies."""
        self.hour += 1
        window = Window(self.hour * HOUR_US, (self.hour + 1) * HOUR_US)
        measurements = [
            Measurement(
                name,
                Value.undefined("no outcomes") if number is None else Value.of(number),
                "m",
                None,
                window,
                labels or {},
            )
            for name, number in numbers.items()
        ]
        found = self.anomalies.measured("m", self.alerting.questions("m"), measurements)
        keep_measurements(self.storage, "m", [*measurements, *found], window.end_us)
        self.alerting.evaluate("m", [*measurements, *found], now_us=window.end_us)
        return found

    def keep(self, hours, seed=0, **usual):
        """A clean history, as if those checks had been made."""
        rng = np.random.default_rng(seed)
        for _ in range(hours):
            self.hour += 1
            window = Window(self.hour * HOUR_US, (self.hour + 1) * HOUR_US)
            measurements = [
                Measurement(name, Value.of(middle + 0.01 * rng.normal()), "m", None, window)
                for name, middle in usual.items()
            ]
            keep_measurements(self.storage, "m", measurements, window.end_us)

    @property
    def firing(self):
        return [alert.rule for alert in self.alerting.alerts(AlertState.FIRING)]


def test_until_there_is_enough_history_the_rule_has_no_data_and_says_how_much_is_missing():
    desk = Desk("anomaly(accuracy)")
    desk.keep(40, accuracy=0.8)
    (found,) = desk.check({"accuracy": 0.2})
    assert found.value.reason == "40 clean checks of history, 120 are needed (1 per 30d, a check each 1h)"
    assert desk.firing == []


def test_the_very_first_check_has_no_history_at_all():
    (found,) = Desk("anomaly(accuracy)").check({"accuracy": 0.2})
    assert found.value.reason == "0 earlier checks: what is usual is not known yet"


def test_an_unusual_number_fires_and_a_usual_one_does_not():
    desk = Desk("anomaly(accuracy)")
    desk.keep(150, accuracy=0.8)
    (usual,) = desk.check({"accuracy": 0.8})
    assert usual.value.number < 1
    assert desk.firing == []
    (found,) = desk.check({"accuracy": 0.6})
    assert desk.firing == ["rule-0"]
    assert found.value.number > 1
    assert found.labels == {"of": "accuracy", "method": "all"}
    assert found.details["found"] == 0.6
    assert found.details["usual"] == pytest.approx(0.8, abs=0.01)
    assert found.details["p_value"] < 1 / 720


def test_the_alert_says_what_is_unlike_what():
    desk = Desk("anomaly(accuracy)")
    desk.keep(150, accuracy=0.8)
    desk.check({"accuracy": 0.6})
    (alert,) = desk.alerting.alerts()
    assert alert.summary.startswith("m: accuracy 0.6 is unlike its history, usually 0.")


def test_an_undefined_measurement_is_no_data():
    desk = Desk("anomaly(accuracy)")
    desk.keep(150, accuracy=0.8)
    (found,) = desk.check({"accuracy": None})
    assert found.value.reason == "accuracy is undefined: no outcomes"
    assert desk.firing == []


def test_several_measurements_are_judged_together():
    desk = Desk("anomaly(accuracy, recall, method = z)")
    desk.keep(150, accuracy=0.8, recall=0.5)
    (found,) = desk.check({"accuracy": 0.8, "recall": 0.9})
    assert found.labels == {"of": "accuracy, recall", "method": "z"}
    assert found.details["found"] == 0.9
    (alert,) = desk.alerting.alerts()
    assert alert.summary.startswith("m: recall 0.9 is unlike its history, usually 0.")


def test_a_number_that_never_moved_cannot_tell_what_is_unusual():
    desk = Desk("anomaly(accuracy, method = z)")
    for _ in range(120):
        (found,) = desk.check({"accuracy": 1.0})
    assert found.value.reason == "119 checks measured one and the same number: how much chance moves it is not known"


def test_a_number_that_never_moved_is_left_out_and_the_others_count():
    desk = Desk("anomaly(precision, recall, method = z)")
    for _ in range(130):
        desk.keep(1, seed=desk.hour, recall=0.5)
        window = Window(desk.hour * HOUR_US, (desk.hour + 1) * HOUR_US)
        one = Measurement("precision", Value.of(1.0), "m", None, window)
        keep_measurements(desk.storage, "m", [one], window.end_us)
    (found,) = desk.check({"precision": 1.0, "recall": 0.9})
    assert found.value.number > 1
    assert (found.details["series"], found.details["left_out_precision"]) == (1.0, 1.0)
    (alert,) = desk.alerting.alerts()
    assert alert.summary.startswith("m: recall 0.9 is unlike its history, usually 0.")
    assert alert.summary.endswith("; precision is left out, always 1")


def test_a_restated_history_is_learned_anew_though_it_has_grown_by_nothing():
    desk = Desk("anomaly(accuracy, method = z)")
    desk.keep(130, accuracy=0.8)
    (before,) = desk.check({"accuracy": 0.9})
    rng = np.random.default_rng(5)
    for hour in range(10, 120):  # outcomes came late: the numbers scattered far more
        window = Window(hour * HOUR_US, (hour + 1) * HOUR_US)
        late = Measurement("accuracy", Value.of(0.8 + 0.1 * rng.normal()), "m", None, window)
        keep_measurements(desk.storage, "m", [late], desk.hour * HOUR_US + HOUR_US)
    now = Measurement("accuracy", Value.of(0.9), "m", None, Window(desk.hour * HOUR_US, (desk.hour + 1) * HOUR_US))
    (after,) = desk.anomalies.measured("m", desk.alerting.questions("m"), [now])
    assert before.value.number > 1
    assert after.value.number < 1


def test_what_was_learned_is_kept_while_nothing_was_restated(monkeypatch):
    desk = Desk("anomaly(accuracy, method = z)")
    desk.keep(130, accuracy=0.8)
    desk.check({"accuracy": 0.8})
    monkeypatch.setattr(AnomalyDetector, "fit", None)
    (again,) = desk.check({"accuracy": 0.8})
    assert again.value.number < 1


def test_a_budget_that_no_history_could_keep_says_so():
    desk = Desk('anomaly(accuracy, false_alarms = "1 per 36500d")')
    desk.keep(20, accuracy=0.8)
    (found,) = desk.check({"accuracy": 0.2})
    assert found.value.reason == (
        "1 per 36500d, a check each 1h: 146000 checks of history are needed, at most 8000 are looked at; "
        "allow more alarms"
    )


def test_each_feature_is_held_against_its_own_history():
    desk = Desk("anomaly(ks, method = z)", each=("feature",))
    rng = np.random.default_rng(1)
    for _ in range(120):
        desk.hour += 1
        window = Window(desk.hour * HOUR_US, (desk.hour + 1) * HOUR_US)
        for name, middle in (("low", 0.1), ("high", 0.6)):
            one = Measurement("ks", Value.of(middle + 0.01 * rng.normal()), "m", None, window, {"feature": name})
            keep_measurements(desk.storage, "m", [one], window.end_us)
    desk.check({"ks": 0.6}, {"feature": "low"})
    (alert,) = desk.alerting.alerts(AlertState.FIRING)
    assert alert.labels == {"feature": "low"}
    assert alert.summary.startswith("m: ks{feature=low} 0.6 is unlike its history, usually 0.")


def test_anomalies_are_left_out_of_what_is_usual_until_they_are_the_rule():
    desk = Desk("anomaly(accuracy, method = z)")
    desk.keep(120, accuracy=0.8)
    rng = np.random.default_rng(2)
    evidence = [desk.check({"accuracy": 0.6 + 0.01 * rng.normal()})[0].value.number for _ in range(160)]
    assert min(evidence[:100]) > 1
    assert evidence[-1] < 1


def test_the_same_answers_come_from_a_process_that_has_just_begun():
    desk = Desk("anomaly(accuracy, method = ewma)")
    desk.keep(130, accuracy=0.8)
    answers = [desk.check({"accuracy": 0.79 - 0.002 * at})[0] for at in range(6)]
    fresh = Anomalies(desk.storage, lambda _model: BUDGET)
    accuracy = next(
        one for _, one in kept_measurements(desk.storage, "m", "accuracy") if one.window == answers[-1].window
    )
    (again,) = fresh.measured("m", desk.alerting.questions("m"), [accuracy])
    assert again.value.number == pytest.approx(answers[-1].value.number, rel=0.2)
    assert (again.value.number > 1) == (answers[-1].value.number > 1)


def test_without_questions_nothing_is_read():
    assert Anomalies(None, lambda _model: BUDGET).measured("m", (), ()) == []


def test_sets_of_labels_share_the_budget_of_false_alarms():
    desk = Desk("anomaly(ks, method = z)", each=("feature",))
    rng = np.random.default_rng(4)

    def measured(numbers):
        window = Window(desk.hour * HOUR_US, (desk.hour + 1) * HOUR_US)
        return [
            Measurement("ks", Value.of(number), "m", None, window, {"feature": f"f{at}"})
            for at, number in enumerate(numbers)
        ]

    for _ in range(300):
        desk.hour += 1
        keep_measurements(desk.storage, "m", measured(rng.normal(size=10)), (desk.hour + 1) * HOUR_US)
    desk.hour += 1
    (question,) = desk.alerting.questions("m")

    (alone,) = desk.anomalies.measured("m", [question], measured([4.0]))
    shared = desk.anomalies.measured("m", [question], measured([4.0] * 10))[0]

    assert alone.value.number == pytest.approx(np.log(alone.details["p_value"]) / np.log(1 / 720))
    assert shared.value.number == pytest.approx(np.log(shared.details["p_value"]) / np.log(1 / 7_200))


def test_a_shared_budget_says_so_when_its_history_is_too_short():
    desk = Desk("anomaly(ks, method = z)", each=("feature",))
    window = Window(HOUR_US, 2 * HOUR_US)
    both = [Measurement("ks", Value.of(0.5), "m", None, window, {"feature": name}) for name in "ab"]
    for hour in range(2):
        again = Window(hour * HOUR_US, (hour + 1) * HOUR_US)
        keep_measurements(desk.storage, "m", [attrs.evolve(one, window=again) for one in both], again.end_us)
    later = [attrs.evolve(one, window=Window(5 * HOUR_US, 6 * HOUR_US)) for one in both]

    found = desk.anomalies.measured("m", desk.alerting.questions("m"), later)

    assert found[0].value.reason.endswith("are needed (0.5 per 30d, a check each 1h)")
