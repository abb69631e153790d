"""A thousand flipped bits, anywhere in what the store keeps of a version: a thousand refusals before any parser."""

import json
import random
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from watchkeeper.clock import SystemClock
from watchkeeper.domain.errors import WatchkeeperError
from watchkeeper.domain.policy import Policy, Signer
from watchkeeper.registry import Registry
from watchkeeper.registry.envelopes import SigningKey, new_key
from watchkeeper.registry.records import seal
from watchkeeper_plugins.storage.sqlite_store.options import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

pytestmark = pytest.mark.faults
FLIPS = 200


class Bytes:
    """A model that is its bytes; the parser must never see others."""

    def __init__(self) -> None:
        self.parsed = 0

    def handles(self, model: Any) -> bool:
        return isinstance(model, bytes)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(model)
        return {"kind": "bytes"}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        self.parsed += 1
        return source.read()


class Desk:
    """A registry of one signed version whose store can be changed behind its back."""

    def __init__(self, folder: Path, size: int) -> None:
        new_key(folder / "key")
        key = SigningKey.read(folder / "key", "ada")
        self.folder = folder / "watch"
        self.store = SqliteStorage(SqliteOptions(f"sqlite:///{self.folder}"))
        self.format = Bytes()
        policy = Policy(signatures=1, signers={"ada": Signer(key.public)})
        self.registry = Registry(
            self.store, {"bytes": self.format}, SystemClock(), "ada", policy=policy, signs_with=lambda: key
        )
        self.model = random.Random(5).randbytes(size)  # noqa: S311 - the same bytes each time, no secret
        self.version = self.registry.register(self.model, "momentum", metrics={"auc": 0.61}, tags=("desk",))
        assert self.registry.load("momentum@1.0.0") == self.model
        self.format.parsed = 0
        self.database = sqlite3.connect(self.folder / "state.db", isolation_level=None)

    def row(self, namespace: str) -> tuple[int, dict[str, Any]]:
        number, *values = self.database.execute(
            "SELECT d.rowid, d.key, d.revision, d.value, d.checksum, d.i1, d.i2, d.i3, d.i4 FROM document d JOIN "
            "namespace n ON n.id = d.namespace WHERE n.name = ?",
            (namespace,),
        ).fetchone()
        return number, dict(zip(("key", "revision", "value", "checksum", "i1", "i2", "i3", "i4"), values, strict=True))

    def put(self, row: int, values: Mapping[str, Any]) -> None:
        columns = ", ".join(f"{name} = ?" for name in values)
        statement = f"UPDATE document SET {columns} WHERE rowid = ?"  # noqa: S608 - column names of this test's own
        self.database.execute(statement, (*values.values(), row))

    def close(self) -> None:
        self.database.close()
        self.store.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path, 20_000)
    yield found
    found.close()


def flipped(data: bytes, at: random.Random) -> bytes:
    bit = at.randrange(len(data) * 8)
    return data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def flipped_text(text: str, at: random.Random) -> str:
    """As SQLite would hand it out: a byte that is no UTF-8 becomes one that Python refuses or replaces."""
    while True:
        changed = flipped(text.encode(), at)
        try:
            return changed.decode()
        except UnicodeDecodeError:
            continue


def is_refused(work: Callable[[], object]) -> bool:
    try:
        work()
    except WatchkeeperError as error:
        return bool(str(error))
    return False


def all_refused(desk: Desk, flip: Callable[[random.Random], Callable[[], None]], work: Callable[[], object]) -> int:
    """How many of `FLIPS` were refused; `flip` changes the store and returns what puts it back."""
    refused = 0
    for number in range(FLIPS):
        undo = flip(random.Random(number))  # noqa: S311 - as above
        refused += is_refused(work)
        undo()
    assert desk.format.parsed == 0
    assert desk.registry.load("momentum@1.0.0") == desk.model
    return refused


def load(desk: Desk) -> Callable[[], object]:
    return lambda: desk.registry.load("momentum@1.0.0")


