"""The demonstration: what it prints is what happened, and what it leaves behind can be opened."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import watchkeeper as wk

pytest.importorskip("arch", reason="the demo's data are in the extra `demo`, which the tests session installs")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "project"
    command = [sys.executable, "-m", "watchkeeper", "demo", "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_one_alert_fires_is_told_once_by_each_notifier_and_ends(told):
    _, done = told
    assert done.stderr.count("CRITICAL error-rose") == 1
    assert done.stderr.count("RESOLVED error-rose") == 1
    assert done.stdout.count("webhook received error-rose of boosting: firing") == 1
    assert done.stdout.count("webhook received error-rose of boosting: resolved") == 1
    assert "2 notifications" in done.stdout


def test_the_versions_it_registers_are_told(told):
    folder, done = told
    (line,) = [line for line in done.stdout.splitlines() if "registered, now in production: " in line]
    assert line.startswith("2007-01-03   ")
    with wk.open(folder / "watchkeeper.toml") as watch:
        told_of = line.partition("production: ")[2].split(", ")
        assert [watch.registry.get(ref).stage for ref in told_of] == [wk.Stage.PRODUCTION] * 5


def test_the_errors_it_prints_are_those_of_the_forecasts(told):
    from watchkeeper.demo.forecasters import unfitted
    from watchkeeper.demo.market import load_market
    from watchkeeper.demo.replay import FIT, REPLAY

    market = load_market()
    fit, replay = market.between(*FIT), market.between(*REPLAY)
    model = unfitted()["ridge"].fit(market.features[fit], market.target[fit])
    error = np.sqrt(np.mean((model.predict(market.features[replay]) - market.target[replay]) ** 2))
    assert f"ridge {error:.3f}" in told[1].stdout


def test_what_was_estimated_stands_beside_what_came(told):
    folder, done = told
    assert "Furthest off was boosting on 2008-" in done.stdout
    with wk.open(folder / "watchkeeper.toml") as watch:
        points = watch.timeline("boosting", "rmse")
    assert len(points) == 190
    crisis = max(points, key=lambda point: point.realised.value.number)
    assert crisis.estimated.value.interval[1] < 0.6
    assert crisis.realised.value.number > 1.0
    assert [point.realised.value.samples for point in points[:-1]] == [60] * 189  # the last day's truth came later
    assert all(point.replaced for point in points[:-1])


def test_of_demonstrations_that_begin_at_once_one_gets_the_folder(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    from watchkeeper.demo.replay import _claim

    folder = tmp_path / "project"
    with ThreadPoolExecutor(8) as pool:
        claims = [pool.submit(_claim, folder, folder / "watchkeeper.toml") for _ in range(8)]
    errors = [error for claim in claims if (error := claim.exception()) is not None]
    assert len(errors) == 7
    assert all("exists and is not empty; name another folder" in str(error) for error in errors)


def test_the_page_of_the_alert_is_drawn(told):
    folder, done = told
    (page,) = folder.glob("boosting-2008-*.html")
    assert page.name in done.stdout
    text = page.read_text(encoding="utf-8")
    assert "ALERT</span> boosting@1.0.0" in text
    assert "Take its weight away until it is retrained" in text
    assert "rule error-rose: &gt; 0.65" in text
    assert len(text) < 150_000


def test_tables_fit_on_a_narrow_terminal(told):
    rows = [line for line in told[1].stdout.splitlines() if line.strip().startswith(("random-walk ", "blend "))]
    assert len([row for row in rows if "(" in row]) == 2 * 7
    assert max(map(len, rows)) <= 80


def test_every_prediction_and_outcome_is_in_the_store(told):
    folder, _ = told
    with wk.open(folder / "watchkeeper.toml") as watch:
        from watchkeeper.monitor.stored_windows import stored_records

        storage = watch._systems.storage
        for model in watch.models:
            records = stored_records(storage, model, watch.config.models[model].window, [])
            assert len(records) == 60
            assert int(records.has_outcome.sum()) == 59  # the last day's truth is tomorrow's
            rows = sum(len(batch.time) for batch in storage.scan("predictions", model, columns=["version"]))
            assert rows == 1008


def test_the_crisis_is_an_alert_and_the_present_is_unknown(told):
    folder, _ = told
    with wk.open(folder / "watchkeeper.toml") as watch:
        now = watch.check("boosting")
        assert now.status is wk.Status.UNKNOWN
        assert "the last prediction is from 2010-12-31" in now.verdict.sentence
        assert watch.check("ridge", until_us=1_180_000_000_000_000).status is wk.Status.OK  # May 2007


def test_the_weights_left_the_forecaster_that_could_not_extrapolate(told):
    folder, _ = told
    with wk.open(folder / "watchkeeper.toml") as watch:
        history = watch.ensembles.weights_history("blend")
    shares = [setting.shares["boosting"] for setting in history]
    assert min(shares) < 0.02
    assert max(shares) > 0.2


def test_versions_are_registered_and_answer_as_the_forecasters_did(told):
    folder, _ = told
    from watchkeeper.demo.market import load_market

    rows = load_market().features[:50]
    with wk.open(folder / "watchkeeper.toml") as watch:
        assert set(watch.registry.models()) == {"random-walk", "ewma", "har", "ridge", "boosting"}
        assert watch.registry.load("random-walk@production").predict(rows).tolist() == rows[:, 0].tolist()
        assert watch.registry.verify().status is wk.Status.OK


def test_its_commands_answer(told):
    folder, _ = told

    def answer(*arguments):
        command = [sys.executable, "-m", "watchkeeper", *arguments, "--config", str(folder / "watchkeeper.toml")]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    checked = answer("check", "boosting", "--until", "2008-12-31", "--json")
    found = json.loads(checked.stdout)[0]
    assert found["window"]["end"].startswith("2009-01-01")
    rmse = next(one for one in found["measurements"] if one["name"] == "rmse")
    assert rmse["value"] > 0.9
    assert checked.returncode == 1  # the critical rule holds
    assert "the rule holds" in found["findings"][0]["sentence"]
    assert answer("explain", "boosting", "--json").returncode == 0
    assert answer("audit", "verify").stderr.endswith("the chain is whole\n")
    assert "boosting" in answer("ensemble", "weights", "blend").stdout


def test_an_existing_folder_is_left_alone(told):
    folder, _ = told
    command = [sys.executable, "-m", "watchkeeper", "demo", "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "exists and is not empty; name another folder with --folder, or remove it" in done.stderr
