"""PT2 archives made to run code: each is refused before torch reads it, at the save of a file and at the load."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from watchkeeper.contracts.plugin import NoOptions  # noqa: E402 - only where torch is
from watchkeeper.domain.errors import DataError, IntegrityError  # noqa: E402 - the same
from watchkeeper_plugins.formats import torch as torch_format  # noqa: E402 - the same

pytestmark = pytest.mark.filterwarnings("ignore")
FORMAT = torch_format.build(NoOptions())
RUN: list[str] = []


def run(what: str) -> Any:
    """What a hostile pickle calls."""
    RUN.append(what)
    return torch.zeros(3)


class Bomb:
    """Says so when it is unpickled."""

    def __reduce__(self) -> Any:
        return run, ("it was run",)


class Scaled(torch.nn.Module):
    """A weight and a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.shift = torch.tensor([1.0, 2.0, 3.0])

    def forward(self, rows: Any) -> Any:
        return rows * self.weight + self.shift


@pytest.fixture(scope="module")
def program() -> tuple[dict[str, bytes], dict[str, str]]:
    kept = io.BytesIO()
    record = FORMAT.save(torch.export.export(Scaled(), (torch.ones(2, 3),)), kept)
    with zipfile.ZipFile(kept) as archive:
        return {name: archive.read(name) for name in archive.namelist()}, dict(record)


@pytest.fixture(autouse=True)
def nothing_was_run() -> Any:
    RUN.clear()
    yield
    assert RUN == []


def written(parts: dict[str, bytes], more: tuple[tuple[str, bytes], ...] = ()) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, data in (*parts.items(), *more):
            archive.writestr(name, data)
    return kept.getvalue()


def checkpoint(thing: Any) -> bytes:
    kept = io.BytesIO()
    torch.save(thing, kept)
    return kept.getvalue()


def with_pickled(parts: dict[str, bytes], kind: str, data: bytes) -> dict[str, bytes]:
    """The archive with its first weight or constant said to be a pickle."""
    name = f"archive/data/{kind}/model_{kind}_config.json"
    config = json.loads(parts[name])
    entry = next(iter(config["config"].values()))
    entry["use_pickle"] = True
    return {**parts, name: json.dumps(config).encode(), f"archive/data/{kind}/{entry['path_name']}": data}


HOSTILE: dict[str, tuple[str, Callable[[dict[str, bytes]], bytes]]] = {
    "sample inputs": (
        "sample_inputs/model.pt, which is more than tensors",
        lambda parts: written({**parts, "archive/data/sample_inputs/model.pt": checkpoint(Bomb())}),
    ),
    "bare sample inputs": (
        "sample_inputs/model.pt, which is a bare pickle",
        lambda parts: written({**parts, "archive/data/sample_inputs/model.pt": pickle.dumps(Bomb())}),
    ),
    "a weight": (
        "weights/weight_0, which is more than tensors",
        lambda parts: written(with_pickled(parts, "weights", checkpoint(Bomb()))),
    ),
    "a bare constant": (
        "constants/tensor_0, which is a bare pickle",
        lambda parts: written(with_pickled(parts, "constants", pickle.dumps(Bomb()))),
    ),
    "an object": (
        "opaque_obj_0, which is neither its graph nor a tensor",
        lambda parts: written({**parts, "archive/data/constants/opaque_obj_0": pickle.dumps(Bomb())}),
    ),
    "a library": (
        "model.so, which is neither its graph nor a tensor",
        lambda parts: written({**parts, "archive/data/aotinductor/model/model.so": b"ELF"}),
    ),
    "weights of an older layout": (
        "weights/model.pt, which is neither its graph nor a tensor",
        lambda parts: written({**parts, "archive/data/weights/model.pt": checkpoint(Bomb())}),
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_archive_that_would_run_code_is_refused(program: tuple[dict[str, bytes], dict[str, str]], name: str) -> None:
    parts, record = program
    words, made = HOSTILE[name]
    data = made(parts)
    with pytest.raises(IntegrityError, match=words):
        FORMAT.load(io.BytesIO(data), record)
    into = io.BytesIO()
    with pytest.raises(IntegrityError, match=words):
        FORMAT.adopt(io.BytesIO(data), into)
    assert into.getvalue() == b""


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["archive/data/sample_inputs/model.pt", "archive/data/SAMPLE_INPUTS/model.pt"])
def test_parts_with_the_same_name_are_refused(program: tuple[dict[str, bytes], dict[str, str]], twin: str) -> None:
    parts, record = program
    with pytest.raises(DataError, match="parts of the archive have the same name"):
        FORMAT.load(io.BytesIO(written(parts, ((twin, checkpoint(Bomb())),))), record)


def test_the_same_archive_unharmed_is_loaded(program: tuple[dict[str, bytes], dict[str, str]]) -> None:
    parts, record = program
    found = FORMAT.load(io.BytesIO(written(parts)), record).module()
    torch.testing.assert_close(found(torch.ones(2, 3)), Scaled()(torch.ones(2, 3)))


def test_a_tensor_that_torch_pickles_is_let_through(program: tuple[dict[str, bytes], dict[str, str]]) -> None:
    parts, record = program
    data = written(with_pickled(parts, "constants", checkpoint(torch.tensor([4.0, 5.0, 6.0]))))
    found = FORMAT.load(io.BytesIO(data), record).module()
    torch.testing.assert_close(found(torch.zeros(2, 3)), torch.tensor([4.0, 5.0, 6.0]).expand(2, 3))


def test_torch_itself_would_have_run_it(program: tuple[dict[str, bytes], dict[str, str]]) -> None:
    """What these tests are worth: the same archive does run code when nobody looks into it."""
    parts, _ = program
    torch.export.load(io.BytesIO(written(with_pickled(parts, "constants", checkpoint(Bomb())))))
    assert RUN == ["it was run"]
    RUN.clear()
