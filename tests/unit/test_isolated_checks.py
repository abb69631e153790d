"""A check that fails is its model's own UNKNOWN, and its rules hear only what is true."""

from types import SimpleNamespace

import pytest

from watchkeeper.app.isolation import isolated
from watchkeeper.domain.errors import Contended, DataError
from watchkeeper.domain.verdict import Status
from watchkeeper.monitor.standing import STANDINGS
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage


class Rules:
    def __init__(self):
        self.heard = []

    def evaluate(self, model, measurements, *, now_us):
        self.heard.append((model, list(measurements)))
        return ()


@pytest.mark.parametrize(
    ("error", "heard"),
    [
        pytest.param(Contended("others changed the same alerts"), [], id="there was data, so rules hear nothing"),
        pytest.param(DataError("there is no such column"), [("m", [])], id="there is no data, which rules hear"),
    ],
)
def test_rules_hear_of_no_data_only_where_there_is_none(error, heard):
    systems = SimpleNamespace(clock=FakeClock(), storage=MemoryStorage(), alerting=Rules())

    def check():
        raise error

    result = isolated(systems, "m", check, keep=True)

    assert result.verdict.status is Status.UNKNOWN
    assert result.verdict.findings[0].sentence == f"m could not be checked: {error}"
    assert systems.alerting.heard == heard
    assert systems.storage.get(STANDINGS, "m") is not None


def test_a_look_that_fails_keeps_nothing():
    systems = SimpleNamespace(clock=FakeClock(), storage=MemoryStorage(), alerting=Rules())

    def check():
        raise Contended("others changed the same alerts")

    assert isolated(systems, "m", check, keep=False).verdict.status is Status.UNKNOWN
    assert systems.storage.get(STANDINGS, "m") is None
