"""What a notification says of the model: read from the registry, the explanations and the check."""

import numpy as np
import pytest

from watchkeeper.alerting import Alerting, Escalation, Rule, Step, parsed
from watchkeeper.app.background import Backgrounds, drifted
from watchkeeper.domain.alert import Alert, AlertState, Background, Drifted, Severity
from watchkeeper.domain.errors import IntegrityError, NotFound
from watchkeeper.domain.explanation import Explanation
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.model import VersionNumber
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.explain.explaining import Explaining
from watchkeeper.registry.tenure import Tenure
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.memory import MemoryStorage

MINUTE = 60_000_000
ALERT = Alert("5f1d", "fell", "momentum", Severity.WARNING, AlertState.FIRING, "accuracy fell", 0, 0, version="1.4.0")


class Registry:
    def __init__(self, *tenures, error=None):
        self.found, self.error = tenures, error

    def tenures(self, model):
        assert model == "momentum"
        if self.error:
            raise self.error
        return self.found


class Constant:
    def __init__(self, sizes):
        self.sizes = np.array([sizes], dtype=np.float64)

    def explain(self, predict, rows, background, features):
        return Explanation("constant", features, 0.0, self.sizes, Value.of(1.0))


def tenure(number, since_us, until_us=None):
    return Tenure("momentum", VersionNumber.parse(number), since_us, until_us, "ada", 1)


def ks(feature, number, **details):
    return Measurement("ks", Value.of(number), "momentum", None, Window(0, 1), {"feature": feature}, details)


def explain(explaining, version, *sizes):
    rows = np.zeros((1, len(sizes)))
    explaining.explain(
        "explainer.x", Constant(sizes), None, rows, rows, ("a", "b", "c", "d"), model="momentum", version=version
    )


def test_the_last_deployment_is_told():
    backgrounds = Backgrounds(
        Registry(tenure("1.3.0", 5, 9), tenure("1.4.0", 9)), Explaining(MemoryStorage(), FakeClock())
    )

    assert backgrounds(ALERT, ()) == Background(deployed="1.4.0", deployed_us=9, deployed_by="ada")


@pytest.mark.parametrize("error", [None, NotFound("no model"), IntegrityError("a seal is broken")])
def test_nothing_in_the_registry_keeps_an_alert_from_being_told(error):
    backgrounds = Backgrounds(Registry(error=error), Explaining(MemoryStorage(), FakeClock()))

    assert backgrounds(ALERT, ()) == Background()


def test_the_most_important_features_are_those_of_the_alerts_version():
    clock = FakeClock()
    explaining = Explaining(MemoryStorage(), clock)
    explain(explaining, "1.4.0", 1.0, 5.0, 2.0, 2.0)
    clock.advance(60)
    explain(explaining, "1.5.0", 1.0, 0.0, 0.0, 0.0)
    backgrounds = Backgrounds(Registry(), explaining)

    assert backgrounds(ALERT, ()).important == (("b", 0.5), ("c", 0.2), ("d", 0.2))


def test_without_an_explanation_of_the_version_the_models_latest_is_taken():
    explaining = Explaining(MemoryStorage(), FakeClock())
    explain(explaining, "1.3.0", 0.0, 3.0, 1.0, 0.0)

    assert Backgrounds(Registry(), explaining)(ALERT, ()).important == (("b", 0.75), ("c", 0.25))


def test_an_importance_that_is_no_number_is_not_told():
    explaining = Explaining(MemoryStorage(), FakeClock())
    explain(explaining, "1.4.0", 0.0, 1e308, 1e308, 1e308)

    assert Backgrounds(Registry(), explaining)(ALERT, ()).important == ()


def test_the_features_furthest_beyond_an_edge_are_told_first():
    found = drifted(
        [
            ks("calm", 0.1, threshold=0.2),
            ks("vol10", 0.3, threshold=0.2),
            ks("ret1", 0.8, threshold=0.2),
            ks("ret5", 0.25, threshold=0.2),
            ks("ret9", 0.22, threshold=0.2),
            ks("dead", float("nan"), threshold=0.2),
            Measurement("ks", Value.undefined("empty"), "momentum", None, Window(0, 1), {"feature": "gone"}),
            Measurement(
                "chi2",
                Value.of(9.0),
                "momentum",
                None,
                Window(0, 1),
                {"feature": "vol10"},
                {"p_value": 0.0, "p_limit": 0.01},
            ),
            Measurement("accuracy", Value.of(0.9), "momentum", None, Window(0, 1), {}, {"threshold": 0.2}),
        ]
    )

    assert found == (
        Drifted("vol10", "chi2", 9.0, 1e6),
        Drifted("ret1", "ks", 0.8, 4.0),
        Drifted("ret5", "ks", 0.25, 1.25),
    )


def test_a_notification_has_the_background_and_an_escalation_the_one_it_began_with():
    storage, clock = MemoryStorage(), FakeClock()
    asked = []

    def backgrounds(alert, measurements):
        asked.append((alert.rule, len(measurements)))
        return Background(deployed="1.4.0", deployed_us=LEHMAN_US, drifted=drifted(measurements))

    office = Escalation("office", (Step(MINUTE, ("lead",)),))
    rules = [
        Rule(name="fell", condition=parsed("accuracy < 0.8"), receivers=("ops",), escalation=office),
        Rule(name="quiet", condition=parsed("accuracy < 0.7")),
    ]
    alerting = Alerting(storage, clock, rules, backgrounds=backgrounds)
    accuracy = Measurement("accuracy", Value.of(0.5), "momentum", "1.4.0", Window(0, 1))

    alerting.evaluate("momentum", [accuracy, ks("vol10", 0.4, threshold=0.2)])
    clock.advance(120)
    alerting.escalate()

    told = [letter.notification for letter in alerting.outbox.waiting()]
    expected = Background(deployed="1.4.0", deployed_us=LEHMAN_US, drifted=(Drifted("vol10", "ks", 0.4, 2.0),))
    assert [(one.alert.rule, one.background) for one in told] == [("fell", expected), ("fell", expected)]
    assert asked == [("fell", 2)], "asked only when somebody is told"
