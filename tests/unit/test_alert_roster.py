"""Thousands of open alerts: listed by the page, kept in memory between looks, and counted in groups."""

import pytest

from watchkeeper.alerting import Alerting, Rule, parsed
from watchkeeper.alerting.record import ALERTS
from watchkeeper.domain.alert import AlertState, Severity
from watchkeeper.domain.errors import NotFound
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

MODELS = ("carry", "momentum", "value")


class WithoutOutlines:
    """A store that is only what a store must be."""

    def __init__(self, storage):
        self.find, self.get, self.commit, self.read_log = storage.find, storage.get, storage.commit, storage.read_log


class Counting(MemoryStorage):
    """Counts the documents whose values are read."""

    values_read = 0

    def find(self, *given, **named):
        found = super().find(*given, **named)
        self.values_read += len(found)
        return found

    def get(self, namespace, key):
        self.values_read += namespace.name == ALERTS.name
        return super().get(namespace, key)

    def outlines(self, *given):
        found = super().outlines(*given)
        self.values_read -= len(found)
        return found


def house(storage=None, **settings):
    clock = FakeClock()
    named = {"each": ("feature",), "severity": "critical", "receivers": ()}
    rules = [
        Rule(name="drifted", condition=parsed("ks > 0.2"), **{**named, **settings}),
        Rule(name="fell", condition=parsed("accuracy < 0.8")),
    ]
    return Alerting(storage or MemoryStorage(), clock, rules), clock


def check(alerting, clock, *, drift=0.3, accuracy=0.5, models=MODELS):
    for model in models:
        clock.advance(60)
        found = [Measurement("accuracy", Value.of(accuracy), model, None, Window(0, 1))]
        found += [
            Measurement("ks", Value.of(drift), model, None, Window(0, 1), {"feature": feature})
            for feature in ("f1", "f2", "f3")
        ]
        alerting.evaluate(model, found)


@pytest.mark.parametrize("make", [MemoryStorage, lambda: WithoutOutlines(MemoryStorage())], ids=["outlines", "plain"])
def test_what_is_listed_from_memory_is_what_is_stored(make):
    storage = make()
    alerting, clock = house(storage)
    check(alerting, clock)
    assert len(alerting.alerts()) == 12
    other, _ = house(storage)

    first, second, *_ = alerting.alerts()
    other.acknowledge(first.fingerprint, "ada", "looking")
    other.resolve(second.fingerprint, "ada")
    check(other, clock, accuracy=0.9, models=("value",))

    fresh, _ = house(storage)
    for where in ((None, None), (AlertState.FIRING, None), (AlertState.ACKNOWLEDGED, "value"), (None, "carry")):
        assert alerting.alerts(*where) == fresh.alerts(*where, limit=1_000)


def test_a_second_look_reads_only_what_has_changed():
    storage = Counting()
    alerting, clock = house(storage)
    check(alerting, clock)
    alerting.alerts()
    house(storage)[0].acknowledge(alerting.alerts()[0].fingerprint, "ada")
    storage.values_read = 0

    assert len(alerting.alerts()) == 12
    assert storage.values_read == 1


def test_an_alert_that_went_and_came_again_is_listed_as_it_is_now():
    alerting, clock = house(for_checks=3)
    check(alerting, clock)
    (old, *_) = alerting.alerts(AlertState.PENDING)
    check(alerting, clock, drift=0.1)
    check(alerting, clock)

    assert {found.since_us for found in alerting.alerts(AlertState.PENDING)}.isdisjoint({old.since_us})


def test_pages_join_without_a_gap():
    alerting, clock = house()
    check(alerting, clock)
    paged, page = [], alerting.alerts(limit=5)
    while page:
        paged += page
        page = alerting.alerts(limit=5, after=page[-1])

    assert tuple(paged) == alerting.alerts()


def test_alerts_are_counted_in_groups_the_most_severe_first():
    alerting, clock = house()
    check(alerting, clock)
    (some,) = alerting.alerts(model="value", state=AlertState.FIRING)[:1]
    alerting.acknowledge(some.fingerprint, "ada")

    found = alerting.groups(("rule", "feature"))

    assert [(dict(group.labels), group.count, group.severity) for group in found] == [
        ({"rule": "drifted", "feature": "f1"}, 3, Severity.CRITICAL),
        ({"rule": "drifted", "feature": "f2"}, 3, Severity.CRITICAL),
        ({"rule": "drifted", "feature": "f3"}, 3, Severity.CRITICAL),
        ({"rule": "fell", "feature": ""}, 3, Severity.WARNING),
    ]
    (value,) = [group for group in alerting.groups() if group.labels == {"model": "value"}]
    assert value.states == {AlertState.FIRING: 3, AlertState.ACKNOWLEDGED: 1}
    assert value.since_us == max(found.since_us for found in alerting.alerts(model="value"))


def test_the_beginning_of_a_fingerprint_that_is_none_or_several_is_told():
    alerting, clock = house()
    check(alerting, clock)
    whole = alerting.alerts()[0].fingerprint

    assert alerting.alert(whole[:12]).fingerprint == whole
    with pytest.raises(NotFound, match="is no alert's fingerprint; did you mean"):
        alerting.alert(whole[:-1] + "zz")
    with pytest.raises(NotFound, match="is no alert's fingerprint"):
        alerting.alert("")
