"""MLflow registries in SQLite made by hand: what is read, and what is refused."""

import io
import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.errors import DataError, NotAllowed, UsageError
from watchkeeper.registry import Registry
from watchkeeper.registry.artifacts import SavedModel
from watchkeeper.registry.mlflow import exported, imported
from watchkeeper.registry.mlflow.reading import environment_told, local_path
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper_plugins.formats import python_pickle
from watchkeeper_plugins.formats import sklearn as sklearn_format
from watchkeeper_plugins.formats.code import Reader, names_in

ROWS = np.arange(12.0).reshape(6, 2)
TABLES = """
CREATE TABLE model_versions (name, version, creation_time, user_id, current_stage, source, run_id);
CREATE TABLE registered_model_aliases (alias, version, name);
CREATE TABLE model_version_tags (key, value, name, version);
CREATE TABLE latest_metrics (key, value, is_nan, run_uuid);
CREATE TABLE params (key, value, run_uuid);
CREATE TABLE logged_models (model_id, artifact_location);
"""


class Foreign:
    """An MLflow registry in a folder."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "mlflow.db"
        self.artifacts = folder / "artifacts"
        self.artifacts.mkdir()
        self.connection = sqlite3.connect(self.database, isolation_level=None)
        self.connection.executescript(TABLES)

    def add(self, number: int, stage: str = "None", *, location: str | None = None, name: str = "line") -> Path:
        """A version whose skops archive multiplies by its number."""
        place = self.artifacts / f"{name} {number}"
        place.mkdir()
        model = LinearRegression().fit(ROWS, ROWS.sum(1) * number)
        (place / "model.skops").write_bytes(skops.io.dumps(model))
        (place / "MLmodel").write_text("flavors:\n  sklearn:\n    sklearn_version: 1.9.1\n")
        source = location or place.as_uri()
        row = (name, number, 1_700_000_000_000 + number, "ada", stage, source, f"run{number}")
        self.connection.execute("INSERT INTO model_versions VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return place

    def into(self, registry: Registry, **names: str) -> list[Any]:
        return list(imported(registry, self.database, self.artifacts, names))


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    found = Foreign(tmp_path)
    yield found
    found.connection.close()


@pytest.fixture
def registry() -> Registry:
    formats = {"pickle": python_pickle.build(NoOptions()), "sklearn": sklearn_format.build(NoOptions())}
    return Registry(MemoryStorage(), formats, FakeClock(), "ada")


def test_versions_come_with_metrics_parameters_tags_stages_and_aliases(foreign: Foreign, registry: Registry) -> None:
    foreign.add(1, "Archived")
    foreign.add(2, "Production")
    foreign.add(3, "Staging")
    foreign.connection.executescript(
        "INSERT INTO latest_metrics VALUES ('rmse', 0.5, 0, 'run2'), ('nothing', 0, 1, 'run2');"
        "INSERT INTO params VALUES ('depth', '3', 'run2');"
        "INSERT INTO model_version_tags VALUES ('desk', 'fx', 'line', 2);"
        "INSERT INTO registered_model_aliases VALUES ('champion', 2, 'line');"
    )
    assert [(one.ref, one.problem) for one in foreign.into(registry)] == [
        ("line@1.0.0", ""),
        ("line@2.0.0", ""),
        ("line@3.0.0", ""),
    ]
    stages = {str(line.number): str(line.stage) for line in registry.lines("line")}
    assert stages == {"1.0.0": "retired", "2.0.0": "production", "3.0.0": "staging"}
    version = registry.get("line@champion")
    assert (version.ref, version.metrics, version.parameters) == ("line@2.0.0", {"rmse": 0.5}, {"depth": "3"})
    assert version.tags == ("mlflow.version=2", "mlflow.created_us=1700000000002000", "desk=fx")
    assert registry.load("line@production").predict(ROWS) == pytest.approx(ROWS.sum(1) * 2)


def test_importing_again_leaves_what_is_there_alone(foreign: Foreign, registry: Registry) -> None:
    foreign.add(1)
    foreign.into(registry)
    (again,) = foreign.into(registry)
    assert again.ref is None
    assert "line@1.0.0 exists already" in again.problem


def test_a_model_whose_name_is_none_here_needs_another(foreign: Foreign, registry: Registry) -> None:
    foreign.add(1, name="my model")
    (refused,) = foreign.into(registry)
    assert "'my model' is not a model name" in refused.problem
    assert foreign.into(registry, **{"my model": "my-model"})[0].ref == "my-model@1.0.0"


def test_two_in_production_become_one(foreign: Foreign, registry: Registry) -> None:
    foreign.add(1, "Production")
    foreign.add(2, "Production")
    foreign.into(registry)
    assert registry.get("line@production").ref == "line@2.0.0"
    assert registry.rollback("line").ref == "line@1.0.0"


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("file:///etc", "which is not inside"),
        ("file:///proc/self", "which is not inside"),
        ("s3://bucket/model", "is not on this machine"),
        ("file://server/share", "is not on this machine"),
        ("{root}/../../etc", "which is not inside"),
        ("file://{root}/%2e%2e/%2e%2e", "which is not inside"),
        ("{root}/nowhere", "holds nothing; expected one of model.skops"),
    ],
)
def test_a_place_that_the_caller_did_not_name_is_not_read(
    foreign: Foreign, registry: Registry, location: str, message: str
) -> None:
    foreign.add(1, location=location.format(root=foreign.artifacts))
    (refused,) = foreign.into(registry)
    assert refused.ref is None
    assert message in refused.problem


def test_a_link_out_of_the_folder_is_not_followed(foreign: Foreign, registry: Registry, tmp_path: Path) -> None:
    place = foreign.add(1)
    (tmp_path / "secret").write_bytes((place / "model.skops").read_bytes())
    (place / "model.skops").unlink()
    (place / "model.skops").symlink_to(tmp_path / "secret")
    (refused,) = foreign.into(registry)
    assert "is a link, or in a folder that is one; expected the file itself" in refused.problem


def test_a_damaged_archive_is_left_out_and_the_others_come(foreign: Foreign, registry: Registry) -> None:
    (foreign.add(1) / "model.skops").write_bytes(b"PK broken")
    foreign.add(2)
    broken, good = foreign.into(registry)
    assert "this file is not a skops archive" in broken.problem
    assert good.ref == "line@2.0.0"


class Custom(LinearRegression):  # type: ignore[misc]  # sklearn has no types
    """A user's own estimator."""


