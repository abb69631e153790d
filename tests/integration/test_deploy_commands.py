"""The commands of `deploy`, with measurements in the store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from typer.testing import CliRunner

import watchkeeper as wk
from watchkeeper.app.rounds import rounds
from watchkeeper.cli.main import app
from watchkeeper.domain.model import Stage
from watchkeeper.domain.spans import Duration
from watchkeeper.domain.table import Table
from watchkeeper.registry.deployments import MetricCheck, canary

CONFIG = """
[project]
name = "desk"

[models.line]
task = "regression"
columns = { time = "t", id = "id", prediction = "p", outcome = "y" }
window = "1h"
metrics = ["rmse"]
drift = []
"""
REFERENCE = Table(
    {
        "t": np.arange(100).astype("datetime64[us]"),
        "id": np.array([f"r{at}" for at in range(100)], dtype=object),
        "p": np.linspace(0.0, 1.0, 100),
        "y": np.linspace(0.0, 1.0, 100),
    }
)


@pytest.fixture
def project(tmp_path: Path) -> str:
    path = tmp_path / "watchkeeper.toml"
    path.write_text(CONFIG, encoding="utf-8")
    with wk.open(path, actor="ada") as watch:
        for slope in (1.0, 2.0):
            model = LinearRegression().fit([[0.0], [1.0]], [0.0, slope])
            watch.registry.promote(watch.registry.register(model, "line", reference=REFERENCE).ref, Stage.STAGING)
            if slope == 1.0:
                watch.registry.promote("line@1.0.0", Stage.PRODUCTION)
    return str(path)


def ran(project: str, *arguments: str) -> Any:
    found = CliRunner().invoke(app, ["deploy", *arguments, "--config", project])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def measure(project: str, rmse: float, version: str = "1.1.0") -> None:
    """A hundred predictions of a version that are off by so much; the other version is always far off."""
    with wk.open(project) as watch:
        for name, error in ((version, rmse), ("1.0.0", 50.0)):
            ids = [f"{name} {rmse} {at}" for at in range(100)]
            watch.log("line", np.empty((100, 0)), np.zeros(100), ids=ids, version=name)
            watch.record_outcomes("line", ids, np.full(100, error))


def started(project: str) -> None:
    ran(
        project,
        "start",
        "line@1.1.0",
        "--weights",
        "0.1",
        "--check",
        "rmse <= 1",
        "--fail",
        "rmse > 2",
        "--pause",
        "1us",
    )


def test_a_canary_without_measurements_waits_for_them(project: str) -> None:
    started(project)
    ran(project, "advance")
    (waiting,) = json.loads(ran(project, "advance", "--json").stdout)
    assert (waiting["pause"], waiting["weight"]) == ("insufficient_traffic", 0.1)
    with wk.open(project) as watch:
        table = watch.registry.deployments.table("line")
        assert {table.decide(f"key {at}") for at in range(200)} == {"line@1.0.0", "line@1.1.0"}


def test_a_canary_with_good_measurements_is_promoted(project: str) -> None:
    with wk.open(project) as watch:
        check = MetricCheck(metric="rmse", success="<= 1", interval_seconds=1e-6)
        watch.registry.deployments.start("line@1.1.0", canary((0.1,), [check], pause_seconds=0.0))
        watch.advance_deployments()
    ran(project, "resume", "line")
    measure(project, 0.5)
    assert "succeeded" in ran(project, "advance").stdout


def test_a_bad_measurement_takes_the_weight_away(project: str) -> None:
    with wk.open(project) as watch:
        check = MetricCheck(metric="rmse", failure="> 2", interval_seconds=1e-6)
        watch.registry.deployments.start("line@1.1.0", canary((0.1,), [check], pause_seconds=0.0))
        watch.advance_deployments()
    ran(project, "resume", "line")
    measure(project, 9.0)
    assert "aborted" in ran(project, "advance").stdout
    assert "rmse is 9: failed" in ran(project, "status", "line").stdout


def test_pause_resume_promote_and_abort(project: str) -> None:
    assert "started by" in ran(project, "start", "line@1.1.0", "--strategy", "blue-green").stderr
    assert "paused" in ran(project, "pause", "line", "-m", "lunch").stderr
    assert "running" in ran(project, "resume", "line").stderr
    assert "line@1.1.0 is in production" in ran(project, "promote", "line").stderr
    ran(project, "abort", "line")
    with wk.open(project) as watch:
        assert watch.registry.get("line@production").ref == "line@1.0.0"


def test_a_deployment_without_a_check_says_that_nothing_is_analysed(project: str) -> None:
    assert "nothing is analysed" in ran(project, "start", "line@1.1.0").stderr
    assert "paused by hand\n" in ran(project, "pause", "line").stderr
    assert "line@1.1.0" in ran(project, "status").stdout
    (listed,) = json.loads(ran(project, "status", "--json").stdout)
    assert listed["candidate"] == "line@1.1.0"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--strategy", "rolling"],
        ["--weights", "some"],
        ["--check", "rmse"],
    ],
)
def test_what_cannot_be_read_is_a_usage_error(project: str, arguments: list[str]) -> None:
    assert ran(project, "start", "line@1.1.0", *arguments).exit_code == 2


def test_the_daily_rounds_advance_deployments(project: str) -> None:
    with wk.open(project) as watch:
        watch.registry.deployments.start("line@1.1.0", canary((0.1,), pause_seconds=0.0))
        list(rounds(watch, Duration.parse("1s"), times=1))
        assert watch.registry.get("line@production").ref == "line@1.1.0"


def test_a_deployment_that_cannot_go_on_is_logged(project: str, caplog: pytest.LogCaptureFixture) -> None:
    with wk.open(project) as watch:
        watch.registry.deployments.start("line@1.1.0", canary((0.1,)))
    roles = '\n[roles.view]\nrole = "viewer"\nwho = ["*"]\n'
    path = Path(project)
    path.write_text(path.read_text(encoding="utf-8") + roles, encoding="utf-8")
    with wk.open(project) as watch:
        (found,) = watch.advance_deployments()
    assert found.weight == 0.0
    assert "deployment line/1 was not advanced" in caplog.text


def test_a_metric_that_is_not_configured_is_an_error_and_no_failure(project: str) -> None:
    with wk.open(project) as watch:
        check = MetricCheck(metric="rmze", success="<= 1", interval_seconds=1e-6, error_limit=0)
        watch.registry.deployments.start("line@1.1.0", canary((0.1,), [check], pause_seconds=0.0))
        (found,) = watch.advance_deployments()
    assert (found.phase, found.pause) == ("paused", "error")
    assert "'rmze' is nothing that is measured of line; there are rmse; did you mean 'rmse'?" in found.reason


def test_only_the_predictions_of_the_version_itself_count(project: str) -> None:
    with wk.open(project) as watch:
        check = MetricCheck(metric="rmse", success="<= 1", interval_seconds=1e-6, min_samples=1)
        watch.registry.deployments.start("line@1.1.0", canary((0.1,), [check], pause_seconds=0.0))
        watch.advance_deployments()
    measure(project, 0.5, version="7.7.7")
    with wk.open(project) as watch:
        (found,) = watch.advance_deployments()
    assert (found.pause, found.reason) == ("insufficient_traffic", "rmse has 0 of 1 rows")


SERVED = """
[project]
name = "desk"

