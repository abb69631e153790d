"""Latency and errors of a model, from the call that logs a prediction to the alert of the preset."""

from __future__ import annotations

import numpy as np
import pytest

import watchkeeper as wk
from watchkeeper.domain.alert import AlertState
from watchkeeper.domain.errors import UsageError

from .conftest import CONFIG, rows, write_csv

SERVED = (
    CONFIG.replace(
        'features = ["ret1", "vol10", "venue"]', 'features = ["ret1", "vol10"], latency = "ms", error = "failed"'
    )
    .replace('window = "100 rows"', 'window = "100 rows"\nlatency_limit = 200.0')
    .replace("presets = false", 'presets = ["slow-or-failing"]')
)


@pytest.fixture
def watch(project):
    rng = np.random.default_rng(5)
    reference = {**rows(2000, 1), "ms": rng.lognormal(4, 0.3, 2000).tolist(), "failed": [0] * 1990 + [1] * 10}
    write_csv(project / "reference.csv", reference)
    project.configure(SERVED)
    with wk.open(project / "watchkeeper.toml") as opened:
        yield opened


def logged(watch, latency, error, rows=100):
    rng = np.random.default_rng(6)
    features = rng.normal(size=(rows, 2))
    features[:, 1] = np.exp(features[:, 1])
    watch.log("momentum", features, rng.random(rows), latency=latency, error=error)
    return watch.check("momentum")


def numbers(result):
    return {found.name: found for found in result.measurements if not found.labels}


def test_a_window_that_answers_as_usual_raises_nothing(watch):
    found = numbers(logged(watch, np.full(100, 55.0), False))
    assert found["latency_p50"].value.number == 55.0
    assert found["latency_p95"].details["limit"] == 200.0
    assert found["error_rate"].value.number == 0.0
    assert found["error_rate"].details["limit"] < 0.1
    assert watch.alerting.alerts() == ()


def test_a_slow_window_raises_the_preset(watch):
    logged(watch, np.full(100, 450.0), False)
    (alert,) = watch.alerting.alerts()
    assert (alert.rule, alert.state) == ("slow-or-failing", AlertState.FIRING)
    assert "latency_p95 450" in alert.summary


def test_failing_predictions_raise_it_too_although_they_have_no_prediction(watch):
    for at in range(100):
        has_failed = at % 4 == 0
        prediction = None if has_failed else 0.5
        watch.log("momentum", {"ret1": 0.1, "vol10": 1.0}, prediction, latency=20.0, error=has_failed)
    found = numbers(watch.check("momentum"))
    assert found["error_rate"].value.number == 0.25
    assert [alert.rule for alert in watch.alerting.alerts()] == ["slow-or-failing"]


def test_what_is_not_said_is_not_known(watch):
    found = numbers(logged(watch, None, None))
    assert found["latency_p95"].value.reason == "0 rows with a latency; 20 are needed"
    assert found["error_rate"].value.reason == "no row says whether it failed"
    assert watch.alerting.alerts() == ()


def test_a_file_with_the_columns_is_measured_as_well(watch):
    table = {**rows(100, 3, start=2000), "ms": [900.0] * 100, "failed": [0] * 100}
    found = numbers(watch.check("momentum", table))
    assert found["latency_p99"].value.number == 900.0


def test_a_file_without_the_columns_is_checked_without_them(watch):
    assert numbers(watch.check("momentum", rows(100, 3, start=2000)))["latency_p50"].value.number is None


def test_a_model_without_such_columns_says_how_to_have_them(project):
    with (
        wk.open(project / "watchkeeper.toml") as watch,
        pytest.raises(UsageError, match=r"model 'momentum' records neither latency nor errors: name a column for them"),
    ):
        watch.log("momentum", {"ret1": 0.1, "vol10": 1.0, "venue": "LSE"}, 0.5, latency=3.0)


def test_rows_from_before_the_columns_were_named_are_checked_with_later_ones(project):
    with wk.open(project / "watchkeeper.toml") as watch:
        for _ in range(50):
            watch.log("momentum", {"ret1": 0.1, "vol10": 1.0, "venue": "LSE"}, 0.5)
    project.configure(SERVED)
    with wk.open(project / "watchkeeper.toml") as watch:
        found = numbers(logged(watch, np.full(50, 30.0), False, rows=50))
    assert found["samples"].value.number == 100
    assert found["latency_p95"].value.samples == 50
