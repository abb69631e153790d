"""Registering, finding and loading versions."""

import json
import platform
from collections.abc import Mapping
from typing import Any, BinaryIO

import attrs
import numpy as np
import pytest

from watchkeeper.domain.errors import (
    Conflict,
    DataError,
    IntegrityError,
    NotFound,
    PluginMissing,
    StoreCorrupt,
    UsageError,
)
from watchkeeper.domain.model import Stage, Task, VersionNumber
from watchkeeper.domain.table import Categories, Table
from watchkeeper.registry import Ref, Registry, next_number
from watchkeeper.registry.records import VERSIONS, version_put
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.memory import MemoryStorage


class Numbers:
    """A model that is a list of numbers."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = numbers


class NumbersFormat:
    """Numbers as JSON; counts how often a parser saw bytes."""

    def __init__(self) -> None:
        self.parsed = 0

    def handles(self, model: Any) -> bool:
        return isinstance(model, Numbers)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        if not all(isinstance(number, float) for number in model.numbers):
            raise DataError("Numbers holds something that is not a number")
        into.write(json.dumps(model.numbers).encode())
        return {"count": str(len(model.numbers))}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        self.parsed += 1
        numbers = json.loads(source.read())
        assert len(numbers) == int(record["count"])
        return Numbers(*numbers)


class TamperedStorage(MemoryStorage):
    """Somebody changed a byte of every blob, and the store notices as its contract says."""

    def open_blob(self, digest: str) -> BinaryIO:
        super().open_blob(digest)
        raise StoreCorrupt(f"blob {digest} is damaged")


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def registry(storage: MemoryStorage, clock: FakeClock) -> Registry:
    return Registry(storage, {"numbers": NumbersFormat()}, clock, "ada")


def test_a_registered_version_says_what_it_is(registry: Registry) -> None:
    version = registry.register(
        Numbers(1.0, 2.0),
        "momentum",
        metrics={"auc": 0.61},
        parameters={"depth": 3},
        tags=("desk",),
        task=Task.CLASSIFICATION,
        features=("ret1", "vol10"),
    )
    assert version.ref == "momentum@1.0.0"
    assert version.stage is Stage.TRAINING
    assert version.format == "numbers"
    assert version.size == len(b"[1.0, 2.0]")
    assert version.created_us == LEHMAN_US
    assert version.created_by == "ada"
    assert version.metrics == {"auc": 0.61}
    assert version.parameters == {"depth": "3"}
    assert version.environment["python"] == platform.python_version()
    assert version.environment["numpy"] == np.__version__
    assert version.features == ("ret1", "vol10")


def test_what_is_stored_is_what_register_returned(registry: Registry) -> None:
    version = registry.register(Numbers(1.0), "momentum", metrics={"auc": 0.1 + 0.2}, task=Task.SCORE, tags=("a", "b"))
    assert registry.get("momentum@1.0.0") == version


def test_the_loaded_model_is_the_registered_one(registry: Registry) -> None:
    registry.register(Numbers(1.5, -2.0), "momentum")
    assert registry.load("momentum@latest").numbers == (1.5, -2.0)


def test_the_registered_features_are_those_the_model_knows_of(registry: Registry) -> None:
    model = Numbers(1.0)
    model.feature_names_in_ = np.array(["ret1", "vol10"], dtype=object)
    assert registry.register(model, "momentum").features == ("ret1", "vol10")


@pytest.mark.parametrize(
    ("digest", "features", "task", "expected"),
    [
        pytest.param("aa", ("x", "y"), Task.REGRESSION, "1.4.3", id="the same bytes are a patch"),
        pytest.param("bb", ("x", "y"), Task.REGRESSION, "1.5.0", id="other bytes are a retraining"),
        pytest.param("bb", (), None, "1.5.0", id="a schema that was not stated has not changed"),
        pytest.param("bb", ("y", "x"), Task.REGRESSION, "2.0.0", id="another order is another schema"),
        pytest.param("aa", ("x", "z"), Task.REGRESSION, "2.0.0", id="another feature is another schema"),
        pytest.param("bb", ("x", "y"), Task.SCORE, "2.0.0", id="another task is another schema"),
    ],
)
def test_the_next_number_follows_the_rule(
    registry: Registry, digest: str, features: tuple[str, ...], task: Task | None, expected: str
) -> None:
    latest = registry.register(Numbers(1.0), "m", number="1.4.2", features=("x", "y"), task=Task.REGRESSION)
    assert str(next_number(attrs.evolve(latest, digest="aa"), digest, features, task)) == expected


def test_the_numbers_of_a_model_count_up_as_it_is_registered_again(registry: Registry) -> None:
    numbers = [
        registry.register(Numbers(value), "momentum", features=features).number
        for value, features in [(1.0, ("a",)), (2.0, ("a",)), (2.0, ("a",)), (2.0, ("a", "b")), (3.0, ())]
    ]
    assert [str(number) for number in numbers] == ["1.0.0", "1.1.0", "1.1.1", "2.0.0", "2.1.0"]


def test_the_greatest_number_is_the_latest_and_1_10_follows_1_9(registry: Registry) -> None:
    for number in ("1.9.0", "1.10.0", "1.2.0"):
        registry.register(Numbers(1.0), "momentum", number=number)
    assert [str(version.number) for version in registry.versions("momentum")] == ["1.10.0", "1.9.0", "1.2.0"]
    assert registry.get("momentum@latest").number == VersionNumber(1, 10, 0)


def test_a_number_that_is_taken_is_refused(registry: Registry) -> None:
    registry.register(Numbers(1.0), "momentum", number="1.0.0")
    with pytest.raises(Conflict, match=r"momentum@1\.0\.0 exists already, and a version never changes"):
        registry.register(Numbers(2.0), "momentum", number="1.0.0")
    assert registry.load("momentum@1.0.0").numbers == (1.0,)


def test_a_number_with_ten_digits_is_refused(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"1\.1000000000\.0 cannot be kept: expected each of its parts below"):
        registry.register(Numbers(1.0), "momentum", number="1.1000000000.0")


def test_the_same_bytes_are_stored_once(registry: Registry, storage: MemoryStorage) -> None:
    for _ in range(3):
        registry.register(Numbers(1.0), "momentum")
    assert len(storage._blobs) == 1
    assert len(registry.versions("momentum")) == 3


def test_a_model_that_no_format_handles_is_refused_and_nothing_is_registered(registry: Registry) -> None:
    with pytest.raises(DataError, match=r"no format can save a builtins\.dict: expected a model for one of numbers"):
        registry.register({}, "momentum")
    assert registry.models() == ()


def test_a_model_that_its_format_cannot_save_leaves_nothing_behind(registry: Registry, storage: MemoryStorage) -> None:
    with pytest.raises(DataError, match="holds something that is not a number"):
        registry.register(Numbers("one"), "momentum")
    assert registry.models() == ()
    assert storage._blobs == {}
    assert list(registry.audit()) == []


def test_a_format_that_is_not_there_is_named_with_the_nearest(registry: Registry) -> None:
    with pytest.raises(PluginMissing, match=r"no format 'number'; available are numbers; did you mean 'numbers'\?"):
        registry.register(Numbers(1.0), "momentum", save_as="number")


def test_loading_without_the_format_that_saved_it_says_which(registry: Registry, storage: MemoryStorage) -> None:
    registry.register(Numbers(1.0), "momentum")
    with pytest.raises(PluginMissing, match="no format 'numbers'; available are none"):
        Registry(storage, {}, FakeClock(), "ada").load("momentum@1.0.0")


def test_a_metric_that_is_not_finite_is_refused(registry: Registry) -> None:
    with pytest.raises(UsageError, match="metric 'auc' is nan: expected a finite number; leave out what is undefined"):
        registry.register(Numbers(1.0), "momentum", metrics={"auc": float("nan")})


def test_parents_are_kept_as_exact_versions(registry: Registry) -> None:
    registry.register(Numbers(1.0), "momentum")
    assert registry.register(Numbers(2.0), "momentum", parents=("momentum@latest",)).parents == ("momentum@1.0.0",)


def test_a_parent_must_exist(registry: Registry) -> None:
    with pytest.raises(NotFound, match="there is no model 'momentum'; the registry is empty"):
        registry.register(Numbers(1.0), "momentum", parents=("momentum@1.0.0",))


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("momentun@1.0.0", r"no model 'momentun'; the registry has carry, momentum; did you mean 'momentum'\?"),
        ("momentum@1.0.1", r"momentum has no version 1\.0\.1; it has 1\.0\.0 \(training\); did you mean '1\.0\.0'\?"),
        ("momentum@production", r"momentum has no version in production; it has 1\.0\.0 \(training\)"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(registry: Registry, ref: str, message: str) -> None:
    registry.register(Numbers(1.0), "momentum")
    registry.register(Numbers(1.0), "carry")
    with pytest.raises(NotFound, match=message):
        registry.get(ref)


@pytest.mark.parametrize("question", [Registry.versions, Registry.history], ids=["versions", "history"])
def test_asking_for_an_unknown_model_names_the_nearest(registry: Registry, question: Any) -> None:
    registry.register(Numbers(1.0), "momentum")
    with pytest.raises(NotFound, match="did you mean 'momentum'"):
        question(registry, "momentom")


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("momentum", r"'momentum' does not say which version: .* such as momentum@1\.4\.0"),
        ("momentum@", "does not say which version"),
        ("momentum@Prodution", r"nor one of the stages .*; did you mean 'production'\?"),
        ("momentum@1.4", r"'1\.4' is not a version: expected three numbers such as 1\.4\.0"),
        ("../evil@1.0.0", r"'\.\./evil' is not a model name"),
        ("a\0b@1.0.0", "is not a model name"),
        ("%2e%2e@1.0.0", "is not a model name"),
        ("é@1.0.0", "is not a model name"),
    ],
)
def test_a_reference_that_cannot_be_read_says_what_was_expected(ref: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Ref.parse(ref)


def test_a_name_that_is_no_model_name_is_refused_before_anything_is_saved(
    registry: Registry, storage: MemoryStorage
) -> None:
    with pytest.raises(UsageError, match="is not a model name"):
        registry.register(Numbers(1.0), "a/b")
    assert storage._blobs == {}


def test_models_are_listed_in_order(registry: Registry) -> None:
    for name in ("value", "carry", "value"):
        registry.register(Numbers(1.0), name)
    assert registry.models() == ("carry", "value")


def test_reference_rows_come_back_as_they_were(registry: Registry) -> None:
    rows = Table({"ret1": np.array([0.1, np.nan]), "venue": Categories.of(["NYSE", None])})
    registry.register(Numbers(1.0), "momentum", reference=rows)
    found = registry.reference("momentum@latest")
    assert found is not None
    np.testing.assert_array_equal(found["ret1"], rows["ret1"])
    assert found["venue"].texts().tolist() == ["NYSE", None]


def test_a_version_without_reference_rows_has_none(registry: Registry) -> None:
    registry.register(Numbers(1.0), "momentum")
    assert registry.reference("momentum@latest") is None


def test_a_damaged_artifact_is_refused_before_the_format_sees_it(clock: FakeClock) -> None:
    storage, format_ = TamperedStorage(), NumbersFormat()
    registry = Registry(storage, {"numbers": format_}, clock, "ada")
    registry.register(Numbers(1.0), "momentum")
    with pytest.raises(IntegrityError, match=r"the artifact of momentum@1\.0\.0 is not the one that was registered"):
        registry.load("momentum@1.0.0")
    assert format_.parsed == 0


def test_a_missing_artifact_is_refused(registry: Registry, storage: MemoryStorage) -> None:
    registry.register(Numbers(1.0), "momentum")
    storage._blobs.clear()
    with pytest.raises(IntegrityError, match=r"the artifact of momentum@1\.0\.0 is missing from the store"):
        registry.load("momentum@1.0.0")


def test_an_artifact_of_another_size_is_refused(storage: MemoryStorage, clock: FakeClock) -> None:
    format_ = NumbersFormat()
    registry = Registry(storage, {"numbers": format_}, clock, "ada")
    version = registry.register(Numbers(1.0), "momentum")
    storage.commit([version_put(attrs.evolve(version, size=3), expect=1)])
    with pytest.raises(IntegrityError, match="has 5 bytes, expected 3: it was not loaded"):
        registry.load("momentum@1.0.0")
    assert format_.parsed == 0


@pytest.mark.parametrize("field", ["digest", "format", "created_by", "metrics", "format_record", "environment"])
def test_a_record_that_was_changed_in_the_store_is_refused(
    registry: Registry, storage: MemoryStorage, field: str
) -> None:
    version = registry.register(Numbers(1.0), "momentum")
    put = version_put(version, expect=1)
    storage.commit([attrs.evolve(put, value={**put.value, field: "changed"})])
    with pytest.raises(IntegrityError, match=r"the record of momentum@1\.0\.0 is not the one that was registered"):
        registry.load("momentum@1.0.0")


def test_a_stage_that_there_is_not_is_refused(registry: Registry, storage: MemoryStorage) -> None:
    put = version_put(registry.register(Numbers(1.0), "momentum"), expect=1)
    storage.commit([attrs.evolve(put, value={**put.value, "stage": "prodaction"})])
    with pytest.raises(IntegrityError, match="recorded at stage 'prodaction', which is none of training"):
        registry.get("momentum@1.0.0")


def test_two_versions_in_production_are_refused(registry: Registry, storage: MemoryStorage) -> None:
    for _ in range(2):
        version = registry.register(Numbers(1.0), "momentum")
        storage.commit([version_put(attrs.evolve(version, stage=Stage.PRODUCTION), expect=1)])
    with pytest.raises(IntegrityError, match=r"1\.0\.0 and momentum@1\.0\.1 are both in production"):
        registry.get("momentum@production")


def test_each_registration_has_an_audit_entry(registry: Registry) -> None:
    version = registry.register(Numbers(1.0), "momentum")
    (entry,) = registry.audit()
    told = {key: entry.body[key] for key in ("action", "subject", "by", "at_us", "digest")}
    assert told == {
        "action": "register",
        "subject": "momentum@1.0.0",
        "by": "ada",
        "at_us": LEHMAN_US,
        "digest": version.digest,
    }
    assert list(registry.audit(after=1)) == []


def test_a_registration_that_was_overtaken_takes_the_next_number(
    storage: MemoryStorage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(storage, {"numbers": NumbersFormat()}, clock, "ada")
    other = Registry(storage, {"numbers": NumbersFormat()}, clock, "bob")
    commit = storage.commit

    def overtaken(operations: Any, *rest: Any, **named: Any) -> Any:
        monkeypatch.setattr(storage, "commit", commit)
        other.register(Numbers(7.0), "momentum")
        return commit(operations, *rest, **named)

    monkeypatch.setattr(storage, "commit", overtaken)
    assert registry.register(Numbers(8.0), "momentum").ref == "momentum@1.1.0"
    assert [version.created_by for version in registry.versions("momentum")] == ["ada", "bob"]


def test_a_registration_that_is_always_overtaken_gives_up_in_words(
    registry: Registry, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*operations: Any, **named: Any) -> Any:
        raise Conflict("somebody was first")

    monkeypatch.setattr(storage, "commit", refused)
    with pytest.raises(Conflict, match="registering momentum was overtaken 200 times; nothing was registered"):
        registry.register(Numbers(1.0), "momentum")


def test_verify_finds_nothing_wrong_with_a_sound_registry(registry: Registry) -> None:
    registry.register(Numbers(1.0), "momentum", reference=Table({"ret1": np.array([0.1])}))
    registry.promote("momentum@1.0.0", Stage.STAGING)
    verdict = registry.verify()
    assert (verdict.status, verdict.sentence) == ("OK", "1 versions, their artifacts and the audit log agree")


def test_an_empty_registry_is_unknown_and_not_well(registry: Registry) -> None:
    assert (registry.verify().status, registry.verify().sentence) == ("UNKNOWN", "no version is registered")


def test_verify_names_everything_that_does_not_fit(registry: Registry, storage: MemoryStorage) -> None:
    first = registry.register(Numbers(1.0), "momentum")
    second = registry.register(Numbers(2.0), "momentum")
    third = registry.register(Numbers(3.0), "momentum")
    storage.commit([version_put(attrs.evolve(first, stage=Stage.RETIRED), expect=1)])
    storage.commit([version_put(attrs.evolve(second, created_by="eve"), expect=1)])
    put = version_put(third, expect=1)
    storage.commit([attrs.evolve(put, value={**put.value, "tags": ["x"]})])
    del storage._blobs[first.digest]
    told: dict[str, str] = {}
    for finding in registry.verify().findings:
        told[finding.subject] = told.get(finding.subject, "") + finding.sentence + "\n"
    assert "recorded in retired, but its history ends in training" in told["momentum@1.0.0"]
    assert "the audit log does not hold the registration of momentum@1.1.0 as it is recorded" in told["momentum@1.1.0"]
    assert "its seal does not fit" in told["momentum@1.2.0"]
    assert any("artifact of momentum@1.0.0 cannot be used" in f.sentence for f in registry.verify().findings)


def test_verify_finds_a_version_that_was_deleted_behind_its_back(registry: Registry, storage: MemoryStorage) -> None:
    registry.register(Numbers(1.0), "momentum")
    del storage._state.documents[VERSIONS.name]["momentum@1.0.0"]
    sentences = [finding.sentence for finding in registry.verify().findings]
    assert sentences == ["momentum@1.0.0 is in the audit log and no longer in the registry"]
