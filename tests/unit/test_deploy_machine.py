"""Deployments over a registry: canary, blue-green, shadow; pauses, failures, going back, and dying at any commit."""

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import pytest

from watchkeeper.domain.errors import Conflict, DataError, NotAllowed, NotFound, UsageError
from watchkeeper.domain.model import Stage
from watchkeeper.domain.policy import Policy
from watchkeeper.domain.value import Value
from watchkeeper.registry import Registry
from watchkeeper.registry.deployments import Arm, Deployment, MetricCheck, Plan, WeightTable, blue_green, canary, shadow
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

GOOD = MetricCheck(metric="accuracy", success=">= 0.8", failure="< 0.7", min_samples=10)
TEN_MINUTES = 600.0


class TextFormat:
    """A model that is a text."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(json.dumps(model).encode())
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return json.loads(source.read())


class World:
    """A registry with a version in production and one in staging, and what is measured of both."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.clock = FakeClock()
        self.storage = MemoryStorage(self.clock)
        self.readings: dict[str, Value | Exception] = {}
        self.policy = policy or Policy()
        self.open()
        self.registry.promote(self.registry.register("first", "m").ref, Stage.STAGING)
        desk = Registry(self.storage, {"text": TextFormat()}, self.clock, "ada")
        desk.promote("m@1.0.0", Stage.PRODUCTION)
        self.registry.promote(self.registry.register("second", "m").ref, Stage.STAGING)

    def open(self) -> None:
        """As another process, after a kill."""
        self.registry = Registry(self.storage, {"text": TextFormat()}, self.clock, "ada", policy=self.policy)
        self.deploy = self.registry.deployments

    def measured(self, ref: str, metric: str, since_us: int) -> Value:
        found = self.readings.get(metric, Value.undefined("nothing was measured"))
        if isinstance(found, Exception):
            raise found
        return found

    def reads(self, number: float, samples: int = 100, metric: str = "accuracy") -> None:
        self.readings[metric] = Value.of(number, samples=samples)

    def advance(self, seconds: float = 0.0) -> Deployment:
        self.clock.advance(seconds)
        return self.deploy.advance("m", self.measured)

    def start(self, plan: Plan) -> Deployment:
        return self.deploy.start("m@1.1.0", plan)

    def live(self) -> str:
        return self.registry.get("m@production").ref

    def share(self) -> float:
        return sum(arm.share for arm in self.deploy.table("m").arms if arm.ref == "m@1.1.0")


@pytest.fixture
def world() -> World:
    return World()


def test_a_canary_rises_step_by_step_and_is_promoted(world: World) -> None:
    world.reads(0.9)
    world.start(canary((0.1, 0.5), [GOOD]))
    assert world.share() == 0.0
    shares = [world.share() for _ in range(3) if world.advance(TEN_MINUTES)]
    assert shares == [0.1, 0.5, 1.0]
    assert world.deploy.status("m").phase == "succeeded"
    assert world.live() == "m@1.1.0"
    assert world.registry.verify().status == "OK"


def test_a_failure_takes_the_weight_away_at_once(world: World) -> None:
    world.start(canary((0.1, 0.5), [GOOD]))
    world.advance()
    assert world.share() == 0.1
    world.reads(0.5)
    found = world.advance(TEN_MINUTES)
    assert (found.phase, found.reason) == ("aborted", "accuracy is 0.5: failed")
    assert world.share() == 0.0
    assert world.live() == "m@1.0.0"


@pytest.mark.parametrize(
    ("reading", "pause", "reason"),
    [
        (Value.of(0.75, samples=100), "inconclusive", "accuracy is 0.75: inconclusive"),
        (Value.undefined("one class", samples=100), "inconclusive", "accuracy is undefined: one class"),
        (Value.of(0.9, samples=9), "insufficient_traffic", "accuracy has 9 of 10 rows"),
    ],
)
def test_what_is_neither_good_nor_bad_pauses_and_never_promotes(
    world: World, reading: Value, pause: str, reason: str
) -> None:
    world.readings["accuracy"] = reading
    world.start(canary((0.1,), [GOOD], pause_seconds=0.0))
    found = world.advance()
    assert (found.phase, found.pause, found.reason) == ("paused", pause, reason)
    world.advance(10 * TEN_MINUTES)
    assert world.live() == "m@1.0.0"
    assert world.share() == 0.1


