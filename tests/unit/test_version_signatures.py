"""Signatures: who may vouch for a version, and what happens when something does not fit."""

import base64
import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from watchkeeper.contracts.storage import Put
from watchkeeper.domain.errors import DataError, IntegrityError, NotAllowed, UsageError
from watchkeeper.domain.model import Stage
from watchkeeper.domain.policy import Policy, Signer
from watchkeeper.registry import Registry
from watchkeeper.registry.envelopes import SigningKey, checked_public_key, envelope_of, key_id, new_key, opened
from watchkeeper.registry.signatures import SIGNATURES, statement_of
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage


class TextFormat:
    """A model that is a text; counts what reaches the parser."""

    def __init__(self) -> None:
        self.parsed = 0

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(json.dumps(model).encode())
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        self.parsed += 1
        return json.loads(source.read())


class CodeFormat(TextFormat):
    """One whose files could run code."""

    runs_code = True


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, SigningKey]:
    for name in ("ada", "bob", "eve"):
        new_key(tmp_path / name)
    return {name: SigningKey.read(tmp_path / name, name) for name in ("ada", "bob", "eve")}


def trusting(keys: Mapping[str, SigningKey], *names: str, needed: int = 1, code: bool = False) -> Policy:
    return Policy(signatures=needed, signers={name: Signer(keys[name].public, code) for name in names})


def desk(storage: MemoryStorage, policy: Policy, key: SigningKey | None = None) -> Registry:
    formats = {"code": CodeFormat(), "text": TextFormat()}
    return Registry(storage, formats, FakeClock(), "ada", policy=policy, signs_with=lambda: key)


def test_a_version_that_a_trusted_signer_registered_is_loaded(
    storage: MemoryStorage, keys: dict[str, SigningKey]
) -> None:
    registry = desk(storage, trusting(keys, "ada"), keys["ada"])
    registry.register("first", "momentum")
    assert registry.load("momentum@latest") == "first"
    (signature,) = registry.signatures.of("momentum@latest")
    assert (signature.signer, signature.is_trusted, signature.key_id) == ("ada", True, key_id(keys["ada"].public))


def test_without_a_signature_nothing_is_loaded_or_promoted(storage: MemoryStorage, keys: dict[str, SigningKey]) -> None:
    registry = desk(storage, trusting(keys, "ada", "bob"))
    registry.promote(registry.register("first", "momentum").ref, Stage.STAGING)
    expected = "1 signatures of trusted keys are needed and 0 are there; trusted are ada, bob"
    with pytest.raises(NotAllowed, match=expected):
        registry.load("momentum@latest")
    with pytest.raises(NotAllowed, match=expected):
        registry.promote("momentum@latest", Stage.PRODUCTION)


def test_a_stranger_may_sign_and_it_counts_for_nothing(storage: MemoryStorage, keys: dict[str, SigningKey]) -> None:
    registry = desk(storage, trusting(keys, "ada"), keys["eve"])
    registry.register("first", "momentum")
    assert not registry.signatures.of("momentum@latest")[0].is_trusted
    with pytest.raises(NotAllowed, match="0 are there"):
        registry.load("momentum@latest")


def test_a_stranger_who_takes_a_trusted_name_is_refused(storage: MemoryStorage, keys: dict[str, SigningKey]) -> None:
    registry = desk(storage, trusting(keys, "ada"), SigningKey("ada", keys["eve"]._key))
    registry.register("first", "momentum")
    with pytest.raises(IntegrityError, match=r"signature of ada on momentum@1\.0\.0 does not verify"):
        registry.load("momentum@latest")


def test_two_signatures_are_those_of_two_keys(storage: MemoryStorage, keys: dict[str, SigningKey]) -> None:
    policy = Policy(
        signatures=2,
        signers={
            "ada": Signer(keys["ada"].public),
            "ada-too": Signer(keys["ada"].public),
            "bob": Signer(keys["bob"].public),
        },
    )
    registry = desk(storage, policy, keys["ada"])
    registry.register("first", "momentum")
    registry.signatures.sign("momentum@latest", SigningKey("ada-too", keys["ada"]._key))
    with pytest.raises(NotAllowed, match="2 signatures of trusted keys are needed and 1 are there"):
        registry.load("momentum@latest")
    registry.signatures.sign("momentum@latest", keys["bob"])
    assert registry.load("momentum@latest") == "first"


def test_a_signature_of_another_version_is_refused(storage: MemoryStorage, keys: dict[str, SigningKey]) -> None:
    registry = desk(storage, trusting(keys, "ada"), keys["ada"])
    registry.register("first", "momentum")
    other = desk(storage, Policy())
    other.register("second", "momentum")
    good = storage.get(SIGNATURES, "momentum@1.0.0/ada")
    assert good is not None
    storage.commit([Put(SIGNATURES, "momentum@1.1.0/ada", good.value, {"ref": "momentum@1.1.0"})])
    with pytest.raises(IntegrityError, match=r"ada on momentum@1\.1\.0 is one of another version or of another record"):
        registry.load("momentum@1.1.0")


