"""A project's life from Python and from the command line: log, check, alert, weigh, explain."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import watchkeeper as wk
from watchkeeper.app import open_project
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000  # 2026-01-05
ENSEMBLE = """
[models.second]
task = "classification"
reference = "reference.csv"
columns = { time = "ts", id = "id", prediction = "p", outcome = "y", features = ["ret1", "vol10"] }
window = "100 rows"
metrics = ["brier"]
drift = []

[ensembles.pair]
members = ["momentum", "second"]
strategy = "inverse_loss"
"""


@pytest.fixture
def clock():
    return FakeClock(START_US + 5000 * MINUTE_US)


@pytest.fixture
def watch(project, clock):
    project.configure(project.config.replace('features = ["ret1", "vol10", "venue"]', 'features = ["ret1", "vol10"]'))
    with open_project("watchkeeper.toml", clock=clock, actor="ada") as opened:
        yield opened


def live(watch, clock, model="momentum", *, rows=100, skill=1.0, seed=0, shift=0.0):
    """Log `rows` predictions, a minute apart, and their outcomes; negative skill is worse than chance."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    probability = 1.0 / (1.0 + np.exp(-signal))
    outcome = (rng.random(rows) < 1.0 / (1.0 + np.exp(-skill * signal))).astype(np.float64)
    features = np.column_stack([rng.normal(shift, 1.0, rows), np.exp(rng.normal(size=rows))])
    times = clock.now_us() + MINUTE_US * np.arange(rows, dtype=np.int64)
    ids = watch.log(model, features, probability, times_us=times)
    watch.record_outcomes(model, ids, outcome, times_us=times)
    clock.advance(rows * 60.0)
    return ids


def states(result):
    return [(alert.rule, alert.state.value) for alert in result.alerts]


def test_what_is_logged_is_what_is_checked(watch, clock):
    live(watch, clock)
    result = watch.check("momentum")
    assert result.measurement("samples").value.number == 100
    assert result.measurement("labelled").value.number == 100
    assert result.measurement("roc_auc").value.number > 0.6
    assert result.window.source == "store"


def test_an_alert_fires_is_told_once_and_ends(watch, clock, capsys):
    live(watch, clock, skill=-3.0)
    assert states(watch.check("momentum")) == [("accuracy-fell", "firing")]
    assert watch.check("momentum").status is wk.Status.ALERT
    assert states(watch.check("momentum")) == []
    assert len(watch.deliver().delivered) == 1
    assert watch.deliver().delivered == ()
    assert capsys.readouterr().err.count("CRITICAL accuracy-fell") == 1
    live(watch, clock, skill=3.0, seed=1)
    assert states(watch.check("momentum")) == [("accuracy-fell", "resolved")]
    watch.deliver()
    assert "RESOLVED accuracy-fell" in capsys.readouterr().err


def test_outcomes_that_come_later_complete_the_picture(watch, clock):
    times = clock.now_us() + MINUTE_US * np.arange(100, dtype=np.int64)
    ids = watch.log("momentum", np.ones((100, 2)), np.full(100, 0.7), times_us=times)
    early = watch.check("momentum")
    assert early.status is wk.Status.UNKNOWN
    assert early.measurement("accuracy").value.number is None
    watch.record_outcomes("momentum", ids, np.ones(100))
    assert watch.check("momentum").measurement("accuracy").value.number == 1.0


def test_measurements_are_kept(watch, clock):
    live(watch, clock)
    watch.check("momentum")
    watch.check("momentum")
    assert len(watch.measurements("momentum", "accuracy")) == 2


def test_one_broken_model_leaves_the_others(project, clock):
    project.configure(project.config + ENSEMBLE.replace('"reference.csv"', '"gone.csv"'))
    with open_project("watchkeeper.toml", clock=clock) as watch:
        rows = project.rows()
        watch.log_table("momentum", rows)
        results = watch.check_all()
    assert results["second"].status is wk.Status.UNKNOWN
    assert "gone.csv" in results["second"].verdict.sentence
    assert results["momentum"].measurement("samples").value.number == 100


def test_the_better_member_gets_more_weight(project, clock):
    project.configure(project.config.replace(', "venue"', "") + ENSEMBLE)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        rng = np.random.default_rng(0)
        truth = rng.integers(0, 2, 100).astype(np.float64)
        ids = [f"row{at}" for at in range(100)]
        for model, noise in (("momentum", 0.05), ("second", 0.45)):
            said = np.clip(np.abs(truth - noise), 0.0, 1.0)
            watch.log(model, rng.normal(size=(100, 2)), said, ids=ids)
            watch.record_outcomes(model, ids, truth)
        weights = watch.reweigh("pair")
        assert weights.shares["momentum"] > 0.8
        assert watch.ensembles.weights("pair") == weights


