"""A check is about what answered: a shadow's predictions neither displace nor mix with those of production."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score

from watchkeeper.app import open_project
from watchkeeper.contracts.storage import Namespace
from watchkeeper.domain.errors import NothingToCheck, UsageError
from watchkeeper.domain.model import Stage
from watchkeeper.registry.deployments import MetricCheck, canary, shadow
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
START_US = 1_767_571_200_000_000 + 3000 * MINUTE_US
END_US = START_US + 100 * MINUTE_US


@pytest.fixture
def watch(project):
    project.configure(project.config.replace(', "venue"', ""))
    with open_project("watchkeeper.toml", clock=FakeClock(START_US - HOUR_US)) as opened:
        yield opened


def registered(watch, *stages):
    """Versions 1.0.0, 2.0.0 and so on at these stages."""
    model = LinearRegression().fit([[0.0, 0.0], [1.0, 1.0]], [0.0, 1.0])
    for stage in stages:
        version = watch.registry.register(model, "momentum")
        for step in [Stage.STAGING, Stage.PRODUCTION][: {None: 0, Stage.STAGING: 1}.get(stage, 2)]:
            watch.registry.promote(version.ref, step)
    return [f"{version.number}" for version in reversed(watch.registry.versions("momentum"))]


def said(seed, rows=100):
    rng = np.random.default_rng(seed)
    truth = (np.random.default_rng(7).random(rows) < 0.5).astype(np.float64)
    return np.where(rng.random(rows) < 0.8, truth, 1.0 - truth) * 0.6 + 0.2, truth


def log(watch, version, predictions, *, start_us=START_US, name="r", shift=0.0):
    rows = len(predictions)
    features = np.random.default_rng(11).normal(size=(rows, 2)) + shift
    features[:, 1] = np.exp(features[:, 1])
    times = start_us + MINUTE_US * np.arange(rows, dtype=np.int64)
    ids = [f"{name}{at}" for at in range(rows)]
    watch.log("momentum", features, predictions, ids=ids, times_us=times, version=version)
    return ids, times


def both(watch, production, other):
    """Both predict a hundred rows, the other one a little later and far off; outcomes are known."""
    one, truth = said(1)
    two, _ = said(2)
    ids, times = log(watch, production, one)
    log(watch, other, 1.0 - two, start_us=START_US + 1, shift=5.0)
    watch.record_outcomes("momentum", ids, truth, times_us=times + 2)
    watch._systems.clock.advance((END_US - watch.now_us()) / 1e6)
    return one, 1.0 - two, truth


def number(result, name):
    return result.measurement(name).value.number


def told(result):
    return [one.sentence for one in result.verdict.findings if one.subject == "versions"]


def test_a_shadow_neither_displaces_nor_mixes_with_production(watch):
    production, other = registered(watch, Stage.PRODUCTION, Stage.STAGING)
    one, _, truth = both(watch, production, other)
    result = watch.check("momentum")
    assert number(result, "samples") == 100
    assert number(result, "accuracy") == pytest.approx(accuracy_score(truth, one >= 0.5))
    assert number(result, "drift_share") == 0.0
    assert result.version == production
    (sentence,) = told(result)
    assert sentence == (
        f"the rows are answers of {production} (in production); 99 predictions of {other}, which did not answer, "
        f"left out: see `check momentum --version {other}`"
    )


def test_the_evidence_of_alarms_is_what_it_is_without_a_shadow(watch, project, tmp_path):
    production, other = registered(watch, Stage.PRODUCTION, Stage.STAGING)
    both(watch, production, other)
    watch.check("momentum")
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(tmp_path / "watchkeeper.toml", alone)
    shutil.copy(tmp_path / "reference.csv", alone)
    with open_project(alone / "watchkeeper.toml", clock=FakeClock(END_US)) as other_watch:
        predicted, truth = said(1)
        ids, times = log(other_watch, production, predicted)
        other_watch.record_outcomes("momentum", ids, truth, times_us=times + 2)
        other_watch.check("momentum")
        assert evidence(watch, "drift")["blocks"] > 0
        assert evidence(watch, "drift") == evidence(other_watch, "drift")
        assert evidence(watch, "risk") == evidence(other_watch, "risk")


def evidence(watch, what):
    return watch._systems.storage.get(Namespace(f"{what}_evidence"), "momentum").value


def test_one_version_is_looked_at_alone_and_nothing_is_kept(watch):
    production, other = registered(watch, Stage.PRODUCTION, Stage.STAGING)
    _, two, truth = both(watch, production, other)
    for name in (other, f"v{other}", "staging"):
        result = watch.check("momentum", version=name)
        assert number(result, "accuracy") == pytest.approx(accuracy_score(truth, two >= 0.5))
        assert number(result, "drift_share") > 0.0
    assert watch.measurements("momentum") == []
    with pytest.raises(UsageError, match="a check of one version is a look"):
        watch.check("momentum", version=other, act=True)


def test_without_a_version_in_production_all_rows_count_and_rows_answered_twice_are_told(watch):
    one, two, _ = both(watch, "1.2", "1.3")
    result = watch.check("momentum")
    assert number(result, "samples") == 100  # the last hundred rows of both
    assert any("were answered by several of the versions" in sentence for sentence in told(result))
    del one, two


def test_a_version_that_nobody_registered_and_rows_without_one_count(watch):
    registered(watch, Stage.PRODUCTION)
    log(watch, "nightly", said(1, 60)[0])
    log(watch, None, said(2, 40)[0], start_us=START_US + HOUR_US, name="s")
    watch._systems.clock.advance((END_US - watch.now_us()) / 1e6)
    result = watch.check("momentum")
    assert number(result, "samples") == 100
    assert told(result) == ["the rows are answers of nightly (not registered)"]


def test_both_arms_of_a_canary_count_and_a_shadow_deployment_does_not(watch):
    production, other = registered(watch, Stage.PRODUCTION, Stage.STAGING)
    deployments = watch.registry.deployments
    deployments.start(f"momentum@{other}", canary((0.5,)))
    log(watch, production, said(1, 50)[0])
    log(watch, other, said(2, 50)[0], name="s")
    watch._systems.clock.advance((END_US - watch.now_us()) / 1e6)
    assert number(watch.check("momentum"), "samples") == 100
    assert f"{other} (with a part of the requests)" in told(watch.check("momentum"))[0]
    deployments.abort("momentum")
    deployments.start(f"momentum@{other}", shadow([MetricCheck(metric="brier", failure="> 1")]))
    log(watch, other, said(3, 50)[0], start_us=END_US + 1, name="t")
    watch._systems.clock.advance(3600)
    result = watch.check("momentum")
    assert number(result, "samples") == 100
    assert result.window.end_us < END_US


def test_what_a_version_answered_before_it_was_replaced_still_counts(watch):
    production, other = registered(watch, Stage.PRODUCTION, Stage.STAGING)
    log(watch, production, said(1, 60)[0])
    watch._systems.clock.advance((START_US + HOUR_US - watch.now_us()) / 1e6)
    watch.registry.promote(f"momentum@{other}", Stage.PRODUCTION)
    log(watch, other, said(2, 40)[0], start_us=START_US + HOUR_US, name="s")
    log(watch, production, said(3, 40)[0], start_us=START_US + 3 * HOUR_US, name="t", shift=9.0)
    watch._systems.clock.advance(5 * 3600)
    result = watch.check("momentum")
    assert number(result, "samples") == 100
    assert number(result, "drift_share") == 0.0
    assert result.window.end_us == START_US + HOUR_US + 39 * MINUTE_US + 1


def test_only_a_shadow_is_nothing_to_check_and_says_whose_rows_there_are(watch):
    _, other = registered(watch, Stage.PRODUCTION, Stage.STAGING)
    log(watch, other, said(1)[0])
    watch._systems.clock.advance((END_US - watch.now_us()) / 1e6)
    with pytest.raises(NothingToCheck) as error:
        watch.check("momentum")
    assert f"the store has 100 predictions of {other}: `watchkeeper check momentum --version {other}`" in str(
        error.value
    )
    assert watch.check_alone("momentum").status.value == "UNKNOWN"


def test_a_long_stretch_and_a_backfill_are_of_production_too(watch):
    production, other = registered(watch, Stage.PRODUCTION, Stage.STAGING)
    one, _, truth = both(watch, production, other)
    over = watch.check_stretch("momentum", START_US - HOUR_US, END_US + HOUR_US)
    assert over.window.rows == 100
    assert number(over, "accuracy") == pytest.approx(accuracy_score(truth, one >= 0.5))
    (window,) = watch.backfill("momentum", START_US)
    assert window.window.rows == 100
    (kept,) = watch.measurements("momentum", "accuracy")
    assert kept.value.number == pytest.approx(accuracy_score(truth, one >= 0.5))


def test_the_command_looks_at_one_version(watch, command):
    production, other = registered(watch, Stage.PRODUCTION, Stage.STAGING)
    _, two, truth = both(watch, production, other)
    watch.close()
    answer = command("check", "momentum", "--version", other, "--json")
    (result,) = json.loads(answer.out)
    found = next(one for one in result["measurements"] if one["name"] == "accuracy")
    assert found["value"] == pytest.approx(accuracy_score(truth, two >= 0.5))
    wrong = command("check", "momentum", "--version", other, "--over", "7d")
    assert wrong.code == 2
    assert re.search(r"--over is about what answered; leave out --version", wrong.err)
    for option, value in (("--since", "2026-01-01"), ("--data", "reference.csv")):
        assert command("check", "momentum", "--version", other, option, value).code == 2


def test_a_version_that_predicted_nothing_is_told_with_those_that_did(watch):
    both(watch, "1.2.0", "1.3.0")
    with pytest.raises(NothingToCheck, match=r"momentum@9\.1\.0 has predicted nothing .* 100 predictions of 1\.2\.0"):
        watch.check("momentum", version="9.1.0")


def test_a_version_is_told_once_however_it_was_written_and_one_without_a_name_is_not(watch):
    (production,) = registered(watch, Stage.PRODUCTION)
    for at, name in enumerate((production, f"momentum@{production}", f"v{production}", "")):
        log(watch, name, said(at, 25)[0], start_us=START_US + at, name=f"n{at}-")
    watch._systems.clock.advance((END_US - watch.now_us()) / 1e6)
    result = watch.check("momentum")
    assert number(result, "samples") == 100
    assert told(result) == [f"the rows are answers of {production} (in production)"]


def test_what_a_version_was_in_the_window_is_told(watch):
    first, second = registered(watch, Stage.PRODUCTION, Stage.STAGING)
    log(watch, first, said(1, 50)[0])
    log(watch, second, said(2, 50)[0], start_us=START_US + 50 * MINUTE_US, name="s")
    watch._systems.clock.advance((START_US + 50 * MINUTE_US - watch.now_us()) / 1e6)
    watch.registry.promote(f"momentum@{second}", Stage.PRODUCTION)
    watch._systems.clock.advance((END_US - watch.now_us()) / 1e6)
    (sentence,) = told(watch.check("momentum"))
    assert re.fullmatch(
        rf"the rows are answers of {first} \(in production until 2026-[^)]*\), {second} \(in production\)", sentence
    )
