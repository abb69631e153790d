"""Checkpoints of the audit log, the compliance report, and the bill of materials."""

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from watchkeeper.domain.errors import IntegrityError, NotFound, NothingToCheck
from watchkeeper.domain.model import Stage, Task
from watchkeeper.domain.policy import Policy, Signer
from watchkeeper.domain.table import Table
from watchkeeper.registry import Registry, training_data_of
from watchkeeper.registry.bill_of_materials import bill_of_materials
from watchkeeper.registry.deployments import canary
from watchkeeper.registry.envelopes import SigningKey, new_key, statement
from watchkeeper.registry.evidence import evidence_of
from watchkeeper.registry.report import NOT_PROVIDED, Report, report_json, report_of
from watchkeeper.registry.report_page import report_page
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage


class TextFormat:
    """A model that is a text."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(json.dumps(model).encode())
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return json.loads(source.read())


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    new_key(tmp_path / "key")
    return SigningKey.read(tmp_path / "key", "ada")


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def registry(storage: MemoryStorage, key: SigningKey) -> Registry:
    policy = Policy(signers={"ada": Signer(key.public)})
    return Registry(storage, {"text": TextFormat()}, FakeClock(), "ada", policy=policy)


def full(registry: Registry, key: SigningKey) -> None:
    """A model with everything that can be known of it."""
    rows = Table({"at": np.arange(5).astype("datetime64[us]"), "x": np.arange(5.0)})
    for text in ("first", "second"):
        version = registry.register(
            text,
            "momentum",
            metrics={"auc": 0.61},
            parameters={"depth": 3},
            task=Task.CLASSIFICATION,
            features=("ret1", "vol10"),
            code="f00ba4",
            parents=["momentum@1.0.0"] if text == "second" else [],
            training_data=training_data_of(rows, time="at", source="desk database"),
            card={"Intended use": "sizing", "limitations": "<b>liquid</b> markets only", "owner": "desk"},
        )
        registry.guards.record_check(version.ref, "backtest", passed=True, evidence="sharpe 1.4")
        registry.signatures.sign(version.ref, key)
        registry.promote(version.ref, Stage.STAGING)
    registry.promote("momentum@1.0.0", Stage.PRODUCTION, reason="quarterly")
    registry.deployments.start("momentum@1.1.0", canary((0.1,)))
    bob = Registry(registry.acting.storage, {"text": TextFormat()}, FakeClock(), "bob")
    bob.guards.approve("momentum@1.0.0", "looks right")


def found(report: Report, label: str) -> list[str | None]:
    return [
        item.value
        for _, sections in report.parts
        for section in sections
        for item in section.items
        if item.label == label
    ]


def test_a_checkpoint_agrees_with_the_log_as_it_goes_on(registry: Registry, key: SigningKey) -> None:
    registry.register("first", "momentum")
    envelope = json.loads(json.dumps(registry.checkpoints.make(key)))
    registry.register("second", "momentum")
    checkpoint = registry.checkpoints.verify(envelope)
    assert (checkpoint.entries, checkpoint.signer) == (1, "ada")
    assert checkpoint.digest == next(registry.audit()).digest


def test_a_log_that_was_rewritten_as_a_whole_does_not_agree(
    registry: Registry, storage: MemoryStorage, key: SigningKey
) -> None:
    registry.register("first", "momentum")
    envelope = registry.checkpoints.make(key)
    rewritten = MemoryStorage()
    policy = Policy(signers={"ada": Signer(key.public)})
    other = Registry(rewritten, {"text": TextFormat()}, FakeClock(), "eve", policy=policy)
    other.register("first", "momentum")
    with pytest.raises(IntegrityError, match=r"entry 1 of the audit log is not the one that ada signed: .* rewritten"):
        other.checkpoints.verify(envelope)
    empty = Registry(MemoryStorage(), {"text": TextFormat()}, FakeClock(), "eve", policy=policy)
    with pytest.raises(IntegrityError, match="fewer than the 1 entries that ada signed: it was cut"):
        empty.checkpoints.verify(envelope)


def test_a_checkpoint_of_a_stranger_or_of_something_else_is_refused(
    registry: Registry, key: SigningKey, tmp_path: Path
) -> None:
    registry.register("first", "momentum")
    new_key(tmp_path / "eve")
    with pytest.raises(NotFound, match="no trusted signer made this checkpoint; trusted are ada"):
        registry.checkpoints.verify(registry.checkpoints.make(SigningKey.read(tmp_path / "eve", "eve")))
    envelope = registry.checkpoints.make(key)
    with pytest.raises(IntegrityError, match="the checkpoint of ada does not verify"):
        registry.checkpoints.verify({**envelope, "payload": envelope["payload"][:-4]})
    with pytest.raises(IntegrityError, match="signed as 'urn:other', and is no checkpoint"):
        registry.checkpoints.verify(key.signed(statement({"x": "0" * 64}, "urn:other", {})))
    with pytest.raises(IntegrityError, match="what was signed is no checkpoint"):
        registry.checkpoints.verify(key.signed("{}"))


def test_an_empty_log_has_nothing_to_sign(registry: Registry, key: SigningKey) -> None:
    with pytest.raises(NothingToCheck, match="the audit log is empty"):
        registry.checkpoints.make(key)


def test_the_report_tells_what_is_known_and_says_what_is_not(registry: Registry, key: SigningKey) -> None:
    full(registry, key)
    alerts = [{"rule": "accuracy-fell", "state": "resolved"}]
    report = report_of(evidence_of(registry, "momentum", {"alerts": alerts}))
    assert report.subject == "momentum@1.0.0"
    assert found(report, "Purpose") == ["sizing"]
    assert found(report, "Incidents") == ["rule accuracy-fell, state resolved"]
    assert found(report, "Drift history") == [None]
    assert found(report, "Risk management") == [None]
    assert "bob, 2008-09-15" in (found(report, "Approvals")[0] or "")
    assert "(trusted" not in (found(report, "Signatures")[0] or "")
    assert "ada" in (found(report, "Signatures")[0] or "")
    assert "5 rows, from 1970" in (found(report, "Training data")[0] or "")
    assert "canary of momentum@1.1.0 instead of momentum@1.0.0, running" in (found(report, "Deployments")[0] or "")
    assert found(report, "Verification") == ["2 versions, their artifacts and the audit log agree"]


def test_every_heading_of_annex_iv_and_of_sr_11_7_is_there(registry: Registry) -> None:
    registry.register("first", "momentum")
    parts = dict(report_of(evidence_of(registry, "momentum")).parts)
    assert [section.title[:2] for section in parts["EU AI Act, Annex IV"]] == [f"{number}." for number in range(1, 10)]
    assert [section.title.split()[1].strip(",") for section in parts["SR 11-7"]] == [
        "development",
        "validation",
        "policies",
    ]


def test_a_model_of_which_nothing_is_known_invents_nothing(registry: Registry) -> None:
    registry.register("first", "momentum")
    plain = report_json(report_of(evidence_of(registry, "momentum")))
    values = {
        item["label"]: item["value"]
        for part in plain["parts"]
        for section in part["sections"]
        for item in section["items"]
    }
    for label in ("Purpose", "Limitations and assumptions", "Approvals", "Training data", "Standards", "Declaration"):
        assert values[label] == NOT_PROVIDED
    json.dumps(plain)


class Tags(HTMLParser):
    """Which tags a page opens, and the text in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_else_and_escapes_what_others_wrote(registry: Registry, key: SigningKey) -> None:
    full(registry, key)
    page = Tags()
    page.feed(report_page(report_of(evidence_of(registry, "momentum"))))
    assert not {"script", "link", "img", "iframe", "b"} & set(page.tags)
    assert "<b>liquid</b> markets only" in page.text
    assert NOT_PROVIDED in page.text


def test_the_bill_of_materials_has_the_model_its_packages_and_its_data(registry: Registry, key: SigningKey) -> None:
    full(registry, key)
    version = registry.get("momentum@1.0.0")
    bom = bill_of_materials(version)
    model = bom["metadata"]["component"]
    assert (model["type"], model["version"]) == ("machine-learning-model", "1.0.0")
    assert model["hashes"] == [{"alg": "SHA-256", "content": version.digest}]
    assert model["modelCard"]["considerations"]["useCases"] == ["sizing"]
    assert model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"] == [{"type": "auc", "value": "0.61"}]
    assert f"pkg:pypi/numpy@{np.__version__}" in {component.get("purl") for component in bom["components"]}
    assert bom["components"][-1]["type"] == "data"
    assert bill_of_materials(version) == bom


def test_what_nobody_provided_is_left_out_of_the_bill(registry: Registry) -> None:
    registry.register("first", "momentum")
    assert bill_of_materials(registry.get("momentum@1.0.0"))["metadata"]["component"]["modelCard"] == {}
