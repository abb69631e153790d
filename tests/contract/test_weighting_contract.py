"""The built-in weighting strategies against the contract of weighting strategies."""

import pytest

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.contracts.weighting import Weighting
from watchkeeper.testing.weighting import WeightingContract
from watchkeeper_plugins.weighting import equal, inverse_loss


class TestEqual(WeightingContract):
    @pytest.fixture
    def subject(self) -> Weighting:
        return equal.build(NoOptions())


class TestInverseLoss(WeightingContract):
    @pytest.fixture(
        params=[(1.0, 0.0), (0.0, 0.0), (30.0, 0.0), (1.0, 0.1)], ids=["default", "power 0", "power 30", "floor"]
    )
    def subject(self, request: pytest.FixtureRequest) -> Weighting:
        power, floor = request.param
        return inverse_loss.build(inverse_loss.InverseLossOptions(power=power, floor=floor))
