"""Signed statements: ed25519 over canonical JSON in a DSSE envelope.

References
----------
Dead Simple Signing Envelope, version 1.0: the pre-authentication encoding and the JSON envelope.
in-toto attestation framework, Statement version 1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from watchkeeper.domain.chain import canonical_json
from watchkeeper.domain.errors import DataError, ExtraMissing, IntegrityError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_STATEMENT: Final = "https://in-toto.io/Statement/v1"


@attrs.frozen(eq=False)
class SigningKey:
    """A private key and whose it is; it is never written anywhere but by `new_key`."""

    name: str
    """The signer, as the trust store knows them."""
    _key: Ed25519PrivateKey

    @classmethod
    def read(cls, path: Path, name: str) -> SigningKey:
        """Read a private key in PEM, as `new_key` wrote it.

        Raises
        ------
        DataError
            It cannot be read, or is no ed25519 key.
        ExtraMissing
            The package that signs is not installed.
        """
        ed25519, serialization = _cryptography()
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f"{path} cannot be read as a private key: {error}; make one with `models keygen`"
            ) from error
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise DataError(
                f"{path} holds a {type(key).__name__}, expected an ed25519 key: make one with `models keygen`"
            )
        return cls(name, key)

    @property
    def public(self) -> str:
        """The public key, 64 hexadecimal digits."""
        return self._key.public_key().public_bytes_raw().hex()

    def signed(self, payload: str) -> dict[str, Any]:
        """The envelope around a payload."""
        data = payload.encode()
        signature = self._key.sign(_encoded(PAYLOAD_TYPE, data))
        return {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(data).decode(),
            "signatures": [{"keyid": key_id(self.public), "sig": base64.b64encode(signature).decode()}],
        }


def new_key(path: Path) -> str:
    """Write a new private key that only its owner may read; returns the public key. Never overwrites."""
    ed25519, serialization = _cryptography()
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already, and a key is never overwritten: choose another name") from error
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    public: str = key.public_key().public_bytes_raw().hex()
    return public


def key_id(public: str) -> str:
    """The first 16 hexadecimal digits of SHA-256 over the public key's bytes."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:16]


def checked_public_key(text: str) -> str:
    """The public key itself, or a UsageError."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32 or text != text.lower():
        raise UsageError(f"{text!r} is no public key: expected ed25519 as 64 hexadecimal digits in lower case")
    return text


def opened(envelope: Mapping[str, Any], public: str, what: str) -> str:
    """The payload of an envelope that this key signed.

    Raises
    ------
    IntegrityError
        The signature does not fit payload and key, or this is no envelope; `what` says whose it is in the message.
    """
    ed25519, _ = _cryptography()
    from cryptography.exceptions import InvalidSignature

    try:
        payload = _bytes_of(envelope["payload"])
        (signature,) = [found["sig"] for found in envelope["signatures"] if found["keyid"] == key_id(public)]
        key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(_bytes_of(signature), _encoded(envelope["payloadType"], payload))
        return payload.decode()
    except (InvalidSignature, LookupError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise IntegrityError(
            f"{what} does not verify: it was changed, or another key made it; nothing was loaded"
        ) from error


def statement(subjects: Mapping[str, str], kind: str, predicate: Mapping[str, Any]) -> str:
    """An in-toto statement about things by their SHA-256, as canonical JSON."""
    return canonical_json(
        {
            "_type": _STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())],
            "predicateType": kind,
            "predicate": dict(predicate),
        },
        "statement",
    )


def envelope_of(text: str, source: str) -> dict[str, Any]:
    """An envelope in JSON; a DataError for anything else."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DataError(f"{source} is no JSON: {error}") from error
    if not isinstance(found, dict) or not {"payload", "payloadType", "signatures"} <= found.keys():
        raise DataError(f"{source} holds no signed envelope: expected payload, payloadType and signatures")
    return found


def _encoded(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def _bytes_of(text: str) -> bytes:
    """Base64 in its one canonical form: Python lets the last digit's spare bits be anything."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not in canonical base64")
    return data


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise ExtraMissing('signatures need the package cryptography: pip install "watchkeeper[sign]"') from error
    return ed25519, serialization