[models.line]
task = "regression"
columns = { time = "t", id = "id", prediction = "p", outcome = "y", error = "failed", features = ["x"] }
window = "1h"
metrics = ["rmse"]
drift = ["ks"]
"""


@pytest.fixture
def serving(tmp_path: Path) -> str:
    """A project whose model has a feature, and says which predictions failed."""
    path = tmp_path / "serving.toml"
    path.write_text(SERVED, encoding="utf-8")
    reference = Table({**REFERENCE.columns, "x": np.linspace(0.0, 1.0, 100), "failed": np.zeros(100)})
    with wk.open(path, actor="ada") as watch:
        for slope in (1.0, 2.0):
            model = LinearRegression().fit([[0.0], [1.0]], [0.0, slope])
            watch.registry.promote(watch.registry.register(model, "line", reference=reference).ref, Stage.STAGING)
            if slope == 1.0:
                watch.registry.promote("line@1.0.0", Stage.PRODUCTION)
    return str(path)


@pytest.mark.parametrize(
    ("measurement", "condition", "told"),
    [
        ("error_rate", "> 0.05", "error_rate is 0.4: failed"),
        ("missing_share{feature=x}", "> 0.1", "missing_share{feature=x} is 0.3: failed"),
        ("ks{feature=x}", "> 0.9", "succeeded"),
        ("samples", "< 50", "succeeded"),
    ],
)
def test_any_measurement_of_the_version_decides(serving: str, measurement: str, condition: str, told: str) -> None:
    with wk.open(serving) as watch:
        check = MetricCheck(metric=measurement, failure=condition, interval_seconds=1e-6, min_samples=50)
        watch.registry.deployments.start("line@1.1.0", canary((0.1,), [check], pause_seconds=0.0))
        (waiting,) = watch.advance_deployments()
        assert waiting.pause == "insufficient_traffic"
    with wk.open(serving) as watch:
        flags, values = np.arange(100) < 40, np.linspace(0.0, 1.0, 100)
        values[:30] = np.nan
        watch.log("line", {"x": values}, np.zeros(100), version="1.1.0", error=flags)
    with wk.open(serving) as watch:
        (found,) = watch.advance_deployments()
    assert found.phase == ("aborted" if told.endswith("failed") else "succeeded")
    assert told in f"{found.events}" or told == "succeeded"


def test_a_measurement_that_there_is_not_is_told_with_those_that_there_are(serving: str) -> None:
    with wk.open(serving) as watch:
        check = MetricCheck(metric="ks{feature=y}", failure="> 1", interval_seconds=1e-6, error_limit=0, min_samples=1)
        watch.registry.deployments.start("line@1.1.0", canary((0.1,), [check], pause_seconds=0.0))
        watch.advance_deployments()
        watch.log("line", {"x": np.linspace(0.0, 1.0, 100)}, np.zeros(100), version="1.1.0", error=np.zeros(100))
    with wk.open(serving) as watch:
        (found,) = watch.advance_deployments()
    assert (found.phase, found.pause) == ("paused", "error")
    assert "'ks{feature=y}' is nothing that is measured of line; there are" in found.reason
    assert "did you mean 'ks{feature=x}'?" in found.reason


def test_what_moves_a_deployment_prints_it_for_a_program(project: str) -> None:
    (begun,) = json.loads(ran(project, "start", "line@1.1.0", "--json").stdout)
    assert (begun["candidate"], begun["phase"]) == ("line@1.1.0", "running")
    phases = [
        json.loads(ran(project, name, "line", "--json").stdout)[0]["phase"] for name in ("pause", "resume", "status")
    ]
    assert phases == ["paused", "running", "running"]
    (over,) = json.loads(ran(project, "abort", "line", "--json").stdout)
    assert (over["phase"], over["weight"]) == ("aborted", 0.0)


def test_a_condition_on_a_measurement_with_labels_is_read(serving: str) -> None:
    condition = "missing_share{feature=x} <= 0.1"
    ran(serving, "start", "line@1.1.0", "--check", condition, "--fail", "error_rate>0.05", "--pause", "1us")
    with wk.open(serving) as watch:
        plan = watch.registry.deployments.status("line").plan
    checks = next(step.checks for step in plan.steps if step.checks)
    assert [(one.metric, one.success, one.failure) for one in checks] == [
        ("missing_share{feature=x}", "<= 0.1", None),
        ("error_rate", None, ">0.05"),
    ]
