"""Aliases, rollback, what was in production when, deleting, holds, cleanup, lineage and provenance."""

import json
import logging
from collections.abc import Mapping
from typing import Any, BinaryIO

import attrs
import numpy as np
import pandas as pd
import pytest

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.errors import Conflict, DataError, IntegrityError, NotAllowed, NotFound, UsageError
from watchkeeper.domain.model import Stage, Version
from watchkeeper.domain.table import Table
from watchkeeper.registry import EnvironmentRule, Policy, Registry, training_data_of
from watchkeeper.registry.cleanup import Limits
from watchkeeper.registry.records import ALIASES, VERSIONS, version_put
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.memory import MemoryStorage

HOUR = 3600.0


class TextFormat:
    """A model that is a text, of a framework that the record names."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(json.dumps(model).encode())
        return {"scikit-learn": "as installed"}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return json.loads(source.read())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def storage(clock: FakeClock) -> MemoryStorage:
    return MemoryStorage(clock)


@pytest.fixture
def registry(storage: MemoryStorage, clock: FakeClock) -> Registry:
    return desk(storage, clock)


def desk(storage: Storage, clock: FakeClock, actor: str = "ada", **rules: Any) -> Registry:
    return Registry(storage, {"text": TextFormat()}, clock, actor, **rules)


def released(registry: Registry, text: str, clock: FakeClock | None = None) -> Version:
    version = registry.register(text, "momentum")
    registry.promote(version.ref, Stage.STAGING)
    if clock is not None:
        clock.advance(HOUR)
    return registry.promote(version.ref, Stage.PRODUCTION)


def stage_of(registry: Registry, number: str) -> str:
    return str(registry.get(f"momentum@{number}").stage)


def test_an_alias_names_a_version(registry: Registry) -> None:
    registry.register("first", "momentum")
    registry.aliases.set("momentum@1.0.0", "champion")
    assert registry.load("momentum@champion") == "first"
    assert registry.aliases.of("momentum") == {"champion": "momentum@1.0.0"}


def test_an_alias_moves_and_is_removed_with_an_audit_entry_each(registry: Registry) -> None:
    registry.register("first", "momentum")
    registry.register("second", "momentum")
    registry.aliases.set("momentum@1.0.0", "champion")
    registry.aliases.set("momentum@latest", "champion", expect="momentum@1.0.0")
    registry.aliases.remove("momentum", "champion")
    assert registry.aliases.of("momentum") == {}
    told = [(entry.body["action"], entry.body["subject"]) for entry in registry.audit(2)]
    assert told == [
        ("alias", "momentum@1.0.0"),
        ("alias", "momentum@1.1.0"),
        ("remove alias", "momentum@1.1.0"),
    ]


def test_an_alias_that_points_elsewhere_than_expected_is_not_moved(registry: Registry) -> None:
    registry.register("first", "momentum")
    registry.aliases.set("momentum@1.0.0", "champion", expect="")
    with pytest.raises(Conflict, match=r"momentum@champion was not moved: it points at momentum@1\.0\.0 now"):
        registry.aliases.set("momentum@1.0.0", "champion", expect="")


@pytest.mark.parametrize(
    ("alias", "message"),
    [
        ("production", "'production' cannot be an alias: it is a word of its own"),
        ("latest", "cannot be an alias"),
        ("Champion", "'Champion' is not an alias: expected 1 to 63 of a-z"),
        ("../x", "is not an alias"),
        ("1.0.0", "is not an alias"),
        ("cha\u200bmpion", r"'cha\\u200bmpion' is not an alias"),
    ],
)
def test_a_word_that_cannot_be_an_alias_is_refused(registry: Registry, alias: str, message: str) -> None:
    registry.register("first", "momentum")
    with pytest.raises(UsageError, match=message):
        registry.aliases.set("momentum@1.0.0", alias)


def test_an_unknown_alias_is_told_with_the_nearest_word(registry: Registry) -> None:
    registry.register("first", "momentum")
    with pytest.raises(NotFound, match="no alias 'prodution': it has none; did you mean 'production'"):
        registry.get("momentum@prodution")
    registry.aliases.set("momentum@1.0.0", "champion")
    with pytest.raises(NotFound, match="its aliases are champion; did you mean 'champion'"):
        registry.get("momentum@champoin")
    with pytest.raises(NotFound, match="momentum has no alias 'x'; it has champion"):
        registry.aliases.remove("momentum", "x")
    with pytest.raises(NotFound, match="no model 'nobody'"):
        registry.get("nobody@champion")


def test_an_alias_whose_version_somebody_took_out_of_the_store_is_told(
    registry: Registry, storage: MemoryStorage
) -> None:
    registry.register("first", "momentum")
    registry.aliases.set("momentum@1.0.0", "champion")
    document = storage.get(ALIASES, "momentum/champion")
    assert document is not None
    from watchkeeper.contracts.storage import Put

    storage.commit([Put(ALIASES, document.key, {**document.value, "ref": "momentum@9.0.0"}, document.index)])
    with pytest.raises(IntegrityError, match=r"points at momentum@9\.0\.0, which is not there"):
        registry.get("momentum@champion")


def test_a_rollback_puts_the_version_before_back(registry: Registry) -> None:
    released(registry, "first")
    released(registry, "second")
    assert registry.rollback("momentum", reason="worse than before").ref == "momentum@1.0.0"
    assert registry.load("momentum@production") == "first"
    assert stage_of(registry, "1.1.0") == "retired"
    last = registry.history("momentum")[-1]
    assert (last.kind, last.reason, str(last.replaced)) == ("rollback", "worse than before", "1.1.0")
    assert registry.verify().status == "OK"


def test_each_further_rollback_goes_further_back_and_ends_in_words(registry: Registry) -> None:
    for text in ("first", "second", "third"):
        released(registry, text)
    assert registry.rollback("momentum").ref == "momentum@1.1.0"
    assert registry.rollback("momentum").ref == "momentum@1.0.0"
    with pytest.raises(UsageError, match=r"nothing to roll back to: momentum@1\.0\.0 is the first that was in produc"):
        registry.rollback("momentum")


def test_a_rollback_to_a_named_version_can_also_go_forward_again(registry: Registry) -> None:
    for text in ("first", "second", "third"):
        released(registry, text)
    registry.rollback("momentum", to="momentum@1.0.0")
    assert registry.rollback("momentum", to="momentum@1.2.0").ref == "momentum@1.2.0"
    assert registry.rollback("momentum").ref == "momentum@1.0.0"


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("momentum@1.2.0", r"momentum@1\.2\.0 was never in production.*\(there were 1\.1\.0, 1\.0\.0\): promote it"),
        ("momentum@1.1.0", r"momentum@1\.1\.0 is in production already"),
        ("carry@1.0.0", "cannot roll momentum back to a version of carry"),
    ],
)
def test_a_rollback_to_what_was_not_there_before_is_refused(registry: Registry, to: str, message: str) -> None:
    released(registry, "first")
    released(registry, "second")
    registry.register("third", "momentum")
    with pytest.raises(UsageError, match=message):
        registry.rollback("momentum", to=to)


def test_a_rollback_to_damaged_bytes_is_refused_and_nothing_changes(registry: Registry, storage: MemoryStorage) -> None:
    first = released(registry, "first")
    released(registry, "second")
    storage._blobs[first.digest] = b'"evil!"'
    with pytest.raises(IntegrityError, match=r"artifact of momentum@1\.0\.0 is not the one that was registered"):
        registry.rollback("momentum")
    assert registry.load("momentum@production") == "second"


def test_a_rollback_decided_on_an_older_generation_is_refused(registry: Registry) -> None:
    released(registry, "first")
    released(registry, "second")
    with pytest.raises(Conflict, match=r"moved momentum@1\.1\.0 to production \(change 4\)"):
        registry.rollback("momentum", expect=2)


def test_a_model_retires_without_a_successor_and_can_come_back(registry: Registry) -> None:
    released(registry, "first")
    assert registry.retire("momentum", reason="strategy closed").stage is Stage.RETIRED
    with pytest.raises(NotFound, match="momentum has no version in production"):
        registry.get("momentum@production")
    assert registry.rollback("momentum").ref == "momentum@1.0.0"


def test_what_was_in_production_at_a_moment_is_told(registry: Registry, clock: FakeClock) -> None:
    hour = round(HOUR * 1e6)
    released(registry, "first", clock)
    released(registry, "second", clock)
    clock.advance(HOUR)
    registry.rollback("momentum")
    clock.advance(HOUR)
    registry.retire("momentum")
    found = [registry.in_production_at("momentum", LEHMAN_US + at * hour) for at in range(5)]
    assert [tenure and tenure.ref for tenure in found] == [
        None,
        "momentum@1.0.0",
        "momentum@1.1.0",
        "momentum@1.0.0",
        None,
    ]
    assert [(str(t.number), t.until_us is None) for t in registry.tenures("momentum")] == [
        ("1.0.0", False),
        ("1.1.0", False),
        ("1.0.0", False),
    ]


def test_a_version_that_somebody_needs_is_not_deleted(registry: Registry, clock: FakeClock) -> None:
    released(registry, "first")
    released(registry, "second")
    registry.aliases.set("momentum@1.0.0", "shadow")
    registry.holds.place("momentum@1.0.0", "case-7", "under investigation")
    with pytest.raises(NotAllowed, match=r"momentum@1\.1\.0 was not deleted: it is in production$"):
        registry.delete("momentum@1.1.0")
    expected = (
        r"not deleted: it is one of the 3 versions to roll back to; it has the alias shadow; it is held: case-7 "
        r"\(under investigation\)"
    )
    with pytest.raises(NotAllowed, match=expected):
        registry.delete("momentum@1.0.0")


def test_a_hold_ends_by_itself_or_is_released(registry: Registry, clock: FakeClock) -> None:
    registry.register("first", "momentum")
    registry.holds.place("momentum@1.0.0", "lease", until_us=clock.now_us() + 1_000_000)
    with pytest.raises(NotAllowed, match=r"held: lease \(no reason given\)"):
        registry.delete("momentum@1.0.0")
    clock.advance(1)
    assert registry.holds.of("momentum@1.0.0") == ()
    registry.holds.place("momentum@1.0.0", "legal")
    with pytest.raises(NotFound, match="has no hold 'lagel'; it has legal"):
        registry.holds.release("momentum@1.0.0", "lagel")
    registry.holds.release("momentum@1.0.0", "legal")
    registry.delete("momentum@1.0.0")


def test_a_deleted_version_leaves_its_reason_and_its_number_is_never_given_again(registry: Registry) -> None:
    registry.register("first", "momentum")
    registry.register("second", "momentum")
    registry.delete("momentum@1.1.0", reason="trained on the wrong rows")
    with pytest.raises(NotFound, match=r"momentum@1\.1\.0 was deleted by ada \(trained on the wrong rows\)"):
        registry.load("momentum@1.1.0")
    assert str(registry.register("third", "momentum").number) == "1.2.0"
    with pytest.raises(Conflict, match=r"momentum@1\.1\.0 was deleted, and a number is never given again"):
        registry.register("fourth", "momentum", number="1.1.0")
    assert [line.ref for line in registry.lines("momentum")] == ["momentum@1.2.0", "momentum@1.0.0"]
    assert registry.verify().status == "OK"


def test_a_delete_that_is_overtaken_by_an_alias_is_refused(
    registry: Registry, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register("first", "momentum")
    commit = storage.commit

    def late(operations: Any, *rest: Any, **named: Any) -> Any:
        monkeypatch.setattr(storage, "commit", commit)
        registry.aliases.set("momentum@1.0.0", "champion")
        return commit(operations, *rest, **named)

    monkeypatch.setattr(storage, "commit", late)
    with pytest.raises(Conflict, match="changed at this moment, so it was not deleted"):
        registry.delete("momentum@1.0.0")
    assert registry.load("momentum@champion") == "first"


def test_cleanup_only_tells_what_would_go_unless_it_is_asked_to_do_it(
    registry: Registry, storage: MemoryStorage, clock: FakeClock
) -> None:
    for text in ("first", "second", "third"):
        registry.register(text, "momentum")
    clock.advance(2 * HOUR)
    told = registry.cleanup.collect(Limits(keep=1))
    assert told.versions == ("momentum@1.0.0", "momentum@1.1.0")
    assert told.is_dry_run
    assert len(registry.versions("momentum")) == 3
    done = registry.cleanup.collect(Limits(keep=1), dry_run=False)
    assert attrs.evolve(done, is_dry_run=True) == told
    assert done.freed_bytes == len(b'"first"') + len(b'"second"')
    assert len(storage._blobs) == 1
    assert registry.load("momentum@latest") == "third"
    assert registry.verify().status == "OK"


def test_cleanup_goes_by_age_and_by_bytes_and_keeps_what_is_needed(registry: Registry, clock: FakeClock) -> None:
    released(registry, "first")
    for text in ("second", "third", "fourth"):
        registry.register(text, "momentum")
        clock.advance(2 * HOUR)
    old = registry.cleanup.collect(Limits(max_age_us=round(3 * HOUR * 1e6)))
    assert old.versions == ("momentum@1.1.0", "momentum@1.2.0")
    assert registry.cleanup.collect(Limits(max_bytes=len('"first""third""fourth"'))).versions == ("momentum@1.1.0",)
    assert registry.cleanup.collect(Limits(max_bytes=0)).versions == (
        "momentum@1.1.0",
        "momentum@1.2.0",
        "momentum@1.3.0",
    )
    assert registry.cleanup.collect().versions == ()


def test_bytes_that_no_version_names_go_after_the_grace(
    registry: Registry, storage: MemoryStorage, clock: FakeClock
) -> None:
    import io

    orphan = storage.put_blob(io.BytesIO(b"left by a crash"))
    registry.register("first", "momentum", reference=Table({"x": np.arange(3.0)}))
    assert registry.cleanup.collect(dry_run=False).blobs == ()
    clock.advance(2 * HOUR)
    assert registry.cleanup.collect(dry_run=False).blobs == (orphan,)
    assert registry.load("momentum@latest") == "first"
    assert registry.reference("momentum@latest") is not None


def test_bytes_that_are_registered_again_while_cleanup_runs_stay(
    registry: Registry, storage: MemoryStorage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register("first", "momentum")
    registry.delete("momentum@1.0.0")
    clock.advance(2 * HOUR)
    remove = storage.remove_blob

    def late(digest: str, before_us: int) -> bool:
        registry.register("first", "momentum")
        return remove(digest, before_us)

    monkeypatch.setattr(storage, "remove_blob", late)
    assert registry.cleanup.collect(dry_run=False).blobs == ()
    assert registry.load("momentum@latest") == "first"


def test_a_limit_below_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="keep is -1; expected a number of at least 0"):
        Limits(keep=-1)


def test_the_lineage_of_a_version_goes_up_and_down(registry: Registry) -> None:
    registry.register("first", "momentum")
    registry.register("second", "momentum", parents=["momentum@1.0.0"])
    registry.register("third", "momentum", parents=["momentum@1.1.0"])
    registry.register("mixed", "blend", parents=["momentum@1.2.0", "momentum@1.0.0"])
    registry.register("stranger", "momentum")
    found = registry.lineage("momentum@1.1.0")
    assert found.edges == (
        ("momentum@1.0.0", "momentum@1.1.0"),
        ("momentum@1.1.0", "momentum@1.2.0"),
        ("momentum@1.2.0", "blend@1.0.0"),
    )
    registry.delete("momentum@1.0.0")
    assert registry.lineage("blend@1.0.0").deleted == {"momentum@1.0.0"}


def test_two_versions_are_compared_field_by_field(registry: Registry) -> None:
    registry.register("first", "momentum", metrics={"auc": 0.6}, parameters={"depth": 3})
    registry.register("first", "momentum", metrics={"auc": 0.7}, parameters={"depth": 3}, code="abc")
    told = {found.field: (found.before, found.after) for found in registry.diff("momentum@1.0.0", "momentum@1.0.1")}
    assert told == {"metrics.auc": (0.6, 0.7), "code": (None, "abc")}


def test_a_version_keeps_its_card_code_and_training_data(registry: Registry) -> None:
    rows = Table({"at": np.array([3, 1, 2], dtype="datetime64[us]"), "x": np.arange(3.0)})
    version = registry.register(
        "first",
        "momentum",
        code="f00",
        card={"intended use": "sizing"},
        training_data=training_data_of(rows, time="at"),
    )
    assert registry.get("momentum@1.0.0") == version
    assert version.training_data is not None
    assert (version.training_data.rows, version.training_data.first_us, version.training_data.last_us) == (3, 1, 3)
    assert version.card == {"intended use": "sizing"}
    other = training_data_of(Table({"at": rows["at"], "x": np.arange(3.0) + 1e-12}))
    assert other.columns["at"] == version.training_data.columns["at"]
    assert other.columns["x"] != version.training_data.columns["x"]


def test_training_rows_without_the_time_that_was_named_are_refused() -> None:
    rows = Table({"x": np.arange(3.0)})
    with pytest.raises(DataError, match="the training data has no column 'at'; found x"):
        training_data_of(rows, time="at")
    with pytest.raises(DataError, match="column 'x' holds no times"):
        training_data_of(rows, time="x")


@pytest.mark.parametrize(
    "times",
    [
        pd.to_datetime(["2024-01-01T01:00+01:00", "2024-01-02T01:00+01:00"]),
        pd.to_datetime(["2024-01-01", "2024-01-02"]),
        ["2024-01-01", "2024-01-02T00:00Z"],
    ],
    ids=["zone", "no zone", "text"],
)
def test_training_rows_may_be_a_frame(times: Any, registry: Registry) -> None:
    frame = pd.DataFrame({"ts": times, "x": [1.0, 2.0]})
    found = training_data_of(frame, time="ts")
    day = 86_400_000_000
    assert (found.rows, found.first_us, found.last_us) == (2, 19_723 * day, 19_724 * day)
    version = registry.register("first", "momentum", training_data=frame)
    assert version.training_data is not None
    assert version.training_data.columns == found.columns


def test_what_has_no_rows_is_no_training_data() -> None:
    with pytest.raises(DataError, match=r"the training data is .*3; expected rows with named columns"):
        training_data_of(3)


def aged(registry: Registry, monkeypatch: pytest.MonkeyPatch, installed: str | None) -> None:
    """Register, and then have another scikit-learn installed."""
    version = registry.register("first", "momentum")
    assert "scikit-learn" in version.environment
    registry._loading.known_distributions["scikit-learn"] = installed


def test_another_framework_refuses_the_load_unless_it_is_allowed(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sklearn

    aged(registry, monkeypatch, "0.1.0")
    with pytest.raises(NotAllowed, match=rf"scikit-learn is 0\.1\.0 and was {sklearn.__version__}, so it may answer"):
        registry.load("momentum@latest")
    assert registry.load("momentum@latest", any_environment=True) == "first"
    registry._loading.known_distributions["scikit-learn"] = None
    with pytest.raises(NotAllowed, match="scikit-learn is not installed and was"):
        registry.load("momentum@latest")


def test_another_patch_of_the_framework_is_a_warning(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import sklearn

    aged(registry, monkeypatch, ".".join(sklearn.__version__.split(".")[:2]) + ".99")
    with caplog.at_level(logging.WARNING):
        assert registry.load("momentum@latest") == "first"
    assert "momentum@1.0.0: scikit-learn is" in caplog.text


def test_the_policy_decides_about_other_frameworks(
    storage: MemoryStorage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lenient = desk(storage, clock, policy=Policy(environment=EnvironmentRule.WARN))
    aged(lenient, monkeypatch, "0.1.0")
    assert lenient.load("momentum@latest") == "first"
    assert "scikit-learn is 0.1.0" in caplog.text


def test_the_observer_is_told_of_each_change_of_stage(storage: MemoryStorage, clock: FakeClock) -> None:
    told: list[tuple[str, str]] = []
    registry = desk(storage, clock, observer=lambda version: told.append((version.ref, str(version.stage))))
    released(registry, "first")
    released(registry, "second")
    registry.rollback("momentum")
    assert told[-1] == ("momentum@1.0.0", "production")
    assert len(told) == 5


def test_lines_say_the_same_as_versions(registry: Registry) -> None:
    released(registry, "first")
    for at in range(70):
        registry.register(f"text {at}", "momentum", metrics={"auc": at / 100})
    fields = ("ref", "stage", "format", "digest", "size", "created_us", "created_by", "metrics")
    lines, versions = registry.lines("momentum"), registry.versions("momentum")
    assert [[getattr(line, field) for field in fields] for line in lines] == [
        [getattr(version, field) for field in fields] for version in versions
    ]
    with pytest.raises(NotFound, match="no model 'nobody'"):
        registry.lines("nobody")


def test_a_version_whose_stage_was_changed_in_the_store_is_not_the_one_in_production(
    registry: Registry, storage: MemoryStorage
) -> None:
    first = released(registry, "first")
    second = released(registry, "second")
    for at in range(6):
        registry.promote(registry.register(f"text {at}", "momentum").ref, Stage.STAGING)
    assert registry.load("momentum@production") == "second"
    for version, stage in ((second, Stage.RETIRED), (first, Stage.PRODUCTION)):
        document = storage.get(VERSIONS, version.ref)
        assert document is not None
        storage.commit([version_put(attrs.evolve(version, stage=stage), expect=document.revision)])
    with pytest.raises(
        IntegrityError,
        match=r"the records say that momentum@1\.0\.0 .* is in production, and its history says momentum@1\.1\.0",
    ):
        registry.load("momentum@production")
    assert registry.verify().status == "ALERT"