def test_errors_pause_and_do_not_fail(world: World) -> None:
    world.readings["accuracy"] = DataError("the store is away")
    world.start(canary((0.1,), [GOOD], pause_seconds=0.0))
    for _ in range(4):
        assert world.advance(60).phase == "running"
    found = world.advance(60)
    assert (found.phase, found.pause, found.reason) == ("paused", "error", "the store is away")


def test_it_goes_on_by_itself_when_there_is_traffic(world: World) -> None:
    world.reads(0.9, samples=3)
    world.start(canary((0.1,), [GOOD], pause_seconds=0.0))
    assert world.advance().pause == "insufficient_traffic"
    entries = len(list(world.registry.audit()))
    world.advance(60)
    assert len(list(world.registry.audit())) == entries
    world.reads(0.9)
    assert world.advance(60).phase == "succeeded"


def test_resuming_an_inconclusive_analysis_begins_it_anew(world: World) -> None:
    world.reads(0.75)
    world.start(canary((0.1,), [GOOD], pause_seconds=0.0))
    world.advance()
    world.deploy.resume("m", "it was a holiday")
    world.reads(0.9)
    assert world.advance().phase == "succeeded"


def test_a_person_pauses_and_resumes_where_it_was(world: World) -> None:
    world.start(canary((0.1, 0.5), pause_seconds=TEN_MINUTES))
    world.advance()
    world.deploy.pause("m", "market closed")
    assert world.advance(2 * TEN_MINUTES).phase == "paused"
    assert world.share() == 0.1
    world.deploy.resume("m")
    assert world.advance().weight == 0.5


def test_a_pause_for_approval_waits_for_somebody(world: World) -> None:
    world.start(blue_green(needs_approval=True))
    assert world.advance().pause == "approval"
    assert world.advance(100 * TEN_MINUTES).pause == "approval"
    world.deploy.resume("m")
    world.advance()
    assert world.live() == "m@1.1.0"
    assert world.deploy.status("m").phase == "running"
    assert world.advance(31).phase == "succeeded"


def test_blue_green_goes_back_when_it_fails_after_the_switch(world: World) -> None:
    world.reads(0.9, metric="before")
    world.reads(0.1)
    before = MetricCheck(metric="before", success="> 0.5")
    world.start(blue_green([before], [GOOD]))
    found = world.advance()
    assert (found.phase, found.is_promoted) == ("aborted", False)
    assert world.live() == "m@1.0.0"
    assert world.share() == 0.0
    assert "m@1.0.0 is in production again" in found.events[-1]


def test_it_does_not_go_back_to_a_version_that_cannot_be_loaded(world: World) -> None:
    world.reads(0.1)
    world.start(blue_green([], [GOOD]))
    first = world.registry.get("m@1.0.0")
    good = world.storage._blobs[first.digest]
    world.storage._blobs[first.digest] = b"broken"
    found = world.advance()
    assert (found.phase, found.pause) == ("paused", "rollback")
    assert world.live() == "m@1.1.0"
    world.storage._blobs[first.digest] = good
    world.deploy.resume("m")
    assert world.advance().phase == "aborted"
    assert world.live() == "m@1.0.0"


def test_a_failure_beside_the_steps_aborts_even_while_somebody_is_waited_for(world: World) -> None:
    world.reads(0.9)
    watch = MetricCheck(metric="accuracy", success=">= 0.8", failure="< 0.7", count=1000)
    world.start(canary((0.1,), pause_seconds=None, background=[watch]))
    assert world.advance().pause == "approval"
    world.reads(0.2)
    assert world.advance(60).phase == "aborted"


