"""How a model stands: by thresholds that remember, across restarts, and each model by itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from watchkeeper import Status
from watchkeeper.app import open_project
from watchkeeper.contracts.storage import Put
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.health import Health, Thresholds, Worse
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.health import HEALTH, health_findings, judged
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000 + 5000 * MINUTE_US
HEALTH_OF = """
[models.momentum.health]
accuracy = {{ warn = 0.8, alert = 0.6, recover = 0.9, cooldown = "{cooldown}" }}
"""
EDGES = {"accuracy": Thresholds(Worse.LOWER, warn=0.8, alert=0.6, recover=0.9)}


@pytest.fixture
def clock():
    return FakeClock(START_US)


def configured(project, cooldown="1s"):
    project.configure(project.config.replace(', "venue"', "") + HEALTH_OF.format(cooldown=cooldown))


def live(watch, clock, accuracy):
    """A hundred rows of which so large a share is predicted right, then a check."""
    truth = np.tile([0.0, 1.0], 50)
    said = np.where(np.arange(100) < round(100 * accuracy), truth, 1.0 - truth) * 0.8 + 0.1
    times = clock.now_us() + MINUTE_US * np.arange(100, dtype=np.int64)
    ids = watch.log("momentum", np.random.default_rng(0).normal(size=(100, 2)), said, times_us=times)
    watch.record_outcomes("momentum", ids, truth, times_us=times)
    clock.advance(6000.0)
    return watch.check("momentum")


def health(result):
    return next(one for one in result.verdict.findings if one.subject == "health of accuracy")


def accuracy(number, reason="no row has an outcome"):
    value = Value.undefined(reason) if number is None else Value.of(number)
    return [Measurement("accuracy", value, "spx", None, Window(0, 1))]


def test_a_threshold_makes_a_model_warn_and_a_recovery_ends_it(project, clock):
    configured(project)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        assert health(live(watch, clock, 0.75)).sentence.startswith("accuracy 0.75 is below 0.8 (WARN since 2026-01-08")
        still = health(live(watch, clock, 0.85))
        assert still.status is Status.WARN
        assert "accuracy 0.85 was below 0.8" in still.sentence
        assert "OK again from 0.9 on" in still.sentence
        well = live(watch, clock, 0.95)
        assert "accuracy 0.95 is well" in [one.sentence for one in well.verdict.findings]


def test_health_survives_a_restart(project, clock):
    configured(project, cooldown="1d")
    with open_project("watchkeeper.toml", clock=clock) as watch:
        assert health(live(watch, clock, 0.55)).status is Status.ALERT
    with open_project("watchkeeper.toml", clock=clock) as watch:
        again = health(live(watch, clock, 1.0))
        assert again.status is Status.ALERT
        assert "after 1440 minutes without" in again.sentence
        assert watch.standings()[0].status is Status.ALERT


def test_a_look_at_the_past_remembers_nothing(project, clock):
    configured(project)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        live(watch, clock, 0.75)
        before = watch._systems.storage.get(HEALTH, "momentum").revision
        found = watch.check("momentum", until_us=START_US + 100 * MINUTE_US)
        assert health(found).status is Status.WARN
        assert watch._systems.storage.get(HEALTH, "momentum").revision == before


def test_status_shows_since_when(project, clock, command):
    configured(project)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        live(watch, clock, 0.55)
        first = watch.standings()[0]
        live(watch, clock, 0.5)
        assert watch.standings()[0].since_us == first.since_us < watch.standings()[0].checked_us
    shown = json.loads(command("status", "--json").out)
    assert (shown[0]["status"], shown[0]["since_us"]) == ("ALERT", first.since_us)
    assert "2026-01-08" in command("status").out


DIRECTIONS = {
    "brier": "HIGHER",
    "estimated_accuracy": "LOWER",
    "drift_share": "HIGHER",
    "ks{feature=a}": "HIGHER",
    "samples": "LOWER",
}


@pytest.mark.parametrize(("name", "worse"), DIRECTIONS.items(), ids=DIRECTIONS)
def test_the_direction_of_what_is_known_need_not_be_told(project, clock, name, worse):
    project.configure(project.config + f'[models.momentum.health]\n"{name}" = {{ warn = 0.5 }}\n')
    with open_project("watchkeeper.toml", clock=clock) as watch:
        assert watch._systems.models.watched("momentum").health[name].worse.name == worse


def test_what_was_not_measured_is_unknown_and_names_the_nearest():
    _, (finding,) = judged({"acuracy": EDGES["accuracy"]}, accuracy(0.9), {}, 0)
    assert finding.status is Status.UNKNOWN
    assert finding.sentence == (
        "health UNKNOWN, not OK: nothing called 'acuracy' was measured; did you mean 'accuracy'?"
    )


def test_an_undefined_value_leaves_an_alert_and_says_so():
    before = {"accuracy": Health(Status.ALERT, 0, 0)}
    after, (finding,) = judged(EDGES, accuracy(None), before, 5)
    assert finding.status is Status.ALERT
    assert finding.sentence == (
        "health UNKNOWN, not OK: accuracy is undefined: no row has an outcome; before it was ALERT, since 1970-01-01"
    )
    assert after == before


def test_two_processes_that_check_at_once_lose_nothing():
    class Slow(MemoryStorage):
        def commit(self, operations, *args, **more):
            if not self.was_overtaken:
                self.was_overtaken = True
                super().commit([Put(HEALTH, "spx", {"accuracy": {"status": "ALERT", "since_us": 1, "bad_us": 1}})])
                raise Conflict("somebody was faster")
            return super().commit(operations, *args, **more)

    storage = Slow()
    storage.was_overtaken = False
    (finding,) = health_findings(storage, "spx", EDGES, accuracy(0.75), 5)
    assert finding.status is Status.WARN
    assert storage.get(HEALTH, "spx").value["accuracy"]["since_us"] == 5


def test_a_model_that_cannot_be_checked_stands_as_unknown(project, clock):
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.check_all()
        (standing,) = watch.standings()
    assert standing.status is Status.UNKNOWN
    assert "the store has no predictions of model 'momentum'" in standing.sentence


def test_rules_hear_that_there_is_no_data(project, clock):
    project.configure(project.config.replace('severity = "critical"', 'severity = "critical"\nno_data = "alert"'))
    with open_project("watchkeeper.toml", clock=clock) as watch:
        (result,) = watch.check_all().values()
        assert [alert.rule for alert in result.alerts] == ["accuracy-fell"]


def test_an_unforeseen_error_is_one_models_own(project, clock, monkeypatch):
    second = project.config.split("[models.momentum]")[1].split("[rules")[0]
    project.configure(project.config + f"\n[models.second]{second}")
    with open_project("watchkeeper.toml", clock=clock) as watch:
        for model in watch.models:
            watch.log_table(model, project.rows())
        watched = watch._systems.models.watched("momentum")
        monkeypatch.setattr(type(watched), "check", _breaks_for("momentum", type(watched).check))
        results = watch.check_all()
    assert results["momentum"].status is Status.UNKNOWN
    assert "could not be checked: ZeroDivisionError: one over nothing" in results["momentum"].verdict.sentence
    assert results["second"].measurement("samples").value.number == 100


def _breaks_for(model, check):
    def checked(self, *args, **more):
        if self.name == model:
            raise ZeroDivisionError("one over nothing")
        return check(self, *args, **more)

    return checked
