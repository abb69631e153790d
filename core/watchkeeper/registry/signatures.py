"""Who signed a version, and whether that is enough to load it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Document, LogEntry, Namespace, Operation, Put
from watchkeeper.domain.access import Action
from watchkeeper.domain.errors import IntegrityError, NotAllowed
from watchkeeper.domain.model import Version
from watchkeeper.domain.names import stored_name

from .acting import Acting, unchanged
from .envelopes import SigningKey, key_id, opened, statement
from .records import VERSIONS, record_of, seal, version_of

SIGNATURES: Final = Namespace("version-signatures", ("ref",))
_PREDICATE: Final = "urn:watchkeeper:version:1"


@attrs.frozen
class Signature:
    """Somebody signed a version."""

    signer: str
    key_id: str
    at_us: int
    is_trusted: bool
    """Whether the trust store has the key under that name."""


@attrs.frozen(eq=False)
class Signatures:
    """Signs versions, and verifies what the store holds against the trust store."""

    acting: Acting

    def sign(self, ref: str, key: SigningKey) -> Signature:
        """Sign a version: its record with all that may never change, and the digests of its bytes."""
        version, document = self.acting.found(ref, Action.SIGN)
        put, entry = signing(self.acting, version, key)
        self.acting.storage.commit([unchanged(document), put, entry])
        return self._told(put.value)

    def of(self, ref: str) -> tuple[Signature, ...]:
        """The signatures of a version; whether they verify, `require` says."""
        version, _ = self.acting.found(ref, Action.VIEW)
        return tuple(self._told(document.value) for document in self._documents(version))

    def broken(self) -> tuple[tuple[str, str], ...]:
        """(Version, what is wrong) for each signature of a trusted signer that does not fit its version."""
        found: list[tuple[str, str]] = []
        documents = self.acting.storage.find(SIGNATURES) if self.acting.policy.signers else ()
        for document in documents:
            ref = document.key.rpartition("/")[0]
            version = self.acting.storage.get(VERSIONS, ref)
            try:
                if version is None:
                    raise IntegrityError(f"there is a signature of {ref}, which is not in the registry")
                self._verified(document, version_of(version))
            except IntegrityError as error:
                found.append((ref, str(error)))
        return tuple(found)

    def require(self, version: Version, *, runs_code: bool) -> Sequence[Operation]:
        """Pass when the policy's signatures are there and verify; returns operations that assert them.

        Parameters
        ----------
        runs_code
            Whether the version's format can run code from the file: one of the signers must be trusted with that.

        Raises
        ------
        IntegrityError
            A signature of a trusted signer does not verify, or is one of something else.
        NotAllowed
            There are too few.
        """
        policy = self.acting.policy
        documents = self._documents(version) if policy.signers else ()
        valid = {document.value["signer"]: document for document in documents if self._verified(document, version)}
        keys = {policy.signers[name].key for name in valid}
        if len(keys) < policy.signatures:
            raise NotAllowed(
                f"{version.ref} was not loaded or promoted: {policy.signatures} signatures of trusted keys are needed "
                f"and {len(keys)} are there; trusted are {', '.join(policy.signers) or 'none'}"
            )
        if runs_code and not any(policy.signers[name].may_run_code for name in valid):
            allowed = ", ".join(name for name, signer in policy.signers.items() if signer.may_run_code)
            raise NotAllowed(
                f"{version.ref} was saved by {version.format!r}, which can run code from the file when it is loaded: "
                f"that takes the signature of a signer with may_run_code, of whom there are {allowed or 'none'}"
            )
        return [
            Put(SIGNATURES, document.key, document.value, document.index, document.revision)
            for document in valid.values()
        ]

    def _verified(self, document: Document, version: Version) -> bool:
        signer = document.value.get("signer")
        trusted = self.acting.policy.signers.get(signer) if isinstance(signer, str) else None
        if trusted is None:
            return False
        what = f"the signature of {signer} on {version.ref}"
        if opened(document.value["envelope"], trusted.key, what) != statement_of(version):
            raise IntegrityError(f"{what} is one of another version or of another record: it was not loaded")
        return True

    def _documents(self, version: Version) -> tuple[Document, ...]:
        return self.acting.storage.find(SIGNATURES, {"ref": version.ref})

    def _told(self, value: Any) -> Signature:
        trusted = self.acting.policy.signers.get(value["signer"])
        is_trusted = trusted is not None and key_id(trusted.key) == value["key_id"]
        return Signature(value["signer"], value["key_id"], value["at_us"], is_trusted)


def signing(acting: Acting, version: Version, key: SigningKey) -> tuple[Put, LogEntry]:
    """The operations that store a signature and its audit entry."""
    name = stored_name(key.name, "signer")
    value = {
        "signer": name,
        "key_id": key_id(key.public),
        "at_us": acting.clock.now_us(),
        "envelope": key.signed(statement_of(version)),
    }
    entry = acting.entry("sign", version.ref, signer=name, key_id=value["key_id"])
    return Put(SIGNATURES, f"{version.ref}/{name}", value, {"ref": version.ref}), entry


def statement_of(version: Version) -> str:
    """What a signer of a version states: its record's seal, and the digests of its bytes under their names."""
    subjects = {f"{version.ref}/artifact": version.digest}
    if version.reference_digest is not None:
        subjects[f"{version.ref}/reference"] = version.reference_digest
    return statement(subjects, _PREDICATE, {"ref": version.ref, "seal": seal(record_of(version)), "size": version.size})