def test_nothing_is_promoted_before_the_checks_beside_the_steps_are_done(world: World) -> None:
    world.reads(0.9)
    watch = MetricCheck(metric="accuracy", success=">= 0.8", failure="< 0.7", count=3)
    world.start(canary((0.1,), pause_seconds=0.0, background=[watch]))
    assert [world.advance(60).phase for _ in range(3)] == ["running", "running", "succeeded"]


def test_a_shadow_sees_everything_and_answers_nothing(world: World) -> None:
    world.reads(0.9)
    world.start(shadow([GOOD], seconds=60))
    world.advance()
    table = world.deploy.table("m")
    assert (table.shadow, table.arms) == ("m@1.1.0", (Arm("m@1.0.0", 1.0),))
    assert world.advance(60).phase == "succeeded"
    assert world.live() == "m@1.0.0"
    assert world.deploy.table("m").shadow is None


def test_abort_sets_the_weight_to_zero_and_a_retry_begins_at_the_first_step(world: World) -> None:
    world.start(canary((0.1, 0.5)))
    world.advance()
    assert world.deploy.abort("m", "seen something").phase == "aborted"
    assert world.share() == 0.0
    again = world.start(canary((0.1, 0.5)))
    assert (again.number, again.at, again.weight) == (2, 0, 0.0)


def test_an_abort_after_the_promotion_goes_back(world: World) -> None:
    world.start(blue_green(warm_seconds=1000))
    world.advance()
    assert world.live() == "m@1.1.0"
    world.deploy.abort("m")
    assert world.live() == "m@1.0.0"
    assert world.deploy.status("m").phase == "aborted"


def test_promote_skips_what_is_left(world: World) -> None:
    world.start(canary((0.1, 0.5), [GOOD]))
    world.deploy.promote("m", "urgent")
    assert world.live() == "m@1.1.0"
    assert world.deploy.status("m").phase == "succeeded"


def test_the_guards_of_production_hold_in_a_deployment(world: World) -> None:
    guarded = World(Policy(required_checks=("backtest",)))
    guarded.start(canary((0.1,), pause_seconds=0.0))
    found = guarded.advance()
    assert (found.phase, found.pause) == ("paused", "guard")
    assert "check 'backtest' was not made" in found.reason
    guarded.registry.guards.record_check("m@1.1.0", "backtest", passed=True)
    guarded.deploy.resume("m")
    assert guarded.advance().phase == "succeeded"


def test_a_version_that_was_just_in_production_goes_back_without_steps(world: World) -> None:
    world.registry.promote("m@1.1.0", Stage.PRODUCTION)
    world.deploy.start("m@1.0.0", canary((0.1,), [GOOD]))
    assert world.advance().phase == "succeeded"
    assert world.live() == "m@1.0.0"


def test_a_deployment_gives_up_when_somebody_else_changes_production(world: World) -> None:
    world.start(canary((0.1,)))
    world.advance()
    world.registry.promote(world.registry.register("third", "m").ref, Stage.STAGING)
    world.registry.promote("m@1.2.0", Stage.PRODUCTION)
    found = world.advance()
    assert (found.phase, found.reason) == ("aborted", "m@1.2.0 was put into production meanwhile")
    assert world.live() == "m@1.2.0"


def test_only_one_deployment_of_a_model_is_under_way(world: World) -> None:
    world.start(canary((0.1,)))
    with pytest.raises(Conflict, match=r"m is being deployed already: m@1\.1\.0, running, at step 1 of 3; abort it"):
        world.start(canary((0.1,)))