def test_bits_of_a_small_artifact(desk: Desk) -> None:
    def flip(at: random.Random) -> Callable[[], None]:
        set_to = "UPDATE blob SET data = ? WHERE digest = ?"
        desk.database.execute(set_to, (flipped(desk.model, at), desk.version.digest))
        return lambda: desk.database.execute(set_to, (desk.model, desk.version.digest))

    assert all_refused(desk, flip, load(desk)) == FLIPS


def test_bits_of_a_large_artifact(tmp_path: Path) -> None:
    desk = Desk(tmp_path, 300_000)
    path = desk.folder / "blobs" / desk.version.digest[:2] / desk.version.digest
    path.chmod(0o644)

    def flip(at: random.Random) -> Callable[[], None]:
        path.write_bytes(flipped(desk.model, at))
        return lambda: path.write_bytes(desk.model)

    assert all_refused(desk, flip, load(desk)) == FLIPS
    path.write_bytes(desk.model[:-1])
    assert is_refused(load(desk))
    path.unlink()
    path.symlink_to(tmp_path / "key")
    assert is_refused(load(desk))
    desk.close()


def test_bits_of_the_row(desk: Desk) -> None:
    row, before = desk.row("versions")

    def flip(at: random.Random) -> Callable[[], None]:
        name = at.choice(["value", "value", "value", "key", "checksum", "revision"])
        value = before[name]
        changed = flipped_text(value, at) if isinstance(value, str) else value ^ 1 << at.randrange(31)
        desk.put(row, {name: changed})
        return lambda: desk.put(row, before)

    assert all_refused(desk, flip, load(desk)) == FLIPS


@pytest.mark.parametrize("is_sealed", [False, True], ids=["checksum mended", "checksum and seal mended"])
def test_bits_of_the_record_by_somebody_who_mends_what_covers_them(desk: Desk, is_sealed: Any) -> None:
    """Without the key the signature cannot be mended; the stage alone is not under it."""
    row, before = desk.row("versions")

    def flip(at: random.Random) -> Callable[[], None]:
        while True:
            text = flipped_text(before["value"], at)
            try:
                record = json.loads(text)
            except ValueError:
                continue
            if (
                isinstance(record, dict)
                and record != json.loads(before["value"])
                and len(record) == len(json.loads(before["value"]))
            ):
                break
        if is_sealed:
            record["seal"] = seal(record)
        text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        checksum = zlib.crc32(f"{before['key']}\n{before['revision']}\n{text}".encode())
        desk.put(row, {"value": text, "checksum": checksum})
        return lambda: desk.put(row, before)

    assert all_refused(desk, flip, load(desk)) == FLIPS


def test_bits_of_the_signature(desk: Desk) -> None:
    row, before = desk.row("version-signatures")
    value = json.loads(before["value"])

    def flip(at: random.Random) -> Callable[[], None]:
        envelope = json.loads(json.dumps(value["envelope"]))
        place = at.choice(["payload", "sig", "keyid", "payloadType"])
        holder = envelope if place in envelope else envelope["signatures"][0]
        holder[place] = flipped_text(holder[place], at)
        text = json.dumps({**value, "envelope": envelope}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        checksum = zlib.crc32(f"{before['key']}\n{before['revision']}\n{text}".encode())
        desk.put(row, {"value": text, "checksum": checksum})
        return lambda: desk.put(row, before)

    assert all_refused(desk, flip, load(desk)) == FLIPS


def test_bits_of_the_audit_log(desk: Desk) -> None:
    columns = ("number", "previous", "digest", "body")
    before = desk.database.execute("SELECT number, previous, digest, body FROM log ORDER BY number").fetchall()

    def flip(at: random.Random) -> Callable[[], None]:
        number, *_ = entry = at.choice(before)
        name = at.choice(["digest", "body", "body", "body"])
        value = entry[columns.index(name)]
        statement = f"UPDATE log SET {name} = ? WHERE number = ?"  # noqa: S608 - one of two names of this test's own
        desk.database.execute(statement, (flipped_text(value, at), number))
        return lambda: desk.database.execute(statement, (value, number))

    assert all_refused(desk, flip, lambda: list(desk.registry.audit())) == FLIPS
