"""The built-in detectors of streams against their contract, and against an independent implementation."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from watchkeeper.contracts.drift import StreamDetector
from watchkeeper.testing.stream import StreamContract

DETECTORS = {
    "adwin": {},
    "cusum": {},
    "ddm": {},
    "hddm_w": {},
    "kswin": {},
    "page_hinkley": {},
    "shiryaev_roberts": {},
}


def built(name: str, **options: object) -> StreamDetector:
    (plugin,) = import_module(f"watchkeeper_plugins.drift.{name}").watchkeeper_drift()
    return plugin.build(plugin.options(**options))


class TestBuiltIn(StreamContract):
    @pytest.fixture(params=DETECTORS)
    def subject(self, request: pytest.FixtureRequest) -> StreamDetector:
        return built(request.param, **DETECTORS[request.param])


class TestKnownMean(StreamContract):
    @pytest.fixture(params=["errors", "numbers"])
    def subject(self, request: pytest.FixtureRequest) -> StreamDetector:
        if request.param == "errors":
            return built("shiryaev_roberts", mean=0.1, updates_per_alarm=5000)
        return built("cusum", mean=0.0, deviation=1.0, change=1.0)


RIVER = {"adwin": "ADWIN", "page_hinkley": "PageHinkley", "ddm": "binary.DDM", "hddm_w": "binary.HDDMW"}
"""Where the same detector is in the package river, whose signals must be the same at the same places."""


@pytest.mark.parametrize("name", RIVER)
@pytest.mark.parametrize("seed", range(4))
def test_signals_are_those_of_river(name, seed):
    drift = pytest.importorskip("river.drift", reason="an oracle that only the benchmark's session installs")
    rng = np.random.default_rng(seed)
    level = np.arange(6000) // 1000 % 2
    is_binary = "binary" in RIVER[name]
    values = (rng.random(6000) < 0.1 + 0.4 * level) * 1.0 if is_binary else rng.normal(level, 1.0)
    make = drift
    for part in RIVER[name].split("."):
        make = getattr(make, part)
    other, expected = make(), []
    for at, value in enumerate(values.tolist()):
        other.update(bool(value) if is_binary else value)
        if other.drift_detected:
            expected.append(at)
    found = built(name).begin().update_many(values).tolist()
    if name == "hddm_w":  # river begins the sum of squared weights with .905, the paper and this with 1
        np.testing.assert_allclose(found, expected, atol=25)
    else:
        assert found == expected


SIGNALS = {
    "adwin": [1087, 2047, 3071, 4063, 5087],
    "page_hinkley": [1148, 2091, 3125, 4112, 5146],
    "ddm": [38, 1226, 1619, 3123, 5296],
    "hddm_w": [1059, 1570, 3046, 5036, 5467],
}
"""Of river 0.26.1 on the errors below."""


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_are_those_that_river_gave(name):
    rng = np.random.default_rng(7)
    rng.random(4000)
    errors = (rng.random(6000) < np.where(np.arange(6000) // 1000 % 2 == 0, 0.1, 0.5)).astype(float)
    assert built(name).begin().update_many(errors).tolist() == SIGNALS[name]


def test_the_distance_that_kswin_waits_for_is_exact():
    from scipy.stats import ks_2samp

    from watchkeeper_plugins.drift.kswin import _chance_at_least, _distances, critical_distance

    rng = np.random.default_rng(1)
    windows = np.round(rng.normal(size=(50, 100)), 1)
    for window, found in zip(windows, _distances(windows, 30), strict=True):
        assert found == pytest.approx(ks_2samp(window[:70], window[70:]).statistic, abs=1e-12)
    exact = ks_2samp(windows[0, :70], windows[0, 70:], method="exact")
    assert _chance_at_least(70, 30, float(exact.statistic)) == pytest.approx(exact.pvalue, rel=1e-9)
    limit = critical_distance(70, 30, 20_000)
    assert _chance_at_least(70, 30, limit + 1 / 210) <= 1 / 20_000 < _chance_at_least(70, 30, limit - 1 / 210)


def test_kswin_refuses_a_recent_part_that_is_more_than_half():
    with pytest.raises(ValueError, match="recent is 60 of a window of 100: expected at most half of it"):
        built("kswin", recent=60)


def test_the_threshold_of_cusum_keeps_its_rate():
    """200,000 normal values: 10 alarms are expected at 1 in 20,000, 2 to 20 are within three standard errors."""
    detector = built("cusum", mean=0.0, deviation=1.0)
    found = detector.begin().update_many(np.random.default_rng(2).normal(size=200_000))
    assert 2 <= len(found) <= 20


def test_shiryaev_roberts_keeps_its_rate_for_any_distribution():
    rng = np.random.default_rng(3)
    detector = built("shiryaev_roberts", mean=0.2)
    errors = (rng.random(200_000) < 0.2).astype(float)
    smooth = rng.beta(0.5, 2.0, size=200_000)
    assert len(detector.begin().update_many(errors)) <= 20
    assert len(detector.begin().update_many(smooth)) <= 20