def test_versions_of_a_deployment_are_not_deleted(world: World) -> None:
    world.start(canary((0.1,)))
    with pytest.raises(NotAllowed, match="a deployment that is under way needs it"):
        world.registry.delete("m@1.1.0")


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda world: world.deploy.status("m"), "m has had no deployment"),
        (lambda world: world.advance(), "m has had no deployment"),
    ],
)
def test_without_a_deployment_there_is_nothing_to_tell(
    world: World, work: Callable[[World], object], message: str
) -> None:
    with pytest.raises(NotFound, match=message):
        work(world)


def test_what_cannot_be_done_is_told(world: World) -> None:
    with pytest.raises(UsageError, match="m has no deployment under way"):
        world.deploy.pause("m")
    world.registry.register("third", "m")
    with pytest.raises(
        UsageError, match=r"m@1\.2\.0 is in training; expected a version in staging, or one of the last 3"
    ):
        world.deploy.start("m@1.2.0", canary((0.1,)))
    world.start(canary((0.1,)))
    with pytest.raises(UsageError, match="is not paused; there is nothing to resume"):
        world.deploy.resume("m")
    world.deploy.abort("m")
    world.start(shadow([GOOD]))
    with pytest.raises(UsageError, match="a shadow deployment of m promotes nobody"):
        world.deploy.promote("m")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: canary(()), "expected at least one, each above the one before"),
        (lambda: canary((0.5, 0.1)), "each above the one before"),
        (lambda: canary((0.5, 1.5)), "a weight is 1.5; expected 0 to 1"),
        (lambda: WeightTable("m", 1, (Arm("a", 0.4),), "s"), "the shares of m add up to 0.4; expected 1"),
        (lambda: WeightTable("m", 1, (Arm("a", 1.0),), "s" * 65), "longer than 64 bytes"),
        (lambda: Arm("a", 1.5), "the share of a is 1.5"),
    ],
)
def test_a_plan_or_table_that_makes_no_sense_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


class Killed(BaseException):
    """The process is gone."""


SCENARIOS: dict[str, tuple[Plan, float, str]] = {
    "canary": (canary((0.1, 0.5), [GOOD], pause_seconds=60), 0.9, "m@1.1.0"),
    "canary that fails": (canary((0.1,), [GOOD], pause_seconds=60), 0.1, "m@1.0.0"),
    "blue-green": (blue_green([], [GOOD], warm_seconds=30), 0.9, "m@1.1.0"),
    "blue-green that goes back": (blue_green([], [GOOD]), 0.1, "m@1.0.0"),
}


class Dying:
    """Commits until the one that kills the process, before or after it is done."""

    def __init__(self, commit: Callable[..., Any], kill_at: int, *, after: bool) -> None:
        self.commits, self.kill_at, self.after, self._commit = 0, kill_at, after, commit

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.commits += 1
        if self.commits == self.kill_at and not self.after:
            raise Killed
        receipt = self._commit(*arguments, **named)
        if self.commits == self.kill_at:
            raise Killed
        return receipt


def go_on(world: World, plan: Plan, reading: float) -> None:
    """One round, in a new process after a kill."""
    world.reads(reading)
    try:
        if world.deploy.status("m").phase.is_open:
            world.advance(60)
    except NotFound:
        world.start(plan)
    except Killed:
        world.open()


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_commit_it_ends_where_it_would_have(
    name: str, after: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, reading, expected = SCENARIOS[name]
    for kill_at in range(1, 40):
        world = World()
        dying = Dying(world.storage.commit, kill_at, after=after)
        monkeypatch.setattr(world.storage, "commit", dying)
        for _ in range(8):
            with contextlib.suppress(Killed):
                go_on(world, plan, reading)
            assert world.live() in {"m@1.0.0", "m@1.1.0"}
            assert sum(arm.share for arm in world.deploy.table("m").arms) == pytest.approx(1.0)
        assert not world.deploy.status("m").phase.is_open
        assert world.live() == expected
        assert len(world.deploy.table("m").arms) == 1
        assert world.registry.verify().status == "OK"
        if dying.commits < kill_at:
            return
    raise AssertionError("the scenario never got through all of its commits")
