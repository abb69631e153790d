"""The registry with the default store and scikit-learn models: round trips, damage, and races of real processes."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.errors import IntegrityError, StoreCorrupt
from watchkeeper.domain.model import Stage, Task
from watchkeeper.domain.table import Table
from watchkeeper.ensemble import Ensembles
from watchkeeper.registry import Registry
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.weighting import sample_history
from watchkeeper_plugins.formats.sklearn import SklearnFormat, build
from watchkeeper_plugins.storage.sqlite_store.options import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage
from watchkeeper_plugins.weighting.inverse_loss import InverseLossOptions
from watchkeeper_plugins.weighting.inverse_loss import build as inverse_loss

INPUTS, TRUTH = load_breast_cancer(return_X_y=True)

_RACER = """
import sys
from watchkeeper.clock import SystemClock
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.model import Stage
from watchkeeper.registry import Registry
from watchkeeper_plugins.storage.sqlite_store.options import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

class Text:
    def handles(self, model): return isinstance(model, str)
    def save(self, model, into): into.write(model.encode()); return {}
    def load(self, source, record): return source.read().decode()

folder, what, me = sys.argv[1:]
store = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"))
registry = Registry(store, {"text": Text()}, SystemClock(), me)
print("ready", flush=True)
for line in sys.stdin:
    try:
        if what == "promote":
            major, seen = line.split()
            registry.promote(f"race@{major}.{me}.0", Stage.PRODUCTION, expect=int(seen))
            print("won", flush=True)
        else:
            print(registry.register(f"model {me} {line}", "race").number, flush=True)
    except Conflict:
        print("lost", flush=True)