def test_a_type_that_skops_does_not_trust_is_taken_over_only_by_name(foreign: Foreign, registry: Registry) -> None:
    (foreign.add(1) / "model.skops").write_bytes(skops.io.dumps(Custom().fit(ROWS, ROWS.sum(1))))
    name = f"{__name__}.Custom"
    (refused,) = foreign.into(registry)
    assert refused.ref is None
    assert f"the archive asks for {name}, which skops does not trust by itself" in refused.problem
    (one,) = imported(registry, foreign.database, foreign.artifacts, trusted=[name])
    assert one.problem == ""
    assert type(registry.load("line@1.0.0")) is Custom


def test_a_function_that_a_file_asks_for_is_never_called(
    foreign: Foreign, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import zipfile

    called: list[Any] = []
    monkeypatch.setattr(os, "system", called.append)
    place = foreign.add(1) / "model.skops"
    place.write_bytes(skops.io.dumps(FunctionTransformer(np.log1p)))
    with zipfile.ZipFile(place) as archive:
        schema = archive.read("schema.json").decode()
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("schema.json", schema.replace('"log1p"', '"system"').replace('"numpy"', '"os"'))
    (refused,) = foreign.into(registry)
    assert "the archive asks for os.system" in refused.problem
    assert registry.models() == ()
    assert called == []


class Bomb:
    """Says so when it is unpickled."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("it was run",)


def test_a_pickle_is_taken_over_without_being_read_and_loaded_only_under_a_policy(
    foreign: Foreign, registry: Registry
) -> None:
    place = foreign.add(1)
    (place / "model.skops").unlink()
    (place / "model.pkl").write_bytes(pickle.dumps(Bomb()))
    assert foreign.into(registry)[0].ref == "line@1.0.0"
    with pytest.raises(NotAllowed, match="can run code from the file"):
        registry.load("line@1.0.0")


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_the_names_in_a_pickle_are_those_that_reading_it_looks_up(protocol: int) -> None:
    models = [
        LinearRegression().fit(ROWS, ROWS.sum(1)),
        RandomForestClassifier(n_estimators=3).fit(ROWS, [0, 1] * 3),
        {"a": np.float64(1), "b": [np.int64(1)] * 3, "c": ROWS.astype("datetime64[us]")},
    ]
    for model in models:
        data = pickle.dumps(model, protocol=protocol)
        reader = Reader(io.BytesIO(data), None)
        reader.load()
        assert names_in(data) == reader.seen


def test_what_is_no_pickle_is_told() -> None:
    with pytest.raises(DataError, match="this file is no pickle"):
        names_in(b"\x80\x04")


def test_what_is_no_registry_is_told(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no file; expected MLflow's SQLite database"):
        list(imported(registry, tmp_path / "nowhere.db", tmp_path))
    (tmp_path / "other.db").write_bytes(b"something else")
    with pytest.raises(DataError, match="is no MLflow registry"):
        list(imported(registry, tmp_path / "other.db", tmp_path))
    with pytest.raises(DataError, match="is no folder"):
        list(imported(registry, tmp_path / "other.db", tmp_path / "nowhere"))


def test_a_format_that_takes_over_no_files_says_so(tmp_path: Path) -> None:
    class Plain:
        def handles(self, model: Any) -> bool:
            return False

    registry = Registry(MemoryStorage(), {"plain": Plain()}, FakeClock(), "ada")  # type: ignore[dict-item]
    with pytest.raises(DataError, match="the format 'plain' takes over no files"):
        registry.register(SavedModel(tmp_path / "x", "plain", {}), "m")


def test_a_file_that_is_gone_is_told(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        registry.register(SavedModel(tmp_path / "x", "sklearn", {}), "m")


def test_places_and_environments_are_read_as_they_are_written() -> None:
    assert local_path("file:///a%20b/c") == Path("/a b/c")
    assert local_path("/a/b") == Path("/a/b")
    assert local_path("https://host/a") is None
    assert environment_told("    sklearn_version: 1.9.1\n  python_version: '3.11.7'\n") == {
        "scikit-learn": "1.9.1",
        "python": "3.11.7",
    }


def test_an_export_writes_folders_and_says_what_it_left_out(
    foreign: Foreign, registry: Registry, tmp_path: Path
) -> None:
    foreign.add(1)
    foreign.into(registry)
    (one,) = exported(registry, "line", tmp_path / "out")
    assert one.folder == tmp_path / "out" / "line" / "1.0.0"
    assert {path.name for path in one.folder.iterdir()} == {"MLmodel", "model.skops", "requirements.txt"}
    with pytest.raises(UsageError, match="is there already"):
        list(exported(registry, "line", tmp_path / "out"))
    (tmp_path / "file").write_text("x")
    with pytest.raises((DataError, NotADirectoryError)):
        list(exported(registry, "line", tmp_path / "file"))
