"""Pages of alerts: every one once, in order, whatever filter, and though some change between two pages."""

from __future__ import annotations

import pytest

from watchkeeper.alerting import Alerting, Matcher, Rule, parsed
from watchkeeper.app.alert_pages import AlertFilter, alert_page, matching_alerts
from watchkeeper.domain.alert import AlertState, Severity
from watchkeeper.domain.errors import NotFound
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage


@pytest.fixture
def alerting():
    """Forty open alerts of two models and two severities, five a moment."""
    clock = FakeClock(1_000_000)
    rules = [
        Rule(name=f"rule-{at}", condition=parsed("accuracy < 0.5"), severity=severity, labels={"desk": f"d{at % 3}"})
        for at, severity in enumerate([Severity.CRITICAL, Severity.WARNING] * 10)
    ]
    made = Alerting(MemoryStorage(), clock, rules)
    for at, model in enumerate(("momentum", "carry")):
        made.evaluate(model, [Measurement("accuracy", Value.of(0.1), model, None, Window(0, 1))], now_us=10**6 + at)
    return made


FILTERS = {
    "no filter": AlertFilter(),
    "a model": AlertFilter(model="carry"),
    "a state": AlertFilter(state=AlertState.FIRING),
    "a severity": AlertFilter(severity=Severity.CRITICAL),
    "labels": AlertFilter(matchers=(Matcher.parse("desk=d1"), Matcher.parse("rule!=rule-4"))),
    "what may be seen": AlertFilter(is_seen=lambda model: model == "momentum"),
}


@pytest.mark.parametrize("wanted", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("limit", [1, 7, 40])
def test_pages_hold_every_alert_once_and_in_order(alerting, wanted, limit):
    every = alert_page(alerting, wanted)
    assert every.next is None
    assert every.alerts == matching_alerts(alerting, wanted)
    assert every.alerts

    found, after = [], None
    for _ in range(len(every.alerts) + 1):
        page = alert_page(alerting, wanted, limit, after)
        assert len(page.alerts) <= limit
        found += page.alerts
        after = page.next
        if after is None:
            break
    assert tuple(found) == every.alerts


def test_resolved_ones_are_paged_with_a_filter(alerting):
    for alert in alerting.alerts():
        alerting.resolve(alert.fingerprint, "ada")
    wanted = AlertFilter(state=AlertState.RESOLVED, severity=Severity.CRITICAL)
    first = alert_page(alerting, wanted, 15)
    rest = alert_page(alerting, wanted, 15, first.next)
    assert (len(first.alerts), len(rest.alerts), rest.next) == (15, 5, None)


@pytest.mark.parametrize("wanted", [AlertFilter(), AlertFilter(severity=Severity.CRITICAL)], ids=["all", "critical"])
def test_the_next_page_begins_where_the_last_ended_though_its_last_alert_has_changed(alerting, wanted):
    every = alert_page(alerting, wanted).alerts
    first = alert_page(alerting, wanted, 5)
    alerting.resolve(first.alerts[-1].fingerprint, "ada")
    assert alert_page(alerting, wanted, 100, first.next).alerts == every[5:]


def test_after_takes_the_beginning_of_a_fingerprint_too(alerting):
    every = alerting.alerts()
    assert alert_page(alerting, AlertFilter(), 3, every[4].fingerprint).alerts == every[5:8]
    with pytest.raises(NotFound, match="'nothing' is no alert's fingerprint"):
        alert_page(alerting, AlertFilter(), 3, "nothing")