def test_a_format_that_runs_code_is_never_chosen_unasked(storage: MemoryStorage) -> None:
    registry = desk(storage, Policy())
    assert registry.register("first", "momentum").format == "text"


def test_a_format_that_runs_code_needs_a_signer_who_may(storage: MemoryStorage, keys: dict[str, SigningKey]) -> None:
    registry = desk(storage, trusting(keys, "ada", needed=0), keys["ada"])
    registry.register("first", "momentum", save_as="code")
    with pytest.raises(NotAllowed, match=r"saved by 'code', which can run code from the file.* of whom there are none"):
        registry.load("momentum@latest")
    trusted = desk(storage, trusting(keys, "ada", needed=0, code=True))
    assert trusted.load("momentum@latest") == "first"


def test_an_independent_reader_verifies_the_envelope(storage: MemoryStorage, keys: dict[str, SigningKey]) -> None:
    registry = desk(storage, Policy(), keys["ada"])
    version = registry.register("first", "momentum")
    document = storage.get(SIGNATURES, "momentum@1.0.0/ada")
    assert document is not None
    envelope = document.value["envelope"]
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    encoded = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(keys["ada"].public))
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), encoded)
    told = json.loads(payload)
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["subject"] == [{"digest": {"sha256": version.digest}, "name": "momentum@1.0.0/artifact"}]
    assert payload.decode() == statement_of(version)


def test_deleting_a_version_deletes_its_signatures(storage: MemoryStorage, keys: dict[str, SigningKey]) -> None:
    registry = desk(storage, Policy(), keys["ada"])
    registry.register("first", "momentum")
    registry.delete("momentum@1.0.0")
    assert storage.find(SIGNATURES) == ()


def test_a_new_key_is_for_its_owner_alone_and_overwrites_nothing(tmp_path: Path) -> None:
    public = new_key(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert SigningKey.read(tmp_path / "key", "ada").public == public == checked_public_key(public)
    with pytest.raises(UsageError, match="is there already, and a key is never overwritten"):
        new_key(tmp_path / "key")
    with pytest.raises(DataError, match="cannot be written"):
        new_key(tmp_path / "nowhere" / "key")


def test_what_is_no_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a key")
    with pytest.raises(DataError, match=r"cannot be read as a private key.*make one with `models keygen`"):
        SigningKey.read(tmp_path / "text", "ada")
    with pytest.raises(DataError, match="cannot be read as a private key"):
        SigningKey.read(tmp_path / "nowhere", "ada")
    for text in ("ab", "xy" * 32, "AB" * 32):
        with pytest.raises(UsageError, match="is no public key: expected ed25519 as 64"):
            checked_public_key(text)


def test_a_key_of_another_kind_is_told(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "ec").write_bytes(other)
    with pytest.raises(DataError, match="holds a ECPrivateKey, expected an ed25519 key"):
        SigningKey.read(tmp_path / "ec", "ada")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"payload": 1}'])
def test_what_is_no_envelope_is_told(text: str) -> None:
    with pytest.raises(DataError, match=r"the file .*(is no JSON|holds no signed envelope)"):
        envelope_of(text, "the file x")


def test_an_envelope_without_a_signature_does_not_verify(keys: dict[str, SigningKey]) -> None:
    envelope = keys["ada"].signed("{}")
    for broken in ({}, {**envelope, "signatures": []}, {**envelope, "payload": "é"}, {**envelope, "payloadType": "x"}):
        with pytest.raises(IntegrityError, match="it does not verify"):
            opened(broken, keys["ada"].public, "it")
    assert opened(envelope, keys["ada"].public, "it") == "{}"


def test_verify_names_a_signature_that_does_not_fit(storage: MemoryStorage, keys: dict[str, SigningKey]) -> None:
    registry = desk(storage, trusting(keys, "ada"), keys["ada"])
    registry.register("first", "momentum")
    registry.register("second", "momentum")
    assert registry.verify().status == "OK"
    good = storage.get(SIGNATURES, "momentum@1.0.0/ada")
    assert good is not None
    storage.commit([Put(SIGNATURES, "momentum@1.1.0/ada", good.value, {"ref": "momentum@1.1.0"})])
    storage.commit([Put(SIGNATURES, "momentum@9.0.0/ada", good.value, {"ref": "momentum@9.0.0"})])
    verdict = registry.verify()
    assert verdict.status == "ALERT"
    assert [finding.subject for finding in verdict.findings] == ["momentum@1.1.0", "momentum@9.0.0"]
    assert "is not in the registry" in verdict.findings[1].sentence
