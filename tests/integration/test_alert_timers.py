"""A project whose models are checked seldom: what becomes due in between is told all the same."""

import threading

import pytest

from watchkeeper.alerting import Matcher
from watchkeeper.app import open_project
from watchkeeper.testing.clock import FakeClock

AFTER_US = 1_767_744_000_000_000
"""2026-01-07T00:00:00Z, after the rows of the project."""
HOUR_US = 3_600_000_000


@pytest.fixture
def clock():
    return FakeClock(AFTER_US)


@pytest.fixture
def silenced(project, clock):
    """A model that fires in a silence of one hour, and is checked once."""
    rows = project.opposite_rows()
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log_table("momentum", rows)
        watch.silence([Matcher.parse("model=momentum")], HOUR_US, by="ada", comment="backfill")
        watch.check("momentum")
        watch.deliver()
    return project


def told(watch):
    return [entry.body["event"] for entry in watch.alerting.log() if entry.body.get("told")]


def test_the_end_of_a_silence_is_noticed_when_the_project_is_delivered(silenced, clock, capfd):
    clock.advance(3600)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        report = watch.deliver()

        assert (len(report.delivered), told(watch)) == (1, ["firing"])
        assert watch.deliver().delivered == ()
    said = capfd.readouterr().err
    assert "measured  accuracy 0 (" in said
    assert "until now it was silenced by ada until 2026-01-07T01:00:00Z: backfill" in said


def test_the_end_of_a_silence_is_noticed_while_the_project_runs(silenced, clock):
    heard = threading.Event()
    with open_project("watchkeeper.toml", clock=clock) as watch:
        with watch.delivering(lambda report: heard.set() if report.delivered else None):
            clock.advance(3600)
            assert heard.wait(30)
        assert told(watch) == ["firing"]


@pytest.mark.parametrize("gone", ["rule", "model"])
def test_what_is_taken_out_of_the_file_ends_when_the_project_is_opened_again(silenced, clock, gone):
    clock.advance(3600)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.deliver()
    old, new = {"rule": ("[rules.accuracy-fell]", "[rules.other]"), "model": ("[models.momentum]", "[models.other]")}[
        gone
    ]
    silenced.configure(silenced.config.replace(old, new))

    clock.advance(1)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.deliver()

        assert told(watch) == ["firing", "resolved"]
        assert watch.alerting.alerts() == ()
        (ended,) = [entry.body for entry in watch.alerting.log() if entry.body["event"] == "resolved"]
    assert (ended["by"], ended["comment"]) == ("watchkeeper", f"its {gone} is no longer configured")
