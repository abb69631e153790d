"""A backfill leaves what checks at the time would have left: evidence, measurements, alerts, health. Nobody is told."""

from __future__ import annotations

import shutil

import pytest

from watchkeeper.alerting.letters import OUTBOX
from watchkeeper.app import open_project
from watchkeeper.contracts.storage import Namespace
from watchkeeper.domain.alert import AlertState
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000 + 2000 * MINUTE_US
ROWS, STEP = 1500, 100
RULES = """
[models.momentum.health]
accuracy = { warn = 0.55, alert = 0.3 }

[rules.went-wrong]
when = "accuracy < 0.6 and samples >= 50"
for = "2 checks"
severity = "critical"
do = ["notify:ops"]

[rules.drifted]
when = "drift_evidence > 1"
each = ["feature"]
do = ["notify:ops"]
"""


def configured(project, folder):
    config = project.config.replace('window = "100 rows"', 'window = "100 rows"\nmin_rows = 30')
    text = config[: config.index("[rules.accuracy-fell]")] + RULES + config[config.index("[notifiers.ops]") :]
    (folder / "watchkeeper.toml").write_text(text, encoding="utf-8")


def history(project):
    """Fine for 600 rows; then the predictions are wrong and a feature has moved; the last 300 are fine again."""
    table = project.rows(ROWS, seed=5)
    bad = slice(600, 1200)
    table["p"][bad] = [0.99 if one < 0.5 else 0.01 for one in table["p"][bad]]
    table["ret1"][bad] = [one + 2.0 for one in table["ret1"][bad]]
    return table


def part(table, rows):
    return {name: column[rows] for name, column in table.items()}


@pytest.fixture
def both(project, tmp_path):
    """The same rows, checked live after each hundred, and logged at once and measured by a backfill."""
    table = history(project)
    watches, heard = [], []
    for name in ("live", "later"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(tmp_path / "reference.csv", folder)
        configured(project, folder)
        clock = FakeClock(START_US)
        watch = open_project(folder / "watchkeeper.toml", clock=clock)
        watches.append(watch)
        if name == "live":
            for first in range(0, ROWS, STEP):
                watch.log_table("momentum", part(table, slice(first, first + STEP)))
                clock.advance((START_US + (first + STEP - 1) * MINUTE_US + 1 - watch.now_us()) / 1e6)
                watch.check("momentum")
        else:
            watch.log_table("momentum", table)
            clock.advance(ROWS * 60 + 86_400)
            watch.backfill("momentum", START_US)
        heard.append(len(watch._systems.storage.find(OUTBOX)))
    yield (*watches, heard)
    for watch in watches:
        watch.close()


def document(watch, namespace):
    found = watch._systems.storage.get(Namespace(namespace), "momentum")
    return None if found is None else found.value


def alerts(watch):
    found = [one for state in AlertState for one in watch.alerting.alerts(state)]
    return sorted(
        (one.rule, one.labels.get("feature", ""), one.state, one.since_us, one.changed_us, one.checks) for one in found
    )


def measured(watch):
    return {(one.title, one.window.start_us, one.window.end_us): one.value for one in watch.measurements("momentum")}


def test_what_a_backfill_leaves_is_what_checks_would_have_left(both):
    live, later, heard = both
    for namespace in ("drift_evidence", "risk_evidence"):
        assert document(live, namespace)["blocks"] > 5
        assert document(later, namespace) == document(live, namespace)
    assert document(live, "risk_evidence")["open"] is not None
    assert document(later, "health") == document(live, "health")
    assert alerts(later) == alerts(live)
    assert {rule for rule, *_ in alerts(live)} == {"went-wrong", "drifted"}
    assert heard[0] > 0
    assert heard[1] == 0


def test_every_measurement_is_the_same_those_of_evidence_too(both):
    live, later, _ = both
    assert measured(later).keys() == measured(live).keys()
    for key, value in measured(live).items():
        again = measured(later)[key]
        assert again == value or (again.number == pytest.approx(value.number, rel=1e-12)), key
    assert any(title.startswith("drift_evidence") for title, *_ in measured(live))


def test_the_status_shown_afterwards_is_that_of_the_last_window(both):
    live, later, _ = both
    (one,), (other,) = live.standings(), later.standings()
    assert (one.status, one.since_us, one.window) == (other.status, other.since_us, other.window)


def test_an_alert_that_is_open_when_the_backfill_ends_is_told_by_the_next_check(project, tmp_path):
    configured(project, tmp_path)
    clock = FakeClock(START_US + 900 * MINUTE_US)
    with open_project(tmp_path / "watchkeeper.toml", clock=clock) as watch:
        table = history(project)
        watch.log_table("momentum", part(table, slice(0, 800)))
        watch.backfill("momentum", START_US)
        (went_wrong,) = [one for one in watch.alerting.alerts() if one.rule == "went-wrong"]
        assert went_wrong.state is AlertState.FIRING
        assert "in the maintenance window of the backfill" in went_wrong.muted
        assert watch._systems.storage.find(OUTBOX) == ()
        watch.log_table("momentum", part(table, slice(800, 900)))
        watch.check("momentum")
        told = {one.value["notification"]["alert"]["rule"] for one in watch._systems.storage.find(OUTBOX)}
        assert "went-wrong" in told
        (again,) = [one for one in watch.alerting.alerts() if one.rule == "went-wrong"]
        assert (again.since_us, again.muted) == (went_wrong.since_us, "")


def test_a_backfill_of_what_was_checked_live_changes_no_alert(both):
    live, _, heard = both
    kept = ("drift_evidence", "risk_evidence", "health")
    before = alerts(live), [document(live, one) for one in kept]
    live.backfill("momentum", START_US)
    assert (alerts(live), [document(live, one) for one in kept]) == before
    assert len(live._systems.storage.find(OUTBOX)) == heard[0]


def test_the_command_says_that_nobody_was_told_and_what_is_open(project, tmp_path, command):
    configured(project, tmp_path)
    project.write(part(history(project), slice(0, 800)))
    command("log", "momentum", "today.csv")
    answer = command("check", "momentum", "--since", "2026-01-01")
    assert "nobody was told; 3 alerts are open, of which the next check tells: `watchkeeper alerts list`" in answer.err
