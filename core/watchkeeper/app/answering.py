"""Which rows of a model a check is about: the answers of what is in production, or one version's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.errors import NotFound, NothingToCheck, WatchkeeperError
from watchkeeper.domain.model import VersionNumber
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.plural import counted
from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.monitor.answering import (
    Answering,
    OnlyVersion,
    Stint,
    chosen_rows,
    left_out,
    rows_by_version,
)
from watchkeeper.monitor.records import Records
from watchkeeper.registry.deployments.plan import Strategy
from watchkeeper.registry.deployments.state import DEPLOYMENTS, Deployment, deployment_of
from watchkeeper.registry.records import VERSIONS
from watchkeeper.registry.tenure import Tenure, tenures

from .assembly import Systems


def answers(systems: Systems, model: str) -> Storage:
    """The store, with those predictions of the model that were answers; the store itself where none are left out."""
    return chosen_rows(systems.storage, model, _answering(systems, model))


def of_version(systems: Systems, model: str, version: str) -> Storage:
    """The store, with what this version predicted; it may be named by a stage or an alias, too."""
    return chosen_rows(systems.storage, model, OnlyVersion(number_of(systems, model, version) or version))


def number_of(systems: Systems, model: str, version: str) -> str | None:
    """The number that a stage or alias stands for; None when the registry does not know it."""
    try:
        return str(systems.registry.get(f"{model}@{version}").number)
    except WatchkeeperError:
        return None


def nothing_found(error: NothingToCheck, storage: Storage, model: str) -> NothingToCheck:
    """The error; where there are predictions that are not meant, with how many of them there are, and of whom."""
    others = left_out(storage, model)
    told = ", ".join(f"{counted(rows, 'prediction')} of {version}" for version, rows in others.items())
    chosen = getattr(storage, "chosen", None)
    if isinstance(chosen, OnlyVersion):
        near = did_you_mean(chosen.version, others)
        found = told or "no predictions that were logged with their version"
        return NothingToCheck(f"{model}@{chosen.version} has predicted nothing there; the store has {found}{near}")
    if not others:
        return error
    return NothingToCheck(
        f"model {model!r} has nothing in the window of the version that is asked for, or in production; the store has "
        f"{told}: `watchkeeper check {model} --version {next(iter(others))}` looks at those, and `watchkeeper models "
        f"history {model}` tells what was in production when"
    )


def versions_findings(storage: Storage, records: Records, model: str) -> list[Finding]:
    """Whose answers the window has, whose predictions are left out, and whether rows were answered twice."""
    if records.versions is None:
        return []
    counts = rows_by_version(records.versions)
    window = records.window
    chosen = getattr(storage, "chosen", None)
    found: list[Finding] = []
    if isinstance(chosen, Answering):
        others = left_out(storage, model, window.start_us, window.end_us)
        looked = ", ".join(
            f"{version} ({chosen.role_of(version, window.start_us, window.end_us) or _unanswered(chosen, version)})"
            for version in counts
        )
        told = f"the rows are answers of {looked or 'versions that were not told'}"
        if others:
            left = ", ".join(f"{counted(rows, 'prediction')} of {version}" for version, rows in others.items())
            told += f"; {left}, which did not answer, left out: see `check {model} --version {next(iter(others))}`"
        found.append(Finding(Status.OK, "versions", told))
    if len(counts) > 1 and (twice := _answered_twice(records)):
        found.append(
            Finding(
                Status.WARN,
                "versions",
                f"{counted(twice, 'row')} were answered by several of the versions {', '.join(counts)}, and each "
                "counts: put the one that answers into production in the registry, or check one by --version",
            )
        )
    return found


def _unanswered(answering: Answering, version: str) -> str:
    return "not registered" if answering.spans_of(version) is None else "when nothing was in production, or just before"


def _answered_twice(records: Records) -> int:
    """How many rows have the id of one that another version answered."""
    if not records.ids:
        return 0
    return len(records.ids) - len(set(records.ids)) - records.repeated


def _answering(systems: Systems, model: str) -> Answering | None:
    """When which version answered; None when the registry does not say."""
    acting = systems.registry.acting
    try:
        served = tenures(acting.catalogue.history(model))
    except NotFound:
        return None
    if not served:
        return None
    deployments = [deployment_of(found) for found in acting.storage.find(DEPLOYMENTS, {"model": model})]

    def is_registered(number: str) -> bool:
        return acting.storage.get(VERSIONS, f"{model}@{number}") is not None

    stints = [Stint(str(one.number), one.since_us, one.until_us) for one in served]
    return Answering((*stints, *_parts(deployments, served)), is_registered)


def _parts(deployments: Sequence[Deployment], served: Sequence[Tenure]) -> Iterator[Stint]:
    """When candidates had a part of the requests: from their deployment's begin to the promotion or the next one."""
    ordered = sorted(deployments, key=lambda one: one.started_us)
    for at, one in enumerate(ordered):
        if one.plan.strategy is Strategy.SHADOW:
            continue
        number = VersionNumber.parse(one.candidate.rpartition("@")[2])
        later = [tenure.since_us for tenure in served if tenure.number == number and tenure.since_us >= one.started_us]
        later += [next_one.started_us for next_one in ordered[at + 1 : at + 2]]
        yield Stint(str(number), one.started_us, min(later, default=None), is_production=False)
