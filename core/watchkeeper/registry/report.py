"""A compliance report: what a regulator's headings ask for and the registry can prove; the rest says NOT PROVIDED.

References
----------
SR 11-7, Guidance on Model Risk Management: development, implementation and use; validation; governance; inventory.
Regulation (EU) 2024/1689, Annex IV: technical documentation, points 1 to 9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from watchkeeper.domain.model import Version
from watchkeeper.domain.window import iso_time

from .evidence import Evidence, VersionEvidence

NOT_PROVIDED: Final = "NOT PROVIDED"
_ALWAYS_CARD: Final = "the model card's section {!r}"


@attrs.frozen
class Item:
    """One line of a report."""

    label: str
    value: str | None
    """None: nobody has provided it."""
    source: str
    """Where it comes from, or where it would."""


@attrs.frozen
class Section:
    """A heading and its lines."""

    title: str
    items: tuple[Item, ...]


@attrs.frozen
class Report:
    """The whole."""

    title: str
    subject: str
    made: str
    parts: tuple[tuple[str, tuple[Section, ...]], ...]
    """(Name of the standard, its sections)."""


def report_of(evidence: Evidence) -> Report:
    """The report on a model: about the version in production, or the latest when none is."""
    subject = next((one for one in evidence.versions if one.version.ref == evidence.production), evidence.versions[0])
    parts = (
        ("Inventory", (_inventory(evidence),)),
        ("SR 11-7", _sr_11_7(evidence, subject)),
        ("EU AI Act, Annex IV", _annex_iv(evidence, subject)),
        ("Record", (_changes(evidence), _integrity(evidence))),
    )
    return Report(f"Model file: {evidence.model}", subject.version.ref, iso_time(evidence.made_us), parts)


def report_json(report: Report) -> dict[str, Any]:
    """The report as what JSON can hold; what nobody provided is ``NOT PROVIDED``."""
    return {
        "title": report.title,
        "subject": report.subject,
        "made": report.made,
        "parts": [
            {
                "standard": name,
                "sections": [
                    {
                        "title": section.title,
                        "items": [
                            {"label": item.label, "value": item.value or NOT_PROVIDED, "source": item.source}
                            for item in section.items
                        ],
                    }
                    for section in sections
                ],
            }
            for name, sections in report.parts
        ],
    }


def _inventory(evidence: Evidence) -> Section:
    items = [
        Item(
            one.version.ref,
            f"{one.version.stage}; {one.version.format}; {one.version.size:,} bytes; SHA-256 {one.version.digest}; "
            f"registered {iso_time(one.version.created_us)} by {one.version.created_by}",
            "registry",
        )
        for one in evidence.versions
    ]
    return Section("Versions of the model", tuple(items))


def _sr_11_7(evidence: Evidence, subject: VersionEvidence) -> tuple[Section, ...]:
    version = subject.version
    card = _card(version)
    return (
        Section(
            "Model development, implementation and use",
            (
                card("purpose", "intended use"),
                card("Theory and method", "method"),
                _training_data(version),
                Item("Inputs", ", ".join(version.features) or None, "registry: features"),
                Item("Parameters", _pairs(version.parameters), "registry: parameters"),
                Item("Code revision", version.code, "registry: code"),
                Item("Environment", _pairs(version.environment), "registry: environment"),
                card("Limitations and assumptions", "limitations"),
            ),
        ),
        Section(
            "Model validation",
            (
                Item("Metrics at registration", _pairs(version.metrics), "registry: metrics"),
                Item("Checks", _lines(_check(one) for one in subject.checks), "registry: checks"),
                _monitored(evidence, "drift", "Ongoing monitoring: drift"),
                _monitored(evidence, "alerts", "Ongoing monitoring: alerts"),
                card("Outcomes analysis", "outcomes analysis"),
            ),
        ),
        Section(
            "Governance, policies and controls",
            (
                card("Owner", "owner"),
                Item(
                    "Approvals",
                    _lines(f"{one.by}, {iso_time(one.at_us)}: {one.note or 'no note'}" for one in subject.approvals),
                    "registry: approvals",
                ),
                Item(
                    "Signatures",
                    _lines(
                        f"{one.signer} ({one.key_id}, {'trusted' if one.is_trusted else 'not trusted'})"
                        for one in subject.signatures
                    ),
                    "registry: signatures",
                ),
                Item("In production", _tenures(evidence), "registry: history"),
                card("Policies that apply", "policies"),
            ),
        ),
    )


def _annex_iv(evidence: Evidence, subject: VersionEvidence) -> tuple[Section, ...]:
    version = subject.version
    card = _card(version)
    return (
        Section(
            "1. General description of the system",
            (
                card("Intended purpose", "intended use"),
                card("Provider", "owner"),
                Item("Version and its relation to earlier ones", _family(subject), "registry: lineage"),
                card("Interaction with other systems and hardware", "system context"),
                card("Instructions for use", "instructions for use"),
            ),
        ),
        Section(
            "2. Elements of the system and process of its development",
            (
                card("Methods and steps of development", "method"),
                card("Design choices and what is optimised for", "design choices"),
                _training_data(version),
                card("Human oversight", "human oversight"),
                Item("Validation and testing", _lines(_check(one) for one in subject.checks), "registry: checks"),
                Item("Cybersecurity measures", _integrity_told(evidence, subject), "registry: digests and signatures"),
            ),
        ),
        Section(
            "3. Monitoring, functioning and control",
            (
                card("Capabilities and limitations", "limitations"),
                card("Foreseeable unintended outcomes", "risks"),
                _monitored(evidence, "alerts", "Incidents"),
                Item("Specification of input data", ", ".join(version.features) or None, "registry: features"),
            ),
        ),
        Section(
            "4. Appropriateness of the performance metrics",
            (
                Item("Metrics", _pairs(version.metrics), "registry: metrics"),
                card("Why these metrics", "metrics rationale"),
            ),
        ),
        Section("5. Risk management system", (card("Risk management", "risk management"),)),
        Section(
            "6. Changes made through the lifecycle",
            (Item("Changes", _lines(_change_lines(evidence)), "registry: history"),),
        ),
        Section("7. Harmonised standards applied", (card("Standards", "harmonised standards"),)),
        Section("8. EU declaration of conformity", (card("Declaration", "declaration of conformity"),)),
        Section(
            "9. Post-market monitoring",
            (
                card("Plan", "post-market monitoring"),
                _monitored(evidence, "drift", "Drift history"),
            ),
        ),
    )


def _changes(evidence: Evidence) -> Section:
    deployments = [
        f"{one.key}: {one.plan.strategy} of {one.candidate} instead of {one.stable or 'nothing'}, {one.phase}"
        f"{f' ({one.reason})' if one.reason else ''}"
        for one in evidence.deployments
    ]
    return Section(
        "History",
        (
            Item("Changes of stage", _lines(_change_lines(evidence)), "registry: history"),
            Item("Deployments", _lines(deployments), "registry: deployments"),
        ),
    )


def _integrity(evidence: Evidence) -> Section:
    return Section(
        "Integrity",
        (
            Item("Verification", evidence.verdict, "registry: verify"),
            Item("Audit log", f"{evidence.audit_entries} entries, head {evidence.audit_head}", "registry: audit"),
        ),
    )


def _card(version: Version) -> Callable[[str, str], Item]:
    known = {name.lower(): text for name, text in version.card.items()}

    def item(label: str, section: str) -> Item:
        return Item(label[:1].upper() + label[1:], known.get(section) or None, _ALWAYS_CARD.format(section))

    return item


def _training_data(version: Version) -> Item:
    data = version.training_data
    if data is None:
        return Item("Training data", None, "registry: training_data")
    span = ""
    if data.first_us is not None and data.last_us is not None:
        span = f", from {iso_time(data.first_us)} to {iso_time(data.last_us)}"
    source = f"; {data.source}" if data.source else ""
    digests = "\n".join(f"{name}: SHA-256 {digest}" for name, digest in data.columns.items())
    return Item("Training data", f"{data.rows:,} rows{span}{source}\n{digests}", "registry: training_data")


def _monitored(evidence: Evidence, name: str, label: str) -> Item:
    found = evidence.monitoring.get(name)
    if found is None:
        return Item(label, None, f"monitoring: {name}")
    told = _lines(", ".join(f"{key} {value}" for key, value in one.items()) for one in found)
    return Item(label, told or "none in the time that was looked at", f"monitoring: {name}")


def _integrity_told(evidence: Evidence, subject: VersionEvidence) -> str:
    signed = ", ".join(one.signer for one in subject.signatures if one.is_trusted) or "nobody whose key is trusted"
    return (
        f"SHA-256 {subject.version.digest} is compared before the model is read; signed by {signed}; {evidence.verdict}"
    )


def _family(subject: VersionEvidence) -> str | None:
    return _lines(f"{parent} -> {child}" for parent, child in subject.lineage.edges)


def _tenures(evidence: Evidence) -> str | None:
    told = []
    for one in evidence.tenures:
        until = "now" if one.until_us is None else iso_time(one.until_us)
        told.append(f"{one.ref} from {iso_time(one.since_us)} to {until}, by {one.by}")
    return _lines(told)


def _change_lines(evidence: Evidence) -> Iterable[str]:
    for one in evidence.changes:
        why = f" ({one.reason})" if one.reason else ""
        yield f"{iso_time(one.at_us)} {one.by}: {one.ref} {one.before} -> {one.after}, {one.kind}{why}"


def _check(one: Any) -> str:
    return (
        f"{one.name} {'passed' if one.passed else 'FAILED'}, {one.by}, {iso_time(one.at_us)}: {one.evidence or 'none'}"
    )


def _pairs(found: Mapping[str, Any]) -> str | None:
    return _lines(f"{key}: {value}" for key, value in found.items())


def _lines(found: Iterable[str] | Sequence[str]) -> str | None:
    return "\n".join(found) or None
