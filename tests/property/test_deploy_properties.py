"""Sticky routing, and any order of events on a deployment beside a small dict model."""

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Stage
from watchkeeper.domain.value import Value
from watchkeeper.registry import Registry
from watchkeeper.registry.deployments import Arm, MetricCheck, WeightTable, blue_green, canary, shadow
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

SHARES = st.floats(0.0, 1.0)


def table(share: float, salt: str = "s") -> WeightTable:
    return WeightTable("m", 1, (Arm("new", share), Arm("old", 1.0 - share)), salt)


@given(st.lists(SHARES, min_size=2, max_size=5), st.lists(st.text(max_size=20), max_size=50))
def test_raising_the_share_only_moves_keys_to_the_new_version(shares: list[float], keys: list[str]) -> None:
    tables = [table(share) for share in sorted(shares)]
    for key in keys:
        told = [one.decide(key) for one in tables]
        assert told == sorted(told, reverse=True)


@given(SHARES, st.text())
def test_the_same_key_is_always_answered_by_the_same_version(share: float, key: str) -> None:
    assert table(share).decide(key) == table(share).decide(key)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_share_of_many_keys_is_the_share_that_was_asked_for(share: float) -> None:
    count = 50_000
    found = sum(table(share).decide(f"key {at}") == "new" for at in range(count))
    # five standard deviations of a binomial
    assert abs(found - share * count) < 5 * (count * share * (1 - share)) ** 0.5


def test_two_deployments_choose_independently() -> None:
    count = 20_000
    both = sum(table(0.5, "a").decide(str(at)) == table(0.5, "b").decide(str(at)) == "new" for at in range(count))
    assert abs(both - count / 4) < 5 * (count * 3 / 16) ** 0.5


class TextFormat:
    """A model that is a text."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(json.dumps(model).encode())
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return json.loads(source.read())


CHECK = MetricCheck(metric="accuracy", success=">= 0.8", failure="< 0.7", interval_seconds=1)
PLANS = {
    "canary": canary((0.2, 0.6), [CHECK], pause_seconds=60),
    "careful": canary((0.2,), pause_seconds=None, background=[CHECK]),
    "blue-green": blue_green([], [CHECK], warm_seconds=60),
    "shadow": shadow([CHECK], seconds=60),
}


WORK = ("advance", "advance", "advance", "pause", "resume", "promote", "abort")


class DeploymentMachine(RuleBasedStateMachine):
    """The model: which version was promoted by whom, whether one is open, and the last reading."""

    @initialize()
    def begin(self) -> None:
        self.clock = FakeClock()
        self.registry = Registry(MemoryStorage(self.clock), {"text": TextFormat()}, self.clock, "ada")
        self.reading = 0.9
        self.next = 0
        self.stage()
        self.registry.promote("m@1.0.0", Stage.PRODUCTION)
        self.open: str | None = None
        self.stable = "m@1.0.0"

    def stage(self) -> str:
        self.next += 1
        return self.registry.promote(self.registry.register(f"text {self.next}", "m").ref, Stage.STAGING).ref

    def measured(self, ref: str, metric: str, since_us: int) -> Value:
        return Value.of(self.reading, samples=100)

    @rule(plan=st.sampled_from(sorted(PLANS)))
    def start(self, plan: str) -> None:
        if self.open is None:
            self.stable = self.registry.get("m@production").ref
            self.open = self.stage()
            self.registry.deployments.start(self.open, PLANS[plan])

    @rule(reading=st.sampled_from([0.9, 0.75, 0.1]))
    def measure(self, reading: float) -> None:
        self.reading = reading

    @rule(seconds=st.sampled_from([-5.0, 0.0, 30.0, 90.0]), work=st.sampled_from(WORK))
    def act(self, seconds: float, work: str) -> None:
        self.clock.advance(seconds)
        deploy = self.registry.deployments
        if self.open is None:
            return
        try:
            if work == "advance":
                deploy.advance("m", self.measured)
            else:
                getattr(deploy, work)("m")
        except UsageError as error:
            assert work in ("resume", "promote"), error  # noqa: PT017 - it may be refused only for these two
        found = deploy.status("m")
        if work == "abort":
            assert not found.phase.is_open
            assert deploy.table("m").arms == (Arm(self.stable, 1.0),)

    @invariant()
    def it_is_whole(self) -> None:
        found = next(iter(self.registry.deployments.open()), None)
        if found is None and self.open is not None:
            last = self.registry.deployments.status("m")
            live = self.registry.get("m@production").ref
            shadowed = last.plan == PLANS["shadow"]
            assert live == (self.open if last.phase == "succeeded" and not shadowed else self.stable)
            self.open = None
        shares = self.registry.deployments.table("m").arms
        assert abs(sum(arm.share for arm in shares) - 1.0) < 1e-9
        assert {arm.ref for arm in shares} <= {self.registry.get("m@production").ref, self.open, self.stable}
        production = [line for line in self.registry.lines("m") if line.stage is Stage.PRODUCTION]
        assert len(production) == 1

    def teardown(self) -> None:
        assert self.registry.verify().status == "OK"


TestDeploymentMachine = DeploymentMachine.TestCase
TestDeploymentMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
