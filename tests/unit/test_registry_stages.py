"""Promotion: the legal edges, one winner, the history."""

import json
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import pytest

from watchkeeper.domain.errors import Conflict, NotFound, UsageError
from watchkeeper.domain.model import Stage, Version
from watchkeeper.registry import Registry
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.memory import MemoryStorage


class TextFormat:
    """A model that is a text."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(json.dumps(model).encode())
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return json.loads(source.read())


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(storage: MemoryStorage, clock: FakeClock) -> Registry:
    return Registry(storage, {"text": TextFormat()}, clock, "ada")


def staged(registry: Registry, text: str) -> Version:
    return registry.promote(registry.register(text, "momentum").ref, Stage.STAGING)


def in_production(registry: Registry, text: str) -> Version:
    return registry.promote(staged(registry, text).ref, Stage.PRODUCTION)


def overtaken_by(storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let `act` happen between what the next promotion reads and what it commits."""
    commit = storage.commit

    def late(operations: Any, *rest: Any, **named: Any) -> Any:
        monkeypatch.setattr(storage, "commit", commit)
        act()
        return commit(operations, *rest, **named)

    monkeypatch.setattr(storage, "commit", late)


def stages(registry: Registry) -> dict[str, str]:
    return {str(version.number): str(version.stage) for version in registry.versions("momentum")}


def test_a_version_goes_from_training_over_staging_to_production(registry: Registry) -> None:
    in_production(registry, "first")
    assert registry.get("momentum@production").ref == "momentum@1.0.0"
    assert registry.load("momentum@production") == "first"


def test_a_version_can_retire_from_staging(registry: Registry) -> None:
    staged(registry, "first")
    assert registry.promote("momentum@1.0.0", Stage.RETIRED).stage is Stage.RETIRED


def test_the_version_in_production_retires_when_another_takes_its_place(registry: Registry) -> None:
    in_production(registry, "first")
    in_production(registry, "second")
    assert stages(registry) == {"1.1.0": "production", "1.0.0": "retired"}


@pytest.mark.parametrize(
    ("ref", "stage", "message"),
    [
        ("momentum@1.3.0", "production", "cannot go from training to production: from training it can go to staging"),
        ("momentum@1.3.0", "retired", "cannot go from training to retired: from training it can go to staging"),
        ("momentum@1.2.0", "training", "from staging it can go to production or retired"),
        ("momentum@1.2.0", "staging", r"momentum@1\.2\.0 is in staging already; nothing was changed"),
        ("momentum@1.1.0", "retired", "it retires when another version is promoted to production"),
        ("momentum@1.0.0", "production", "a retired version stays retired; register the model again to use it"),
    ],
)
def test_an_edge_that_is_not_legal_is_refused_and_the_legal_ones_are_named(
    registry: Registry, ref: str, stage: str, message: str
) -> None:
    in_production(registry, "first")
    in_production(registry, "second")
    staged(registry, "third")
    registry.register("fourth", "momentum")
    before = stages(registry)
    with pytest.raises(UsageError, match=message):
        registry.promote(ref, Stage(stage))
    assert stages(registry) == before


def test_promoting_what_is_not_there_says_so(registry: Registry) -> None:
    with pytest.raises(NotFound, match="no model 'momentum'; the registry is empty"):
        registry.promote("momentum@1.0.0", Stage.STAGING)


def test_the_history_tells_who_moved_what_when_and_what_it_replaced(registry: Registry, clock: FakeClock) -> None:
    in_production(registry, "first")
    clock.advance(60)
    in_production(registry, "second")
    told = [(c.generation, c.ref, c.before, c.after, c.at_us, c.by) for c in registry.history("momentum")]
    minute_us = 60_000_000
    assert told == [
        (1, "momentum@1.0.0", "training", "staging", LEHMAN_US, "ada"),
        (2, "momentum@1.0.0", "staging", "production", LEHMAN_US, "ada"),
        (3, "momentum@1.1.0", "training", "staging", LEHMAN_US + minute_us, "ada"),
        (4, "momentum@1.1.0", "staging", "production", LEHMAN_US + minute_us, "ada"),
    ]
    assert str(registry.history("momentum")[-1].replaced) == "1.0.0"


