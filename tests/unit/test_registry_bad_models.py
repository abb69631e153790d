"""Models that cannot be saved, formats that are not theirs, packages that are missing: a sentence, nothing kept."""

import atexit
import importlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.errors import DataError, ExtraMissing, WatchkeeperError
from watchkeeper.registry import Registry
from watchkeeper.registry.artifacts import SavedModel
from watchkeeper.registry.environment import environment_of
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

NAMES = ("joblib", "keras", "lightgbm", "onnx", "python_pickle", "sklearn", "torch", "xgboost")
FORMATS = {
    name.removeprefix("python_"): importlib.import_module(f"watchkeeper_plugins.formats.{name}").build(NoOptions())
    for name in NAMES
}


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def registry(storage: MemoryStorage) -> Iterator[Registry]:
    found = Registry(storage, FORMATS, FakeClock(), "ada")
    yield found
    assert found.models() == ()
    assert storage._blobs == {}
    assert list(found.audit()) == []


def with_part(part: Any) -> LinearRegression:
    model = LinearRegression()
    model.part = part
    return model


def inside_itself() -> LinearRegression:
    model = LinearRegression()
    model.part = model
    return model


def deep() -> LinearRegression:
    part: list[Any] = []
    for _ in range(5000):
        part = [part]
    return with_part(part)


class Talkative(LinearRegression):  # type: ignore[misc]  # sklearn has no types
    """Refuses to be saved, at length."""

    def __getstate__(self) -> Any:
        raise RuntimeError("the first line says enough\nthe second goes on and on")


NOTHING = Path(os.devnull).open()  # noqa: SIM115 - the test needs it open
atexit.register(NOTHING.close)  # or whatever test runs when it is collected is told of it

MODELS = {
    "a generator in it": lambda: with_part(number for number in range(3)),
    "a lock in it": lambda: with_part(threading.Lock()),
    "an open file in it": lambda: with_part(NOTHING),
    "a function without a name in it": lambda: with_part(lambda rows: rows),
    "a module in it": lambda: with_part(sys),
    "itself in it": inside_itself,
    "lists in lists": deep,
    "an error when it is saved": Talkative,
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_model_that_cannot_be_saved_is_a_sentence(registry: Registry, make: Any) -> None:
    model = make()
    with pytest.raises(DataError, match=r"cannot be (saved|read back once saved)") as refused:
        registry.register(model, "m")
    assert "\n" not in str(refused.value)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("save_as", ["pickle", "joblib"])
@pytest.mark.parametrize("name", [name for name in MODELS if name != "itself in it"])
def test_what_does_not_pickle_is_a_sentence(registry: Registry, save_as: str, name: str) -> None:
    model = MODELS[name]()
    with pytest.raises(
        DataError, match=r"cannot be (pickled|saved|saved by joblib)|exists in this process only"
    ) as told:
        registry.register(model, "m", save_as=save_as)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("save_as", FORMATS)
@pytest.mark.parametrize(
    "thing",
    [None, object(), "text", LinearRegression, len, {"a": 1}],
    ids=["nothing", "object", "text", "class", "function", "mapping"],
)
def test_what_is_no_model_of_the_named_format_is_refused(registry: Registry, save_as: str, thing: Any) -> None:
    with pytest.raises(DataError, match=f"the format '{save_as}' does not save a builtins|abc.ABCMeta"):
        registry.register(thing, "m", save_as=save_as)


@pytest.mark.parametrize("save_as", sorted(FORMATS.keys() - {"sklearn", "pickle", "joblib"}))
def test_a_model_of_another_framework_is_refused_by_the_named_format(registry: Registry, save_as: str) -> None:
    with pytest.raises(DataError, match=rf"the format '{save_as}' does not save a sklearn\..*LinearRegression"):
        registry.register(LinearRegression(), "m", save_as=save_as)


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_a_file_that_is_none_of_the_format_is_a_sentence(registry: Registry, tmp_path: Path, format_name: str) -> None:
    (tmp_path / "model").write_bytes(b"neither this nor that")
    with pytest.raises(WatchkeeperError) as told:
        registry.register(SavedModel(tmp_path / "model", format_name, {}), "m")
    assert "\n" not in str(told.value)


def test_a_folder_or_a_pipe_is_no_file(registry: Registry, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(DataError, match=r"is no file: expected one that sklearn wrote"):
            registry.register(SavedModel(place, "sklearn", {}), "m")


class Needy:
    """A format whose framework is gone."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(model.encode())
        if model == "unsaved":
            importlib.import_module("nowhere_to_be_found")
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return importlib.import_module("nowhere_to_be_found")


def test_a_package_that_is_missing_at_the_save_is_named_and_nothing_is_kept(storage: MemoryStorage) -> None:
    registry = Registry(storage, {"needy": Needy()}, FakeClock(), "ada")
    with pytest.raises(ExtraMissing, match=r"'needy' cannot save the model here: No module named 'nowhere.*install"):
        registry.register("unsaved", "m")
    assert registry.models() == ()
    assert storage._blobs == {}


def test_a_package_that_is_missing_at_the_load_is_named() -> None:
    registry = Registry(MemoryStorage(), {"needy": Needy()}, FakeClock(), "ada")
    registry.register("saved", "m")
    with pytest.raises(ExtraMissing, match=r"'needy' cannot load m@1.0.0 here: No module named 'nowhere.*install"):
        registry.load("m@1.0.0")


def test_a_framework_that_came_under_another_name_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the package xgboost of the distribution xgboost-cpu."""
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "statsmodels":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: {"statsmodels": ["numpy"]})
    monkeypatch.setattr("watchkeeper.registry.environment.find_spec", lambda name: name)
    monkeypatch.setitem(sys.modules, "statsmodels", sys)
    assert environment_of(object(), {})["statsmodels"] == np.__version__