def test_members_that_share_no_outcome_cannot_be_weighed(project, clock):
    project.configure(project.config.replace(', "venue"', "") + ENSEMBLE)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        for model in ("momentum", "second"):
            watch.log(model, np.ones((3, 2)), np.full(3, 0.5))
        with pytest.raises(wk.WatchkeeperError, match="no outcome has arrived for any member of ensemble 'pair'"):
            watch.reweigh("pair")
        with pytest.raises(wk.WatchkeeperError, match=r"no ensemble 'pear'.*did you mean 'pair'"):
            watch.reweigh("pear")


def test_a_registered_version_is_explained(watch, clock):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 2))
    model = LogisticRegression().fit(features, features[:, 0] > 0)
    version = watch.registry.register(model, "momentum", features=("ret1", "vol10"))
    watch.registry.promote(version.ref, wk.Stage.STAGING)
    live(watch, clock)
    found = watch.explain("momentum")
    assert next(iter(found.importance)) == "ret1"
    assert found.fidelity.number is not None


def test_an_explanation_without_a_version_says_so(watch, clock):
    live(watch, clock)
    with pytest.raises(wk.WatchkeeperError, match="momentum"):
        watch.explain("momentum")


def test_two_projects_in_one_process_do_not_see_each_other(project, clock, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for name in ("watchkeeper.toml", "reference.csv"):
        (other / name).write_bytes((project / name).read_bytes())
    with open_project("watchkeeper.toml", clock=clock) as here, open_project(other / "watchkeeper.toml") as there:
        here.log_table("momentum", project.rows())
        with pytest.raises(wk.WatchkeeperError, match="no predictions of model 'momentum'"):
            there.check("momentum")


def test_closing_twice_is_once(project):
    watch = wk.open("watchkeeper.toml")
    watch.close()
    watch.close()


def test_rows_that_were_logged_twice_are_told(project, command):
    project.today()
    command("log", "momentum", "today.csv")
    told = "repeat the id of another: were they logged twice?"
    assert told not in command("check", "momentum", "--verbose").out
    command("log", "momentum", "today.csv", "--again")
    found = json.loads(command("check", "momentum", "--until", "2026-02-01", "--json").out)[0]
    assert found["status"] == "WARN"
    assert any(one["sentence"].startswith(f"50 of 100 rows {told}") for one in found["findings"])


def test_a_first_configuration_watches_no_column_that_names_the_rows(project, command):
    begin = ("init", "reference.csv", "--time", "ts", "--prediction", "p", "--outcome", "y")
    answer = command(*begin, "--config", "new.toml")
    assert answer.code == 0
    assert "column 'id' is no feature, as it names the rows; --id id joins predictions to outcomes by it" in answer.err
    with wk.open("new.toml") as watch:
        assert watch.config.models["model"].columns.features == ("ret1", "vol10", "venue")
    assert command(*begin, "--id", "id", "--config", "newer.toml").err.startswith("wrote newer.toml; next: ")


def test_log_and_outcomes_by_command(project, command):
    table = project.rows()
    outcomes = {"id": table["id"], "y": table.pop("y")}
    project.write(table)
    assert command("log", "momentum", "today.csv").err == "100 predictions of momentum are stored\n"
    project.write(outcomes)
    assert command("outcomes", "momentum", "today.csv").err == "100 outcomes of momentum are stored\n"
    answer = command("check", "momentum", "--json")
    found = json.loads(answer.out)[0]
    assert next(one["value"] for one in found["measurements"] if one["name"] == "labelled") == 100


def test_a_file_of_corrected_outcomes_counts_whatever_times_its_rows_have(project, command):
    table = project.rows()
    right = {name: table[name] for name in ("ts", "id", "y")}
    wrong = {"id": table["id"], "y": [1 - truth for truth in table.pop("y")]}
    project.write(table)
    command("log", "momentum", "today.csv")
    answers = []
    for outcomes in (wrong, right):  # the first are stamped with the clock, which is far from the rows' own times
        project.write(outcomes)
        command("outcomes", "momentum", "today.csv")
        found = json.loads(command("check", "momentum", "--json").out)[0]["measurements"]
        answers.append(next(one["value"] for one in found if one["name"] == "accuracy"))
    assert answers[0] < 0.5
    assert answers[1] == pytest.approx(1.0 - answers[0])


def test_history_report_run_and_doctor_by_command(project, command):
    assert command("status").code == 5
    project.today()
    command("log", "momentum", "today.csv")
    rounds = command("run", "--every", "1s", "--times", "1")
    assert rounds.code == 0
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ momentum: ", rounds.out)
    standing = json.loads(command("status", "--json").out)[0]
    assert standing["model"] == "momentum"
    assert "accuracy" in standing["metrics"]
    assert "momentum" in command("status").out
    assert "accuracy" in command("history", "momentum", "accuracy").out
    assert json.loads(command("history", "momentum", "accuracy", "--json").out)[0]["name"] == "accuracy"
    assert "wrote page.html" in command("report", "momentum", "-o", "page.html").err
    assert (project / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    doctor = command("doctor", "--json")
    assert doctor.code == 0, doctor.out
    (project / "reference.csv").unlink()
    assert command("doctor").code == 1


def test_init_writes_a_configuration_that_works(project, command):
    (project / "watchkeeper.toml").unlink()
    wrong = command("init", "reference.csv", "--prediction", "pp", "--time", "ts")
    assert wrong.code == 4
    assert "did you mean 'p'?" in wrong.err
    answer = command(
        "init",
        "reference.csv",
        "--prediction",
        "p",
        "--time",
        "ts",
        "--outcome",
        "y",
        "--id",
        "id",
        "--model",
        "momentum",
    )
    assert answer.code == 0, answer.err
    project.today()
    assert command("config", "check").code == 0
    assert command("check", "momentum", "--data", "today.csv").code == 0
    again = command("init", "reference.csv", "--prediction", "p", "--time", "ts")
    assert again.code == 2
    assert "watchkeeper.toml exists already" in again.err


def test_an_alert_is_listed_acknowledged_and_delivered_by_command(project, command):
    table = project.rows()
    table["y"] = [1 - int(one > 0.5) for one in table["p"]]
    project.write(table)
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 1
    assert "accuracy-fell" in answer.err
    alert = json.loads(command("alerts", "list", "--json").out)[0]
    assert alert["state"] == "firing"
    assert command("alerts", "acknowledge", alert["fingerprint"][:8], "-m", "on it").code == 0
    assert json.loads(command("alerts", "list", "--state", "acknowledged", "--json").out)[0]["rule"] == "accuracy-fell"
    assert command("alerts", "resolve", "zzz").code == 2
    assert command("alerts", "deliver").code == 0
    assert command("alerts", "list", "--state", "nonsense").code == 2


def test_models_and_audit_by_command(project, command):
    with wk.open("watchkeeper.toml") as watch:
        model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        watch.registry.register(model, "momentum", metrics={"brier": 0.2})
    assert json.loads(command("models", "list", "--json").out)[0]["ref"] == "momentum@1.0.0"
    assert command("models", "promote", "momentum@1.0.0", "staging").code == 0
    assert "is none of" in command("models", "promote", "momentum@1.0.0", "prod").err
    assert json.loads(command("models", "show", "momentum@staging", "--json").out)["stage"] == "staging"
    assert command("models", "verify").code == 0
    assert len(json.loads(command("audit", "show", "--json").out)) == 2
    assert "2 entries, the chain is whole" in command("audit", "verify").err


def test_the_version_that_answered_is_told(watch, clock):
    times = clock.now_us() + MINUTE_US * np.arange(40, dtype=np.int64)
    watch.log("momentum", np.ones((40, 2)), np.full(40, 0.7), times_us=times, version="1.4.0")
    assert watch.check("momentum").version == "1.4.0"


def test_with_a_journal_nothing_is_left_behind_after_closing(project, clock):
    project.configure(project.config.replace('name = "desk"', 'name = "desk"\njournal = true').replace(', "venue"', ""))
    with open_project("watchkeeper.toml", clock=clock) as watch:
        live(watch, clock)
        assert any((project / "journal").iterdir())
    with open_project("watchkeeper.toml", clock=clock) as watch:
        assert watch.check("momentum").measurement("samples").value.number == 100


def test_segments_are_stored_with_the_predictions(project, clock):
    project.configure(project.config.replace(', "venue"]', '], segments = ["venue"]'))
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log_table("momentum", project.rows())
        stored = watch.check("momentum")
        from_frame = watch.check("momentum", project.rows())
    for result in (stored, from_frame):
        parts = [result.measurement("accuracy", segment=f"venue={name}").value.samples for name in ("NYSE", "LSE")]
        assert sum(parts) == 100
        assert min(parts) > 30
        assert result.measurement("ks", feature="venue") is None


def test_the_store_lets_go_what_the_configuration_says(project, clock):
    project.configure(project.config.replace("[rules", "[retention]\nkeep_days = { predictions = 1 }\n\n[rules", 1))
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", project.rows())  # of January 2026: older than a day for the system's clock
    with open_project("watchkeeper.toml") as watch:
        assert watch.tidy(5.0) == ()
        with pytest.raises(wk.WatchkeeperError, match="no predictions"):
            watch.check("momentum")


def test_a_mistake_in_a_lifetime_names_its_line(project, command):
    project.configure(project.config + "\n[retention]\nkeep_days = { predictions = -1 }\n")
    answer = command("config", "check")
    assert answer.code == 3
    assert "retention.keep_days.predictions" in answer.err
