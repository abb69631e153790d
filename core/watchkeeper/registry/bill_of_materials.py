"""A version as a CycloneDX 1.6 bill of materials: the model with its card, its packages, its data."""

from __future__ import annotations

import uuid
from typing import Any, Final

from watchkeeper.domain.model import Version
from watchkeeper.domain.window import iso_time

from .records import record_of, seal

_NAMES: Final = uuid.UUID("6a1c4f0e-0d1e-5f63-9c93-2f7b8a9d4e10")
_NO_PACKAGES: Final = frozenset({"python", "implementation", "platform"})
_ETHICS: Final = "ethical considerations"


def bill_of_materials(version: Version) -> dict[str, Any]:
    """The document, the same for the same version; fields that nobody provided are left out.

    References
    ----------
    CycloneDX 1.6, machine-learning bill of materials: ``machine-learning-model`` components and ``modelCard``.
    """
    components = [_library(name, number) for name, number in sorted(version.environment.items())]
    data = _data(version)
    refs = [component["bom-ref"] for component in (*filter(None, components), *data)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMES, seal(record_of(version)))}",
        "version": 1,
        "metadata": {"timestamp": iso_time(version.created_us), "component": _model(version)},
        "components": [*filter(None, components), *data],
        "dependencies": [{"ref": version.ref, "dependsOn": refs}],
    }


def _model(version: Version) -> dict[str, Any]:
    properties = {
        "watchkeeper:format": version.format,
        "watchkeeper:stage": str(version.stage),
        "watchkeeper:code": version.code,
        "watchkeeper:created-by": version.created_by,
        **{f"watchkeeper:parameter:{name}": value for name, value in version.parameters.items()},
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": version.ref,
        "name": version.model,
        "version": str(version.number),
        "hashes": [{"alg": "SHA-256", "content": version.digest}],
        "modelCard": _card(version),
        "properties": [{"name": name, "value": value} for name, value in properties.items() if value],
    }


def _card(version: Version) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    if version.task is not None:
        parameters["task"] = str(version.task)
    if version.features:
        parameters["inputs"] = [{"format": name} for name in version.features]
    if version.training_data is not None:
        parameters["datasets"] = [{"ref": f"{version.ref}/training-data"}]
    card: dict[str, Any] = {"modelParameters": parameters} if parameters else {}
    if version.metrics:
        metrics = [{"type": name, "value": repr(value)} for name, value in version.metrics.items()]
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    considerations = _considerations({name.lower(): text for name, text in version.card.items()})
    return {**card, "considerations": considerations} if considerations else card


def _considerations(card: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for section, key in (("intended use", "useCases"), ("users", "users"), ("limitations", "technicalLimitations")):
        if card.get(section):
            found[key] = [card[section]]
    if card.get(_ETHICS):
        found["ethicalConsiderations"] = [{"name": card[_ETHICS]}]
    return found


def _library(name: str, number: str) -> dict[str, Any] | None:
    if name in _NO_PACKAGES:
        return None
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{number.replace('+', '%2B')}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": number, "purl": purl}


def _data(version: Version) -> list[dict[str, Any]]:
    data = version.training_data
    if data is None:
        return []
    described = f"{data.rows} rows{f'; {data.source}' if data.source else ''}"
    properties = [{"name": f"sha256:{name}", "value": digest} for name, digest in data.columns.items()]
    return [
        {
            "type": "data",
            "bom-ref": f"{version.ref}/training-data",
            "name": "training data",
            "data": [{"type": "dataset", "name": "training data", "description": described}],
            "properties": properties,
        }
    ]
