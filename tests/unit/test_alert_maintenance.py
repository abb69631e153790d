"""Maintenance windows: when they are open, over changes of the clock too, and what they hold back."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.alerting import Alerting, MaintenanceWindow, Matcher, Rule, parsed
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window, iso_time
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

HOUR = 3_600_000_000
ALL = (Matcher.parse("model=*"),)


def us(text, zone="UTC", fold=0):
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(moment.timestamp() * 1_000_000)


def window(cron="0 2 * * *", hours=1.0, zone="UTC"):
    return MaintenanceWindow("nightly", cron, round(hours * HOUR), ALL, zone)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2008-09-15T01:59:59", None),
        ("2008-09-15T02:00:00", "2008-09-15T03:00:00Z"),
        ("2008-09-15T02:00:59", "2008-09-15T03:00:00Z"),
        ("2008-09-15T02:59:59", "2008-09-15T03:00:00Z"),
        ("2008-09-15T03:00:00", None),
    ],
)
def test_a_window_is_open_from_its_beginning_to_its_end(at, until):
    found = window().until_us(us(at))

    assert (None if found is None else iso_time(found)) == until


def test_a_window_may_go_over_midnight_and_over_days():
    weekend = window("0 22 * * FRI", hours=60)

    assert weekend.until_us(us("2008-09-14T12:00")) == us("2008-09-15T10:00")
    assert weekend.until_us(us("2008-09-15T10:00")) is None


def test_a_window_is_in_its_own_time_zone():
    berlin = window("30 8 * * *", zone="Europe/Berlin")

    assert berlin.until_us(us("2008-07-01T08:45", "Europe/Berlin")) == us("2008-07-01T07:30")
    assert berlin.until_us(us("2008-01-15T08:45", "Europe/Berlin")) == us("2008-01-15T08:30")


def test_a_beginning_that_the_change_of_clocks_leaves_out_is_at_the_change():
    assert window("30 2 * * *", zone="Europe/Berlin").until_us(us("2008-03-30T03:15", "Europe/Berlin")) == us(
        "2008-03-30T04:00", "Europe/Berlin"
    )


@given(st.integers(0, 7 * 24 * 60), st.sampled_from([1, 30, 90, 1_500]))
def test_a_window_is_open_exactly_when_a_beginning_is_less_than_its_length_ago(minute, minutes):
    start = datetime(2008, 9, 15, tzinfo=ZoneInfo("UTC"))
    now = start + timedelta(minutes=minute)
    days = [start + timedelta(days=day, hours=2) for day in range(-3, 9)]
    expected = any(begun <= now < begun + timedelta(minutes=minutes) for begun in days)

    found = window(hours=minutes / 60).until_us(round(now.timestamp() * 1_000_000))

    assert (found is not None) is expected


def test_in_a_window_nobody_is_told_and_afterwards_what_still_fires_is():
    clock = FakeClock(us("2008-09-15T02:30"))
    rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",))
    alerting = Alerting(MemoryStorage(), clock, [rule], windows=[window()])
    bad = [Measurement("accuracy", Value.of(0.6), "m", None, Window(0, 1))]

    (alert,) = alerting.evaluate("m", bad)
    assert alert.muted == "in the maintenance window nightly until 2008-09-15T03:00:00Z"
    assert alerting.outbox.waiting() == ()

    clock.advance(1_800)
    alerting.evaluate("m", bad)
    assert len(alerting.outbox.waiting()) == 1


def test_a_window_is_about_what_fits_its_matchers():
    clock = FakeClock(us("2008-09-15T02:30"))
    rule = Rule(name="r", condition=parsed("accuracy < 0.8"), receivers=("ops",), severity="critical")
    quiet = MaintenanceWindow("nightly", "0 2 * * *", HOUR, (Matcher.parse("severity!=critical"),))
    alerting = Alerting(MemoryStorage(), clock, [rule], windows=[quiet])

    alerting.evaluate("m", [Measurement("accuracy", Value.of(0.6), "m", None, Window(0, 1))])

    assert len(alerting.outbox.waiting()) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cron": "every night"}, "maintenance window 'nightly': 'every night' names no times: "),
        ({"cron": "0 25 * * *"}, "'0 25 \\* \\* \\*' names no times: Bad hour"),
        ({"cron": "0 0 30 2 *"}, "names no times: "),
        ({"timezone": "Mars/Olympus"}, "'Mars/Olympus' is no time zone; expected one such as Europe/Berlin"),
        ({"timezone": "../etc/passwd"}, "is no time zone"),
        ({"duration_us": 0}, "duration: expected more than 0 and at most 7 days, found 0 µs"),
        ({"duration_us": 8 * 24 * HOUR}, "duration: expected more than 0 and at most 7 days"),
        ({"matchers": ()}, "maintenance window 'nightly' needs at least one matcher"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        MaintenanceWindow(**{"name": "nightly", "cron": "0 2 * * *", "duration_us": HOUR, "matchers": ALL, **settings})


@pytest.mark.parametrize(
    ("cron", "zone", "begins"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00"),
        ("30 1 * * *", "America/New_York", "2026-11-01T05:30:00"),
        ("30 1 * * *", "Europe/London", "2026-10-25T00:30:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T00:30:00"),
    ],
    ids=["Berlin", "New York", "London", "the day before"],
)
def test_a_window_lasts_its_whole_length_where_clocks_go_back(cron, zone, begins):
    window = MaintenanceWindow("w", cron, HOUR, ALL, zone)
    begun_us = us(begins)

    open_minutes = [minute for minute in range(-30, 90) if window.until_us(begun_us + minute * HOUR // 60) is not None]

    assert open_minutes == list(range(60))
