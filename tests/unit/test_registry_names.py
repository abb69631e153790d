"""Names that would lead somewhere else, look like others, or mean something to a system: refused, with nothing left."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any, BinaryIO

import pytest

from watchkeeper.domain.errors import UsageError
from watchkeeper.registry import Registry
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

CORPUS = {
    "nothing": "",
    "a space": " ",
    "dot": ".",
    "dots": "..",
    "dots inside": "a..b",
    "trailing dot": "a.",
    "leading dot": ".a",
    "leading dash": "-rf",
    "up": "../evil",
    "up inside": "ok/../../x",
    "slash": "a/b",
    "backslash": "a\\b",
    "absolute": "/etc/passwd",
    "drive": "C:",
    "colon": "ok:../../x",
    "at": "a@b",
    "NUL": "a\0b",
    "newline": "a\nb",
    "escape": "a\x1b[31mb",
    "percent": "%2e%2e",
    "percent slash": "a%2fb",
    "right to left": "a\u202egpj",
    "zero width": "a\u200bb",
    "byte order mark": "\ufeffa",
    "composed": unicodedata.normalize("NFC", "é"),
    "decomposed": unicodedata.normalize("NFD", "é"),
    "full width": "ａｂ",
    "cyrillic twin": "mоmentum",
    "surrogate": "\ud800",
    "device": "con",
    "device in capitals": "NUL",
    "device with an end": "aux.txt",
    "port": "com1",
    "printer": "LPT9.log",
    "255 bytes": "a" * 255,
    "101 letters": "a" * 101,
}


class TextFormat:
    """A model that is a text."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(json.dumps(model).encode())
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return json.loads(source.read())


@pytest.mark.parametrize("name", CORPUS.values(), ids=CORPUS)
def test_a_name_that_is_none_is_refused_and_nothing_is_kept(name: str) -> None:
    storage = MemoryStorage()
    registry = Registry(storage, {"text": TextFormat()}, FakeClock(), "ada")
    with pytest.raises(UsageError, match="is not a model name") as refused:
        registry.register("first", name)
    assert str(refused.value).isprintable()
    assert registry.models() == ()
    assert storage._blobs == {}
    assert list(registry.audit()) == []
    for work in (registry.get, registry.load, registry.delete):
        with pytest.raises(UsageError):
            work(f"{name}@latest")
    for ask in (registry.versions, registry.lines, registry.history, registry.rollback):
        with pytest.raises(UsageError):
            ask(name)


@pytest.mark.parametrize("name", ["a", "A1", "fx-carry_v2.1", "0", "console", "com10", "a" * 100])
def test_an_ordinary_name_is_kept(name: str) -> None:
    registry = Registry(MemoryStorage(), {"text": TextFormat()}, FakeClock(), "ada")
    assert registry.register("first", name).model == name
