"""Alarms as a user meets them: a project, rows as they come, `check` whenever."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import watchkeeper as wk
from watchkeeper.app.mistakes import checked_whole
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.verdict import Status
from watchkeeper.plugins import Plugins

HOUR_US = 3_600_000_000
ROWS = 40
DAYS = 8
START = 24 * 365 * HOUR_US
CONFIG = """
[project]
name = "desk"
storage = "sqlite:///watch"

[models.momentum]
task = "regression"
reference = "reference.csv"
columns = { time = "ts", id = "id", prediction = "p", outcome = "y", features = ["x", "z"] }
window = "1h"
metrics = ["mae"]
drift = DRIFT
TOLERANCE
"""


def rows(first: int, last: int, *, shift: float = 0.0, noise: float = 1.0) -> dict[str, np.ndarray]:
    """Hours first to last since `START`."""
    rng = np.random.default_rng([first, last])
    count = (last - first) * ROWS
    times = START + first * HOUR_US + np.arange(count) * (HOUR_US // ROWS)
    x, z = rng.normal(shift, 1.0, count), rng.normal(size=count)
    return {"ts": times, "x": x, "z": z, "p": z, "y": z + rng.normal(scale=noise, size=count)}


def written(path, columns: dict[str, np.ndarray]) -> None:
    stamps = columns["ts"].astype("datetime64[us]").astype(str)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(stamps, *(columns[name].tolist() for name in list(columns)[1:]), strict=True))


@pytest.fixture
def project(tmp_path):
    written(tmp_path / "reference.csv", rows(0, DAYS * 24))
    path = tmp_path / "watchkeeper.toml"
    path.write_text(CONFIG.replace("DRIFT", '["ks"]').replace("TOLERANCE", ""), encoding="utf-8")
    return path


def live(watch, clock, first: int, last: int, **change: float) -> None:
    columns = rows(first, last, **change)
    ids = [f"{first}-{row}" for row in range(len(columns["ts"]))]
    clock.time_us = int(columns["ts"][-1]) + 1
    watch.log("momentum", np.column_stack((columns["x"], columns["z"])), columns["p"], ids=ids, times_us=columns["ts"])
    watch.record_outcomes("momentum", ids, columns["y"], times_us=columns["ts"] + 1000)


def sentences(result, subject: str) -> list[str]:
    return [finding.sentence for finding in result.verdict.findings if finding.subject == subject]


class Clock:
    time_us = 0

    def now_us(self) -> int:
        return self.time_us


def test_a_drift_is_told_with_its_beginning_by_every_later_check(project):
    clock = Clock()
    day = DAYS * 24
    with wk.open(project, clock=clock) as watch:
        live(watch, clock, day, day + 24)
        calm = watch.check("momentum")
        assert calm.status is Status.OK, calm.verdict.sentence
        live(watch, clock, day + 24, day + 48, shift=1.0)
        first = watch.check("momentum")
        again = watch.check("momentum")
    told = [sentence for sentence in sentences(first, "x") if "drifted" in sentence]
    assert len(told) == 1
    assert "drifted since 1971-01-10" in told[0]
    assert "its mean is higher by" in told[0]
    assert sentences(again, "x") == sentences(first, "x")
    assert first.measurement("drift_share").value.number == 0.5
    assert first.measurement("drift_evidence", feature="x").value.number > 1.0
    with wk.open(project, clock=clock) as watch:
        live(watch, clock, day + 48, day + 50, shift=1.0)
        assert any("since 1971-01-10" in sentence for sentence in sentences(watch.check("momentum"), "x"))
        past = watch.check("momentum", until_us=START + (day + 20) * HOUR_US)
        assert not any("drifted" in sentence for sentence in sentences(past, "x"))


def evidence_of(result) -> dict[str, float | None]:
    names = {"drift_evidence", "risk_evidence"}
    return {one.title: one.value.number for one in result.measurements if one.name in names}


def test_a_look_at_the_past_tells_the_evidence_of_then_or_that_nobody_kept_it(project):
    """What drifted and cost more since says nothing of that day: not in measurements, not in findings, not to rules."""
    rule = '[rules.nearly]\nwhen = "drift_evidence > 0.5 or risk_evidence > 0.5"\n'
    project.write_text(project.read_text(encoding="utf-8") + rule, encoding="utf-8")
    clock, day = Clock(), DAYS * 24
    with wk.open(project, clock=clock) as watch:
        live(watch, clock, day, day + 12)
        then = watch.check("momentum")
        live(watch, clock, day + 12, day + 48, shift=1.0, noise=2.0)
        now = watch.check("momentum")
        past = watch.check("momentum", until_us=then.window.end_us)
        between = watch.check("momentum", until_us=START + (day + 18) * HOUR_US)
        watch.backfill("momentum", START + (day + 12) * HOUR_US)
        filled = watch.check("momentum", until_us=START + (day + 18) * HOUR_US)
    assert evidence_of(now)["risk_evidence"] > 1.0
    assert evidence_of(now)["drift_evidence{feature=x}"] > 1.0
    assert evidence_of(past) == evidence_of(then)
    assert max(evidence_of(then).values()) < 0.5
    assert not sentences(past, "nearly")
    (told,) = [one for one in past.verdict.findings if one.subject == "performance"]
    assert told.measurements == (past.measurement("risk_evidence"),)
    assert past.measurement("risk_evidence").details["open"] == 0.0
    assert set(evidence_of(between).values()) == {None}
    assert between.measurement("risk_evidence").value.reason == (
        "evidence has been gathered since, and no check that ended by 1971-01-09 18:00:00 kept what it was then; "
        "`check --since` measures it"
    )
    assert min(evidence_of(filled)[name] for name in ("risk_evidence", "drift_evidence{feature=x}")) > 1.0


def test_a_short_reference_is_told_once_by_a_check_and_by_the_check_of_the_configuration(project, monkeypatch):
    written(project.parent / "reference.csv", rows(0, 10))
    monkeypatch.chdir(project.parent)
    clock = Clock()
    with wk.open(project, clock=clock) as watch:
        live(watch, clock, 10, 11)
        result = watch.check("momentum")
    (told,) = sentences(result, "false alarms")
    assert told.startswith("the budget of false alarms is promised from 100 blocks of reference on")
    assert "; this one has 50: " in told
    _, doubts = checked_whole("watchkeeper.toml", Plugins(), {})
    assert [doubt.partition("reference.csv: ")[2] for doubt in doubts] == [told]


def test_performance_that_fell_is_told_with_its_beginning(project):
    clock = Clock()
    day = DAYS * 24
    with wk.open(project, clock=clock) as watch:
        live(watch, clock, day, day + 24)
        calm = watch.check("momentum")
        live(watch, clock, day + 24, day + 48, noise=2.0)
        worse = watch.check("momentum")
    assert any("has not risen above the reference's" in sentence for sentence in sentences(calm, "performance"))
    (told,) = sentences(worse, "performance")
    assert told.startswith("performance fell since 1971-01-")
    assert "mean squared error" in told
    assert worse.measurement("risk_evidence").value.number > 1.0


def test_open_alarms_are_told_of_windows_with_fewer_rows_than_can_be_judged(project):
    clock, day = Clock(), DAYS * 24
    project.write_text(project.read_text(encoding="utf-8") + f"min_rows = {2 * ROWS}\n", encoding="utf-8")
    with wk.open(project, clock=clock) as watch:
        live(watch, clock, day, day + 48, shift=1.0, noise=2.0)
        result = watch.check("momentum")
    assert any("at least 80 are needed" in sentence for sentence in sentences(result, "samples"))
    assert any("drifted since" in sentence for sentence in sentences(result, "x"))
    assert any(sentence.startswith("performance fell since") for sentence in sentences(result, "performance"))


def test_a_file_of_fewer_rows_than_can_be_judged_raises_no_alarm_by_them_alone(project):
    project.write_text(project.read_text(encoding="utf-8") + f"min_rows = {2 * ROWS}\n", encoding="utf-8")
    far = rows(5000, 5001, shift=9.0, noise=9.0)
    with wk.open(project) as watch:
        result = watch.check("momentum", {**far, "ts": far["ts"].astype("datetime64[us]")})
    told = sentences(result, "x") + sentences(result, "performance")
    assert not [sentence for sentence in told if "drifted" in sentence or "fell" in sentence]


def test_a_file_is_judged_by_its_own_rows(project, tmp_path):
    with wk.open(project) as watch:
        written(tmp_path / "calm.csv", rows(5000, 5004))
        written(tmp_path / "far.csv", rows(5000, 5004, shift=1.0, noise=3.0))
        from watchkeeper.data.files import read_table

        calm = watch.check("momentum", read_table(tmp_path / "calm.csv"))
        far = watch.check("momentum", read_table(tmp_path / "far.csv"))
    assert calm.status is Status.OK, calm.verdict.sentence
    assert any("drifted: its mean is higher by" in sentence for sentence in sentences(far, "x"))
    assert sentences(far, "performance")[0].startswith("performance fell: mean squared error")


def test_the_tolerance_is_the_users(project):
    text = CONFIG.replace("DRIFT", '["ks"]').replace("TOLERANCE", "tolerance = 2.0")
    project.write_text(text, encoding="utf-8")
    clock = Clock()
    day = DAYS * 24
    with wk.open(project, clock=clock) as watch:
        live(watch, clock, day, day + 48, shift=1.0)
        assert watch.check("momentum").status is Status.OK


def test_a_detector_of_streams_is_no_detector_of_windows(project):
    from watchkeeper.plugins import Plugins

    if "adwin" not in {row.name for row in Plugins().rows()}:
        pytest.skip("the installed entry points are older than this checkout")
    project.write_text(CONFIG.replace("DRIFT", '["adwin"]').replace("TOLERANCE", ""), encoding="utf-8")
    with wk.open(project) as watch, pytest.raises(ConfigError, match="watches streams of values, not windows"):
        watch.check("momentum")