def test_a_model_that_was_never_promoted_has_an_empty_history(registry: Registry) -> None:
    registry.register("first", "momentum")
    assert registry.history("momentum") == ()


def test_each_promotion_has_an_audit_entry(registry: Registry) -> None:
    in_production(registry, "first")
    in_production(registry, "second")
    *_, entry = registry.audit()
    told = {key: entry.body[key] for key in ("action", "subject", "by", "from", "to", "replaced", "generation")}
    assert told == {
        "action": "promote",
        "subject": "momentum@1.1.0",
        "by": "ada",
        "from": "staging",
        "to": "production",
        "replaced": "momentum@1.0.0",
        "generation": 4,
    }


def test_of_two_promotions_decided_on_the_same_state_one_is_refused_in_words(
    registry: Registry, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(registry, "first")
    staged(registry, "second")
    bob = Registry(storage, {"text": TextFormat()}, FakeClock(), "bob")
    overtaken_by(storage, monkeypatch, lambda: bob.promote("momentum@1.0.0", Stage.PRODUCTION))
    with pytest.raises(
        Conflict,
        match=r"momentum@1\.1\.0 was not promoted to production: bob moved momentum@1\.0\.0 to production "
        r"\(change 3\), and momentum@1\.0\.0 is in production now; look again and decide again",
    ):
        registry.promote("momentum@1.1.0", Stage.PRODUCTION)
    assert stages(registry) == {"1.1.0": "staging", "1.0.0": "production"}


def test_a_promotion_that_another_made_first_is_a_conflict(
    registry: Registry, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(registry, "first")
    bob = Registry(storage, {"text": TextFormat()}, FakeClock(), "bob")
    overtaken_by(storage, monkeypatch, lambda: bob.promote("momentum@1.0.0", Stage.RETIRED))
    with pytest.raises(
        Conflict, match=r"bob moved momentum@1\.0\.0 to retired \(change 2\), and no version is in produc"
    ):
        registry.promote("momentum@1.0.0", Stage.PRODUCTION)


def test_a_change_of_another_version_does_not_hinder_a_promotion_to_staging(
    registry: Registry, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(registry, "first")
    registry.register("second", "momentum")
    overtaken_by(storage, monkeypatch, lambda: registry.promote("momentum@1.0.0", Stage.PRODUCTION))
    assert registry.promote("momentum@1.1.0", Stage.STAGING).stage is Stage.STAGING
    assert [change.generation for change in registry.history("momentum")] == [1, 2, 3]


def test_a_promotion_decided_on_an_older_generation_is_refused(registry: Registry) -> None:
    staged(registry, "first")
    staged(registry, "second")
    registry.promote("momentum@1.0.0", Stage.PRODUCTION, expect=2)
    with pytest.raises(Conflict, match=r"ada moved momentum@1\.0\.0 to production \(change 3\)"):
        registry.promote("momentum@1.1.0", Stage.PRODUCTION, expect=2)
    assert registry.promote("momentum@1.1.0", Stage.PRODUCTION, expect=3).stage is Stage.PRODUCTION


def test_an_expected_generation_before_anything_happened_says_so(registry: Registry) -> None:
    registry.register("first", "momentum")
    with pytest.raises(Conflict, match="nothing has changed yet, and no version is in production now"):
        registry.promote("momentum@1.0.0", Stage.STAGING, expect=4)


def test_a_promotion_that_is_always_overtaken_gives_up_in_words(
    registry: Registry, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register("first", "momentum")

    def refused(*operations: Any, **named: Any) -> Any:
        raise Conflict("somebody was first")

    monkeypatch.setattr(storage, "commit", refused)
    with pytest.raises(Conflict, match=r"promoting momentum@1\.0\.0 was overtaken 200 times; nothing was changed"):
        registry.promote("momentum@1.0.0", Stage.STAGING)


def test_models_do_not_share_stages_or_generations(registry: Registry) -> None:
    in_production(registry, "first")
    registry.promote(registry.register("other", "carry").ref, Stage.STAGING)
    assert registry.history("carry")[0].generation == 1
    assert registry.get("momentum@production").model == "momentum"
