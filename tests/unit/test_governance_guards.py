"""Required checks, approvals, separation of duties, and roles."""

import json
from collections.abc import Mapping
from itertools import product
from typing import Any, BinaryIO

import pytest

from watchkeeper.domain.errors import Conflict, NotAllowed, NotFound, UsageError
from watchkeeper.domain.model import Stage
from watchkeeper.registry import Access, Action, Grant, Policy, Registry, Role
from watchkeeper.registry.deployments import canary
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
def storage() -> MemoryStorage:
    return MemoryStorage()


def desk(storage: MemoryStorage, actor: str, **rules: Any) -> Registry:
    return Registry(storage, {"text": TextFormat()}, FakeClock(), actor, **rules)


STRICT = Policy(required_checks=("backtest",), approvals=1)


def staged(storage: MemoryStorage, policy: Policy = STRICT) -> Registry:
    ada = desk(storage, "ada", policy=policy)
    ada.promote(ada.register("first", "momentum").ref, Stage.STAGING)
    return ada


def test_what_is_missing_for_production_is_listed(storage: MemoryStorage) -> None:
    ada = staged(storage)
    with pytest.raises(NotAllowed) as refused:
        ada.promote("momentum@1.0.0", Stage.PRODUCTION)
    assert str(refused.value) == (
        "momentum@1.0.0 may not go to production yet: check 'backtest' was not made; 1 approvals are needed and 0 are "
        "there"
    )
    assert ada.get("momentum@1.0.0").stage is Stage.STAGING


def test_with_its_checks_and_approvals_a_version_goes_to_production(storage: MemoryStorage) -> None:
    ada = staged(storage)
    ada.guards.record_check("momentum@1.0.0", "backtest", passed=True, evidence="sharpe 1.4 over 2007-2010")
    desk(storage, "bob", policy=STRICT).guards.approve("momentum@1.0.0", "seen with the desk")
    assert ada.promote("momentum@1.0.0", Stage.PRODUCTION).stage is Stage.PRODUCTION
    assert ada.guards.checks("momentum@1.0.0")[0].evidence == "sharpe 1.4 over 2007-2010"
    assert [(found.by, found.note) for found in ada.guards.approvals("momentum@1.0.0")] == [
        ("bob", "seen with the desk")
    ]


def test_a_check_that_failed_later_takes_the_pass_back(storage: MemoryStorage) -> None:
    ada = staged(storage, Policy(required_checks=("backtest",)))
    ada.guards.record_check("momentum@1.0.0", "backtest", passed=True)
    ada.guards.record_check("momentum@1.0.0", "backtest", passed=False, evidence="drawdown 41 %")
    with pytest.raises(NotAllowed, match=r"check 'backtest' failed \(drawdown 41 %\)"):
        ada.promote("momentum@1.0.0", Stage.PRODUCTION)


def test_who_registered_a_version_cannot_approve_it(storage: MemoryStorage) -> None:
    ada = staged(storage)
    with pytest.raises(NotAllowed, match=r"ada registered momentum@1\.0\.0 and so cannot approve it"):
        ada.guards.approve("momentum@1.0.0")


def test_an_approval_of_ones_own_counts_only_where_duties_are_not_separate(storage: MemoryStorage) -> None:
    loose = Policy(approvals=1, separate_duties=False)
    ada = staged(storage, loose)
    ada.guards.approve("momentum@1.0.0")
    with pytest.raises(NotAllowed, match="1 approvals are needed and 0 are there"):
        desk(storage, "ada", policy=Policy(approvals=1)).promote("momentum@1.0.0", Stage.PRODUCTION)
    ada.promote("momentum@1.0.0", Stage.PRODUCTION)


def test_two_approvals_are_those_of_two_people(storage: MemoryStorage) -> None:
    policy = Policy(approvals=2)
    ada = staged(storage, policy)
    for _ in range(2):
        desk(storage, "bob", policy=policy).guards.approve("momentum@1.0.0")
    with pytest.raises(NotAllowed, match="2 approvals are needed and 1 are there"):
        ada.promote("momentum@1.0.0", Stage.PRODUCTION)


