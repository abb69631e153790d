"""The recipes of docs/how-to/alert-recipes.md do what they say."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from watchkeeper.alerting import Alerting
from watchkeeper.app.rules import rules_of
from watchkeeper.app.telling import grouping_of, inhibitions_of, limits_of, windows_of
from watchkeeper.config import load
from watchkeeper.domain.alert import Delivery
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins import Plugins
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "alert-recipes.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## (.+?)$.*?```toml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
MODEL = """
[models.momentum]
task = "classification"
columns = { time = "ts", prediction = "p", outcome = "y" }
window = "1h"
"""
ENVIRONMENT = dict.fromkeys(("PAGER_FIRST", "PAGER_SECOND", "SLACK_TOKEN", "HEARTBEAT_URL"), "https://hook.example/x")
SUNDAY_NOON = datetime(2008, 9, 14, 12, tzinfo=UTC)
MONDAY_NOON = datetime(2008, 9, 15, 12, tzinfo=UTC)
MONDAY_NIGHT = datetime(2008, 9, 15, 23, tzinfo=UTC)


class Receiver:
    def __init__(self, name, told):
        self.name, self.told = name, told

    def send(self, notification):
        alerts = [notification.alert, *notification.others]
        self.told.append((self.name, sorted({(alert.rule, alert.state.value) for alert in alerts})))
        return Delivery(self.name)

    def close(self):
        pass


class Desk:
    """Alerting as a recipe configures it, with receivers that note what they are told."""

    def __init__(self, folder, recipe, begins=MONDAY_NOON, more=""):
        file = folder / "watchkeeper.toml"
        file.write_text(RECIPES[recipe] + more + MODEL, encoding="utf-8")
        self.loaded = load(file, Plugins(), ENVIRONMENT)
        self.clock = FakeClock(round(begins.timestamp()) * 1_000_000)
        self.told = []
        config = self.loaded.config
        self.alerting = Alerting(
            MemoryStorage(),
            self.clock,
            rules_of(self.loaded),
            inhibitions=inhibitions_of(self.loaded),
            grouping=grouping_of(config),
            windows=windows_of(self.loaded),
        )
        self.receivers = {name: Receiver(name, self.told) for name in config.notifiers}

    def check(self, **numbers):
        """Measure; `drift` is that of each of three features, with an edge of 0.2."""
        whole = Measurement("samples", Value.of(600), "momentum", "1.4.0", Window(0, 1))
        found = [whole]
        found += [
            attrs.evolve(whole, name=name, value=Value.of(number, samples=600))
            for name, number in numbers.items()
            if name != "drift"
        ]
        found += [
            attrs.evolve(
                whole, name="ks", value=Value.of(numbers["drift"]), labels={"feature": f}, details={"threshold": 0.2}
            )
            for f in ("f1", "f2", "f3")
            if "drift" in numbers
        ]
        self.alerting.evaluate("momentum", found)
        return self.deliver()

    def deliver(self, minutes=0):
        """What is told after so many minutes, looking every minute."""
        before = len(self.told)
        for _ in range(max(1, minutes)):
            if minutes:
                self.clock.advance(60)
            self.alerting.escalate()
            limits = limits_of(self.loaded.config)
            rng = random.Random(1)  # noqa: S311 - spreads retries
            self.alerting.courier(self.receivers, attempt, rng=rng, limits=limits).deliver()
        return self.told[before:]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_read_without_a_mistake(tmp_path, recipe):
    desk = Desk(tmp_path, recipe)

    assert desk.loaded.mistakes_at_use(Plugins()) == ()


def test_on_call_by_severity(tmp_path):
    desk = Desk(tmp_path, "On call by severity")

    assert sorted(desk.check(accuracy=0.5, drift_share=0.5)) == [
        ("channel", [("accuracy-fell", "firing")]),
        ("channel", [("feature-drift", "firing")]),
        ("pager", [("accuracy-fell", "firing")]),
    ]
    assert desk.deliver(9) == []
    assert desk.deliver(2) == [("pager-second", [("accuracy-fell", "firing")])]
    (fingerprint,) = [alert.fingerprint for alert in desk.alerting.alerts() if alert.rule == "accuracy-fell"]
    desk.alerting.acknowledge(fingerprint, "ada")
    told = desk.deliver(120)
    assert sorted(told) == [
        (name, [("accuracy-fell", "acknowledged")]) for name in ("channel", "pager", "pager-second")
    ]


TWO_RULES = """
[rules.mild]
when = "accuracy < 0.8"
do = ["notify:ops"]
[rules.grave]
when = "accuracy < 0.6"
severity = "critical"
do = ["notify:ops"]
[notifiers.ops]
kind = "console"
"""


@pytest.mark.parametrize(("begins", "is_told"), [(MONDAY_NOON, True), (MONDAY_NIGHT, False), (SUNDAY_NOON, False)])
def test_quiet_hours(tmp_path, begins, is_told):
    desk = Desk(tmp_path, "Quiet hours", begins, TWO_RULES)

    assert (("ops", [("mild", "firing")]) in desk.check(accuracy=0.7)) is is_told
    assert ("ops", [("grave", "firing")]) in desk.check(accuracy=0.5)


def test_what_still_fires_in_the_morning_is_told_then(tmp_path):
    desk = Desk(tmp_path, "Quiet hours", MONDAY_NIGHT, TWO_RULES)
    assert desk.check(accuracy=0.7) == []
    desk.clock.advance(8 * 3_600)

    assert desk.check(accuracy=0.7) == [("ops", [("mild", "firing")])]


def test_one_message_per_incident(tmp_path):
    desk = Desk(tmp_path, "One message per incident")
    for _ in range(3):
        desk.clock.advance(60)
        assert desk.check(age_seconds=10, drift=0.5) == [], "the group waits for more"
    assert desk.deliver(1) == [("channel", [("drifted", "firing")])], "three features, one message"

    assert desk.check(age_seconds=7_200, drift=0.5) == [("channel", [("feed-down", "firing")])]
    assert desk.deliver(30) == []