store.close()
"""


class PlainText:
    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: Any) -> dict[str, str]:
        into.write(model.encode())
        return {}

    def load(self, source: Any, record: Any) -> Any:
        return source.read().decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "watch"


@pytest.fixture
def storage(folder: Path) -> Iterator[SqliteStorage]:
    store = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"))
    yield store
    store.close()


@pytest.fixture
def registry(storage: SqliteStorage) -> Registry:
    return Registry(storage, {"sklearn": build(NoOptions())}, FakeClock(), "ada")


def small_model() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(INPUTS, TRUTH)


def large_model() -> Any:
    return GradientBoostingClassifier(n_estimators=10, random_state=0).fit(INPUTS, TRUTH)


def racers(folder: Path, what: str, count: int) -> list[subprocess.Popen[str]]:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _RACER, str(folder), what, str(at)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for at in range(count)
    ]
    assert [answer(racer) for racer in started] == ["ready"] * count
    return started


def tell(racer: subprocess.Popen[str], word: object) -> None:
    assert racer.stdin is not None
    racer.stdin.write(f"{word}\n")
    racer.stdin.flush()


def answer(racer: subprocess.Popen[str]) -> str:
    assert racer.stdout is not None
    return racer.stdout.readline().strip()


def ended(started: list[subprocess.Popen[str]]) -> None:
    for racer in started:
        racer.communicate(timeout=60)
        assert racer.returncode == 0


@pytest.mark.parametrize("model", [small_model(), large_model()], ids=["in the database", "in a file"])
def test_a_model_of_breast_cancer_answers_alike_in_another_process_of_the_store(folder: Path, model: Any) -> None:
    rows = Table({"radius": INPUTS[:, 0]})
    first = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"))
    Registry(first, {"sklearn": build(NoOptions())}, FakeClock(), "ada").register(
        model, "cancer", task=Task.CLASSIFICATION, metrics={"accuracy": 0.97}, reference=rows
    )
    first.close()
    second = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"))
    registry = Registry(second, {"sklearn": build(NoOptions())}, FakeClock(), "bob")
    loaded, reference = registry.load("cancer@1.0.0"), registry.reference("cancer@1.0.0")
    second.close()
    np.testing.assert_array_equal(loaded.predict_proba(INPUTS), model.predict_proba(INPUTS))
    assert reference is not None
    np.testing.assert_array_equal(reference["radius"], INPUTS[:, 0])


def test_a_retrained_model_with_the_same_outcome_is_a_patch(registry: Registry) -> None:
    numbers = [str(registry.register(small_model(), "cancer").number) for _ in range(2)]
    assert numbers == ["1.0.0", "1.0.1"]


def test_a_flipped_byte_in_the_database_is_refused_before_anything_is_parsed(
    registry: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registry.register(small_model(), "cancer")
    parsed = []
    monkeypatch.setattr(SklearnFormat, "load", lambda *given: parsed.append(given))
    rng = np.random.default_rng(0)
    with sqlite3.connect(folder / "state.db") as connection:
        (whole,) = connection.execute("SELECT data FROM blob WHERE digest = ?", (version.digest,)).fetchone()
    for at in rng.integers(0, len(whole), 50).tolist():
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        with sqlite3.connect(folder / "state.db") as connection:
            connection.execute("UPDATE blob SET data = ? WHERE digest = ?", (bytes(changed), version.digest))
        with pytest.raises(IntegrityError, match=r"the artifact of cancer@1\.0\.0 is not the one that was registered"):
            registry.load("cancer@1.0.0")
    assert parsed == []


def test_a_flipped_byte_in_a_file_is_refused_before_anything_is_parsed(
    registry: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registry.register(large_model(), "cancer")
    parsed = []
    monkeypatch.setattr(SklearnFormat, "load", lambda *given: parsed.append(given))
    (path,) = (found for found in (folder / "blobs").rglob("*") if found.name == version.digest)
    whole = path.read_bytes()
    path.chmod(0o644)
    for changed in (whole[:-1], whole + b"\0", whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], b""):
        path.write_bytes(changed)
        with pytest.raises(IntegrityError, match="is not the one that was registered"):
            registry.load("cancer@1.0.0")
    assert parsed == []
    assert "artifact of cancer@1.0.0 cannot be used" in registry.verify().sentence


def test_a_changed_record_is_refused(registry: Registry, folder: Path) -> None:
    registry.register(small_model(), "cancer", tags=("reviewed",))
    with sqlite3.connect(folder / "state.db") as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            for column in columns:
                connection.execute(
                    f"UPDATE {table} SET {column} = replace({column}, 'reviewed', 'approved') "  # noqa: S608 - names of the file itself
                    f"WHERE typeof({column}) = 'text' AND instr({column}, 'reviewed')"
                )
    with pytest.raises((IntegrityError, StoreCorrupt), match=r"cancer@1\.0\.0"):
        registry.load("cancer@1.0.0")
    assert registry.verify().status == "ALERT"


def test_of_processes_that_promote_at_once_exactly_one_wins(storage: SqliteStorage, folder: Path) -> None:
    count, rounds = 4, 6
    registry = Registry(storage, {"text": PlainText()}, FakeClock(), "ada")
    started = racers(folder, "promote", count)
    for major in range(1, rounds + 1):
        for at in range(count):
            registry.register(f"model {at}", "race", number=f"{major}.{at}.0")
            registry.promote(f"race@{major}.{at}.0", Stage.STAGING)
        seen = len(registry.history("race"))
        for racer in started:
            tell(racer, f"{major} {seen}")
        assert sorted(answer(racer) for racer in started) == ["lost"] * (count - 1) + ["won"]
        assert [str(version.stage) for version in registry.versions("race")].count("production") == 1
    ended(started)
    generations = [change.generation for change in registry.history("race")]
    assert generations == [*range(1, rounds * (count + 1) + 1)]
    assert registry.verify().status == "OK"


def test_processes_that_register_at_once_get_numbers_of_their_own(storage: SqliteStorage, folder: Path) -> None:
    count, rounds = 4, 5
    started = racers(folder, "register", count)
    numbers = []
    for at in range(rounds):
        for racer in started:
            tell(racer, at)
        numbers += [answer(racer) for racer in started]
    ended(started)
    registry = Registry(storage, {"text": PlainText()}, FakeClock(), "ada")
    assert sorted(numbers) == sorted(str(version.number) for version in registry.versions("race"))
    assert len(set(numbers)) == count * rounds
    assert len(list(registry.audit())) == count * rounds
    assert registry.verify().status == "OK"


def test_weights_and_their_history_survive_the_process(folder: Path) -> None:
    clock = FakeClock()
    for seed in range(3):
        store = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock)
        Ensembles(store, clock).reweigh(
            "vol", "inverse_loss", inverse_loss(InverseLossOptions()), sample_history(seed=seed)
        )
        store.close()
        clock.advance(86_400)
    store = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock)
    found = Ensembles(store, clock).weights_history("vol")
    current = Ensembles(store, clock).weights("vol")
    store.close()
    assert len(found) == 3
    assert found[-1] == current
    assert json.dumps(dict(found[0].shares)) != json.dumps(dict(found[1].shares))