def test_an_approval_that_is_withdrawn_at_the_last_moment_stops_the_promotion(
    storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = Policy(approvals=1)
    ada = staged(storage, policy)
    bob = desk(storage, "bob", policy=policy)
    bob.guards.approve("momentum@1.0.0")
    commit = storage.commit

    def late(operations: Any, *rest: Any, **named: Any) -> Any:
        monkeypatch.setattr(storage, "commit", commit)
        bob.guards.withdraw("momentum@1.0.0")
        return commit(operations, *rest, **named)

    monkeypatch.setattr(storage, "commit", late)
    with pytest.raises(NotAllowed, match="1 approvals are needed and 0 are there"):
        ada.promote("momentum@1.0.0", Stage.PRODUCTION)
    with pytest.raises(NotFound, match=r"bob has not approved momentum@1\.0\.0; there is nothing to withdraw"):
        bob.guards.withdraw("momentum@1.0.0")


def test_an_approval_does_not_pass_on_to_the_next_version(storage: MemoryStorage) -> None:
    policy = Policy(approvals=1)
    ada = staged(storage, policy)
    desk(storage, "bob", policy=policy).guards.approve("momentum@1.0.0")
    ada.promote(ada.register("second", "momentum").ref, Stage.STAGING)
    with pytest.raises(NotAllowed, match=r"momentum@1\.1\.0 may not go to production yet"):
        ada.promote("momentum@1.1.0", Stage.PRODUCTION)


def test_a_rollback_asks_for_no_new_approval(storage: MemoryStorage) -> None:
    ada = desk(storage, "ada")
    for text in ("first", "second"):
        ada.promote(ada.register(text, "momentum").ref, Stage.STAGING)
        ada.promote("momentum@staging", Stage.PRODUCTION)
    assert desk(storage, "ada", policy=STRICT).rollback("momentum").ref == "momentum@1.0.0"


def test_without_grants_everybody_may_do_everything() -> None:
    assert all(Access().allows("anybody", action, "momentum") for action in Action)


def test_with_grants_what_none_of_them_covers_is_denied() -> None:
    access = Access((Grant("ada", Role.OPERATOR, ("fx-*",)), Grant("*", Role.VIEWER)))
    allowed = {
        (actor, action, model)
        for actor, action, model in product(("ada", "bob"), Action, ("fx-carry", "rates"))
        if access.allows(actor, action, model)
    }
    views = {(actor, Action.VIEW, model) for actor in ("ada", "bob") for model in ("fx-carry", "rates")}
    operates = {
        ("ada", action, "fx-carry") for action in Action if action not in {Action.APPROVE, Action.HOLD, Action.DELETE}
    }
    assert allowed == views | operates


def test_a_refusal_names_the_role_that_would_do(storage: MemoryStorage) -> None:
    access = Access((Grant("ada", Role.ADMIN), Grant("bob", Role.VIEWER, ("momentum",))))
    desk(storage, "ada", access=access).register("first", "momentum")
    bob = desk(storage, "bob", access=access)
    assert bob.load("momentum@latest") == "first"
    with pytest.raises(NotAllowed) as refused:
        bob.promote("momentum@latest", Stage.STAGING)
    assert str(refused.value) == (
        "'bob' may not promote 'momentum': that takes the role operator or admin for it, and 'bob' has viewer for "
        "other models or actions; ask an admin for a grant in the configuration's [roles]"
    )


EVERYTHING: dict[str, Any] = {
    "register": lambda registry: registry.register("second", "momentum"),
    "get": lambda registry: registry.get("momentum@1.0.0"),
    "load": lambda registry: registry.load("momentum@1.0.0"),
    "reference": lambda registry: registry.reference("momentum@1.0.0"),
    "versions": lambda registry: registry.versions("momentum"),
    "lines": lambda registry: registry.lines("momentum"),
    "history": lambda registry: registry.history("momentum"),
    "in_production_at": lambda registry: registry.in_production_at("momentum", 0),
    "lineage": lambda registry: registry.lineage("momentum@1.0.0"),
    "diff": lambda registry: registry.diff("momentum@1.0.0", "momentum@1.0.0"),
    "promote": lambda registry: registry.promote("momentum@1.0.0", Stage.STAGING),
    "rollback": lambda registry: registry.rollback("momentum"),
    "retire": lambda registry: registry.retire("momentum"),
    "delete": lambda registry: registry.delete("momentum@1.0.0"),
    "collect": lambda registry: registry.cleanup.collect(),
    "alias": lambda registry: registry.aliases.set("momentum@1.0.0", "champion"),
    "remove alias": lambda registry: registry.aliases.remove("momentum", "champion"),
    "aliases": lambda registry: registry.aliases.of("momentum"),
    "hold": lambda registry: registry.holds.place("momentum@1.0.0", "case"),
    "release": lambda registry: registry.holds.release("momentum@1.0.0", "case"),
    "holds": lambda registry: registry.holds.of("momentum@1.0.0"),
    "check": lambda registry: registry.guards.record_check("momentum@1.0.0", "backtest", passed=True),
    "checks": lambda registry: registry.guards.checks("momentum@1.0.0"),
    "deploy": lambda registry: registry.deployments.start("momentum@1.0.0", canary((0.1,))),
    "deploy status": lambda registry: registry.deployments.status("momentum"),
    "deploy advance": lambda registry: registry.deployments.advance("momentum", lambda *_: None),
    "deploy abort": lambda registry: registry.deployments.abort("momentum"),
    "weights": lambda registry: registry.deployments.table("momentum"),
    "signatures": lambda registry: registry.signatures.of("momentum@1.0.0"),
    "bytes": lambda registry: registry.verified("momentum@1.0.0"),
    "audit": lambda registry: registry.audit(),
    "verify": lambda registry: registry.verify(),
    "approve": lambda registry: registry.guards.approve("momentum@1.0.0"),
    "withdraw": lambda registry: registry.guards.withdraw("momentum@1.0.0"),
    "approvals": lambda registry: registry.guards.approvals("momentum@1.0.0"),
}


@pytest.mark.parametrize("work", EVERYTHING.values(), ids=EVERYTHING)
def test_somebody_without_a_role_can_do_nothing_at_all(storage: MemoryStorage, work: Any) -> None:
    desk(storage, "ada").register("first", "momentum")
    entries = len(list(desk(storage, "ada").audit()))
    eve = desk(storage, "eve", access=Access((Grant("ada", Role.ADMIN),)))
    with pytest.raises(NotAllowed, match=r"'eve' may not .*'eve' has no role at all"):
        work(eve)
    assert eve.models() == ()
    assert eve.deployments.open() == ()
    assert len(list(desk(storage, "ada").audit())) == entries


def test_names_of_checks_are_kept_clean(storage: MemoryStorage) -> None:
    ada = staged(storage)
    with pytest.raises(UsageError, match=r"holds '\.\.'"):
        ada.guards.record_check("momentum@1.0.0", "../x", passed=True)


def test_a_withdrawal_that_is_overtaken_is_told(storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    staged(storage)
    bob = desk(storage, "bob")
    bob.guards.approve("momentum@1.0.0")

    def refused(*operations: Any, **named: Any) -> Any:
        raise Conflict("somebody was first")

    monkeypatch.setattr(storage, "commit", refused)
    with pytest.raises(Conflict, match="changed at this moment; withdraw again"):
        bob.guards.withdraw("momentum@1.0.0")
