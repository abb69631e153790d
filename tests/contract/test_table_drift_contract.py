"""The built-in drift detectors of whole tables against their contract."""

from importlib import import_module

import pytest

from watchkeeper.contracts.drift import TableDetector
from watchkeeper.testing.table_drift import TableDriftContract


class TestBuiltIn(TableDriftContract):
    @pytest.fixture(params=["mmd", "domain_classifier", "pca_reconstruction"])
    def subject(self, request: pytest.FixtureRequest) -> TableDetector:
        (plugin,) = import_module(f"watchkeeper_plugins.drift.{request.param}").watchkeeper_drift()
        return plugin.build(plugin.options())
