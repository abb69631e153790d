"""The built-in drift detectors against the contract of drift detectors."""

from importlib import import_module

import pytest

from watchkeeper.contracts.drift import DriftDetector
from watchkeeper.contracts.plugin import Plugin
from watchkeeper.testing.drift import DriftContract

DETECTORS = (
    "chi2",
    "cramer_von_mises",
    "energy",
    "hellinger",
    "jensen_shannon",
    "ks",
    "psi",
    "wasserstein",
)


class TestBuiltIn(DriftContract):
    @pytest.fixture(params=DETECTORS)
    def subject(self, request: pytest.FixtureRequest) -> DriftDetector:
        (plugin,) = import_module(f"watchkeeper_plugins.drift.{request.param}").watchkeeper_drift()
        return _built(plugin)


class TestOtherBins(DriftContract):
    @pytest.fixture(params=["psi", "jensen_shannon", "hellinger", "chi2"])
    def subject(self, request: pytest.FixtureRequest) -> DriftDetector:
        (plugin,) = import_module(f"watchkeeper_plugins.drift.{request.param}").watchkeeper_drift()
        return _built(plugin, bins=240)


def _built(plugin: Plugin, **options: object) -> DriftDetector:
    detector = plugin.build(plugin.options(**options))
    assert isinstance(detector, DriftDetector)
    return detector
