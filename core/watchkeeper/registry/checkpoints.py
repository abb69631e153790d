"""Signed heads of the audit log, kept outside: whoever rewrites the whole log cannot rewrite those."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from watchkeeper.domain.access import Action
from watchkeeper.domain.errors import IntegrityError, NotFound, NothingToCheck

from .acting import Acting
from .envelopes import SigningKey, key_id, opened, statement
from .records import AUDIT

_PREDICATE: Final = "urn:watchkeeper:audit-checkpoint:1"


@attrs.frozen
class Checkpoint:
    """So many entries there were, and this was the digest of the last."""

    entries: int
    digest: str
    at_us: int
    signer: str


@attrs.frozen(eq=False)
class Checkpoints:
    """Makes checkpoints, and holds the log against them."""

    acting: Acting

    def make(self, key: SigningKey) -> dict[str, Any]:
        """The head of the log, signed: publish it where whoever can write to the store cannot (a ticket, a repository).

        Reads the whole log and checks its chain; NothingToCheck when it is empty.
        """
        self.acting.require(Action.SIGN, "*")
        last = None
        for entry in self.acting.storage.read_log(AUDIT):
            last = entry
        if last is None:
            raise NothingToCheck("the audit log is empty; there is nothing to sign")
        told = {"entries": last.number, "at_us": self.acting.clock.now_us(), "signer": key.name}
        return key.signed(statement({AUDIT: last.digest}, _PREDICATE, told))

    def verify(self, envelope: Mapping[str, Any]) -> Checkpoint:
        """The checkpoint, when its signer is trusted and the log still has that entry with that digest.

        Raises
        ------
        NotFound
            No trusted signer has the key that made it.
        IntegrityError
            The signature does not verify, or the log was rewritten or cut since.
        """
        self.acting.require(Action.VIEW, "*")
        found = _checkpoint_of(self._payload(envelope))
        at = None
        for entry in self.acting.storage.read_log(AUDIT):
            if entry.number == found.entries:
                at = entry.digest
        if at is None:
            raise IntegrityError(
                f"the audit log has fewer than the {found.entries} entries that {found.signer} signed: it was cut; "
                "restore the store from a backup"
            )
        if at != found.digest:
            raise IntegrityError(
                f"entry {found.entries} of the audit log is not the one that {found.signer} signed: the log was "
                "rewritten; restore the store from a backup"
            )
        return found

    def _payload(self, envelope: Mapping[str, Any]) -> str:
        signers = self.acting.policy.signers
        ids = {signature.get("keyid") for signature in envelope.get("signatures", ()) if isinstance(signature, dict)}
        for name, signer in signers.items():
            if key_id(signer.key) in ids:
                return opened(envelope, signer.key, f"the checkpoint of {name}")
        raise NotFound(
            f"no trusted signer made this checkpoint; trusted are {', '.join(signers) or 'none'}: add the signer's "
            "public key to [signers]"
        )


def _checkpoint_of(payload: str) -> Checkpoint:
    try:
        told = json.loads(payload)
        if told["predicateType"] != _PREDICATE:
            raise IntegrityError(f"this is signed as {told['predicateType']!r}, and is no checkpoint of an audit log")
        (subject,) = told["subject"]
        predicate = told["predicate"]
        return Checkpoint(predicate["entries"], subject["digest"]["sha256"], predicate["at_us"], predicate["signer"])
    except (ValueError, LookupError, TypeError) as error:
        raise IntegrityError(f"what was signed is no checkpoint: {error}") from error
