"""The built-in explainers against the contract of explainers."""

import pytest

from watchkeeper.contracts.explainer import Explainer
from watchkeeper.testing.explainer import ExplainerContract
from watchkeeper_plugins.explainers import surrogate


class TestSurrogate(ExplainerContract):
    @pytest.fixture(params=[1, 5, 30], ids=["depth 1", "depth 5", "depth 30"])
    def subject(self, request: pytest.FixtureRequest) -> Explainer:
        return surrogate.build(surrogate.SurrogateOptions(max_depth=request.param))
