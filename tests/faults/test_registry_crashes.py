"""The process dies at every fsync, rename, unlink and commit of a change to the registry; nothing is half done."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from watchkeeper.domain.errors import Conflict, NotFound
from watchkeeper.domain.model import Stage
from watchkeeper.registry import Registry
from watchkeeper.registry.cleanup import Limits
from watchkeeper.testing.clock import FakeClock
from watchkeeper_plugins.storage.sqlite_store.connection import Connection
from watchkeeper_plugins.storage.sqlite_store.options import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

pytestmark = pytest.mark.faults
SMALL, LARGE = b"small", b"large" * 40_000
DIED = 9


class Bytes:
    """A model that is its bytes."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, bytes)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(model)
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return source.read()


class Death:
    """Counts steps and ends the process at one of them, before or after the step is done."""

    def __init__(self, at: int) -> None:
        self.at, self.steps = at, 0

    def step(self, work: Callable[[], Any]) -> Any:
        self.steps += 1
        if self.steps == self.at:
            os._exit(DIED)
        found = work()
        self.steps += 1
        if self.steps == self.at:
            os._exit(DIED)
        return found


def install(death: Death) -> None:
    """Make every step of this process one that it can die at."""
    for name in ("fsync", "rename", "unlink"):
        real = getattr(os, name)
        setattr(os, name, lambda *a, real=real, **k: death.step(lambda: real(*a, **k)))

    class Counting(Connection):
        def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
            work = super().execute
            return (
                death.step(lambda: work(statement, *arguments))
                if statement == "COMMIT"
                else work(statement, *arguments)
            )

    connect = sqlite3.connect
    sqlite3.connect = lambda *a, **k: connect(*a, **{**k, "factory": Counting})  # type: ignore[assignment]


def opened(folder: Path, hours: float = 0.0) -> tuple[SqliteStorage, Registry]:
    clock = FakeClock()
    clock.advance(hours * 3600)
    storage = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock)
    return storage, Registry(storage, {"bytes": Bytes()}, clock, "ada")


def before(registry: Registry) -> None:
    """Two versions that were in production, one in staging, one for nothing."""
    for model in (b"first", b"second"):
        registry.promote(registry.register(model, "m").ref, Stage.STAGING)
        registry.promote("m@staging", Stage.PRODUCTION)
    registry.promote(registry.register(LARGE + b"3", "m").ref, Stage.STAGING)
    registry.register(LARGE + b"4", "m")


WORK: dict[str, Callable[[Registry], object]] = {
    "register small": lambda registry: registry.register(SMALL, "m", number="7.0.0"),
    "register large": lambda registry: registry.register(LARGE, "m", number="7.0.0"),
    "promote": lambda registry: registry.promote("m@1.2.0", Stage.PRODUCTION),
    "roll back": lambda registry: registry.rollback("m"),
    "delete": lambda registry: registry.delete("m@1.3.0"),
    "collect": lambda registry: registry.cleanup.collect(Limits(keep=1), dry_run=False, grace_seconds=0.0),
}


def died(folder: Path, work: Callable[[Registry], object], at: int) -> bool:
    """Whether a process that does the work died at that step; it did all of it otherwise."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _, registry = opened(folder, hours=2)
            death = Death(at)
            install(death)
            work(registry)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, DIED), f"the work failed by itself at step {at}"
    return code == DIED


def assert_whole(registry: Registry, storage: SqliteStorage) -> None:
    assert registry.verify().status == "OK", registry.verify().findings
    lines = registry.lines("m")
    assert [line.ref for line in lines] == [version.ref for version in registry.versions("m")]
    for line in lines:
        assert registry.load(line.ref)
    assert sum(line.stage is Stage.PRODUCTION for line in lines) == 1


@pytest.mark.parametrize("name", WORK)
def test_killed_at_any_step_every_version_is_absent_or_loadable(name: str, tmp_path: Path) -> None:
    steps = 0
    for at in range(1, 200):
        folder = tmp_path / str(at)
        storage, registry = opened(folder)
        before(registry)
        storage.close()
        if not died(folder, WORK[name], at):
            break
        steps += 1
        storage, registry = opened(folder, hours=4)
        assert_whole(registry, storage)
        retried(registry, name)
        registry.cleanup.collect(dry_run=False)
        storage.maintain(10.0)
        named = {version.digest for version in registry.versions("m")}
        assert {blob.digest for blob in storage.blobs()} == named
        files = {path.name for path in (folder / "blobs").rglob("*") if path.is_file()}
        assert files <= named, "no file is left that nobody refers to"
        assert_whole(registry, storage)
        storage.close()
    else:
        raise AssertionError(f"{name} never came to its end")
    assert steps >= 2


def retried(registry: Registry, name: str) -> None:
    """Do again what was interrupted, if it was not done."""
    live = registry.get("m@production").ref
    if name.startswith("register"):
        with contextlib.suppress(Conflict):
            WORK[name](registry)
        assert registry.load("m@7.0.0") in (SMALL, LARGE)
    elif (name, live) in (("promote", "m@1.1.0"), ("roll back", "m@1.1.0")):
        WORK[name](registry)
    elif name == "delete":
        with contextlib.suppress(NotFound):
            WORK[name](registry)
        with pytest.raises(NotFound, match="was deleted by ada"):
            registry.get("m@1.3.0")
