"""Any sequence of registrations, promotions, rollbacks, deletions and cleanups agrees with a small dict model."""

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from watchkeeper.domain.errors import NotAllowed, NotFound, UsageError
from watchkeeper.domain.model import Stage
from watchkeeper.registry import Registry
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

NAMES = ("carry", "momentum")
EDGES = {
    ("training", "staging"),
    ("staging", "production"),
    ("staging", "retired"),
}


class NumberFormat:
    """A model that is a number."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, int)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(json.dumps(model).encode())
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return json.loads(source.read())


class RegistryMachine(RuleBasedStateMachine):
    """The model: for each name, the versions in order of registration as [number, stage, value, features]."""

    @initialize()
    def begin(self) -> None:
        self.clock = FakeClock()
        self.storage = MemoryStorage(self.clock)
        self.registry = Registry(self.storage, {"number": NumberFormat()}, self.clock, "ada")
        self.piles: dict[str, list[tuple[int, int, int]]] = {name: [] for name in NAMES}
        self.numbers: dict[str, list[tuple[Any, ...]]] = {name: [] for name in NAMES}
        self.expected: dict[str, list[list[Any]]] = {name: [] for name in NAMES}
        self.changes: dict[str, int] = dict.fromkeys(NAMES, 0)

    @rule(name=st.sampled_from(NAMES), value=st.integers(0, 2), features=st.sampled_from([(), ("a",), ("a", "b")]))
    def register(self, name: str, value: int, features: tuple[str, ...]) -> None:
        known = self.expected[name]
        number = (1, 0, 0)
        if self.numbers[name]:
            (major, minor, patch), before, had = max(self.numbers[name], key=lambda version: version[0])
            if had and features and had != features:
                number = (major + 1, 0, 0)
            elif before == value:
                number = (major, minor, patch + 1)
            else:
                number = (major, minor + 1, 0)
        version = self.registry.register(value, name, features=features)
        assert str(version.number) == ".".join(map(str, number))
        known.append([number, "training", value, features])
        self.numbers[name].append((number, value, features))

    @rule(name=st.sampled_from(NAMES), at=st.integers(0, 30), stage=st.sampled_from(list(Stage)))
    def promote(self, name: str, at: int, stage: Stage) -> None:
        known = self.expected[name]
        if not known:
            return
        chosen = known[at % len(known)]
        ref = f"{name}@{'.'.join(map(str, chosen[0]))}"
        if (chosen[1], str(stage)) not in EDGES:
            try:
                self.registry.promote(ref, stage)
            except UsageError:
                return
            raise AssertionError(f"{ref} went from {chosen[1]} to {stage}")
        self.registry.promote(ref, stage)
        if stage is Stage.PRODUCTION:
            for version in known:
                version[1] = "retired" if version[1] == "production" else version[1]
            self.piles[name].append(chosen[0])
        chosen[1] = str(stage)
        self.changes[name] += 1

    @rule(name=st.sampled_from(NAMES))
    def roll_back(self, name: str) -> None:
        known = {version[0]: version for version in self.expected[name]}
        target = next((number for number in reversed(self.piles[name][:-1]) if number in known), None)
        if target is None:
            try:
                self.registry.rollback(name)
            except (UsageError, NotFound):
                return
            raise AssertionError(f"{name} was rolled back to nothing")
        assert self.registry.rollback(name).ref == f"{name}@{'.'.join(map(str, target))}"
        known[self.piles[name][-1]][1] = "retired"
        known[target][1] = "production"
        self.piles[name] = [*self.piles[name][: self.piles[name].index(target)], target]
        self.changes[name] += 1

    @rule(name=st.sampled_from(NAMES), at=st.integers(0, 30))
    def delete(self, name: str, at: int) -> None:
        known = self.expected[name]
        if not known:
            return
        chosen = known[at % len(known)]
        needed = {*self.piles[name][-4:]}
        ref = f"{name}@{'.'.join(map(str, chosen[0]))}"
        try:
            self.registry.delete(ref)
        except NotAllowed:
            assert chosen[0] in needed
        else:
            assert chosen[0] not in needed
            known.remove(chosen)

    @rule(hours=st.integers(0, 3))
    def clean_up(self, hours: int) -> None:
        self.clock.advance(hours * 3600)
        self.registry.cleanup.collect(dry_run=False)
        kept = {blob.digest for blob in self.storage.blobs()}
        assert kept >= {
            version.digest for name in NAMES if self.expected[name] for version in self.registry.versions(name)
        }

    @invariant()
    def the_registry_agrees(self) -> None:
        assert self.registry.models() == tuple(name for name in NAMES if self.numbers[name])
        for name in self.registry.models():
            assert [line.ref for line in self.registry.lines(name)] == [
                version.ref for version in self.registry.versions(name)
            ]
            found = {str(version.number): str(version.stage) for version in self.registry.versions(name)}
            assert found == {".".join(map(str, number)): stage for number, stage, *_ in self.expected[name]}
            assert [change.generation for change in self.registry.history(name)] == [*range(1, self.changes[name] + 1)]
            for number, stage, value, _ in self.expected[name]:
                if stage == "production":
                    assert self.registry.load(f"{name}@production") == value
                    assert self.registry.get(f"{name}@production").ref == f"{name}@{'.'.join(map(str, number))}"

    def teardown(self) -> None:
        assert self.registry.verify().status != "ALERT"


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
