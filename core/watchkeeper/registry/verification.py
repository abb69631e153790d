"""Whether the registry's records, artifacts and audit log agree with one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from watchkeeper.contracts.storage import Document, Storage
from watchkeeper.domain.errors import IntegrityError, NotFound, StoreCorrupt
from watchkeeper.domain.model import Stage, Version
from watchkeeper.domain.verdict import Finding, Status, Verdict

from .pages import VersionLine, lines_of
from .records import AUDIT, STAGE_CHANGES, VERSIONS, change_of, version_of
from .stages import ChangeKind


def verdict_on(storage: Storage) -> Verdict:
    """OK when everything fits, ALERT with a finding for each thing that does not, UNKNOWN for an empty registry."""
    findings: list[Finding] = []
    versions: dict[str, Version] = {}
    try:
        documents = storage.find(VERSIONS)
        for document in documents:
            findings += _on_record(document, versions)
        for version in versions.values():
            findings += _on_blobs(storage, version)
        findings += _on_stages(storage, versions)
        findings += _on_pages(storage, versions)
        findings += _on_audit(storage, documents)
    except StoreCorrupt as error:
        findings.append(_wrong("store", f"the check ended here, because the store itself is damaged: {error}"))
        return Verdict(Status.ALERT, tuple(findings))
    if findings:
        return Verdict(Status.ALERT, tuple(findings))
    if not documents:
        return Verdict(Status.UNKNOWN, (Finding(Status.UNKNOWN, "registry", "no version is registered"),))
    sentence = f"{len(documents)} versions, their artifacts and the audit log agree"
    return Verdict(Status.OK, (Finding(Status.OK, "registry", sentence),))


def _wrong(subject: str, sentence: str) -> Finding:
    return Finding(Status.ALERT, subject, sentence)


def _on_record(document: Document, versions: dict[str, Version]) -> Iterator[Finding]:
    try:
        versions[document.key] = version_of(document)
    except IntegrityError as error:
        yield _wrong(document.key, str(error))


def _on_blobs(storage: Storage, version: Version) -> Iterator[Finding]:
    for what, digest in (("artifact", version.digest), ("reference", version.reference_digest)):
        if digest is None:
            continue
        try:
            storage.open_blob(digest).close()
        except (NotFound, StoreCorrupt) as error:
            yield _wrong(version.ref, f"the {what} of {version.ref} cannot be used: {error}")


def _on_stages(storage: Storage, versions: dict[str, Version]) -> Iterator[Finding]:
    stages = dict.fromkeys(versions, Stage.TRAINING)
    generations: Counter[str] = Counter()
    for change in (change_of(document) for document in storage.find(STAGE_CHANGES, order=("model", "generation"))):
        generations[change.model] += 1
        if change.generation != generations[change.model]:
            yield _wrong(change.model, f"stage change {generations[change.model]} of {change.model} is missing")
            generations[change.model] = change.generation
        stages[change.ref] = change.after
        if change.replaced is not None:
            stages[f"{change.model}@{change.replaced}"] = Stage.RETIRED
    for ref, version in versions.items():
        if version.stage is not stages[ref]:
            yield _wrong(ref, f"{ref} is recorded in {version.stage}, but its history ends in {stages[ref]}")


def _on_pages(storage: Storage, versions: dict[str, Version]) -> Iterator[Finding]:
    """A line that does not fit its record: lists show it, nothing is decided on it."""
    by_ref: dict[str, VersionLine] = {}
    for model in sorted({version.model for version in versions.values()}):
        by_ref.update((line.ref, line) for line in lines_of(storage, model))
    for ref, version in versions.items():
        line = by_ref.pop(ref, None)
        if line is None or (line.stage, line.digest, line.size) != (version.stage, version.digest, version.size):
            yield _wrong(ref, f"what lists show of {ref} is not what its record says")
    for ref in by_ref:
        yield _wrong(ref, f"lists show {ref}, which is not in the registry")


def _on_audit(storage: Storage, documents: tuple[Document, ...]) -> Iterator[Finding]:
    sealed: dict[str, str] = {}
    promoted = 0
    deleted: set[str] = set()
    try:
        for entry in storage.read_log(AUDIT):
            if entry.body.get("action") == "register":
                sealed[entry.body["subject"]] = entry.body["seal"]
            if entry.body.get("action") == "delete":
                deleted.add(entry.body["subject"])
            promoted += entry.body.get("action") in set(ChangeKind)
    except StoreCorrupt as error:
        yield _wrong(AUDIT, str(error))
        return
    for document in documents:
        if sealed.get(document.key) != document.value.get("seal"):
            yield _wrong(
                document.key, f"the audit log does not hold the registration of {document.key} as it is recorded"
            )
    found = {document.key for document in documents}
    for ref in sealed:
        if ref not in found and ref not in deleted:
            yield _wrong(ref, f"{ref} is in the audit log and no longer in the registry")
    changes = len(storage.find(STAGE_CHANGES))
    if promoted != changes:
        yield _wrong(AUDIT, f"the audit log holds {promoted} promotions, the history {changes}")
