"""An ensemble's weights from what its members said and what turned out to be true."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.plugin import Kind
from watchkeeper.contracts.weighting import Weighting
from watchkeeper.domain.ensemble import MemberHistory, Weights
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.model import Task
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.ensemble.losses import member_history
from watchkeeper.monitor.evaluating import PredictionForm, class_codes
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.stored_windows import stored_records

from .answering import answers
from .assembly import Systems


def reweighed(systems: Systems, name: str) -> Weights:
    """Read the members' latest rows, align them by id, and let the strategy decide.

    Raises
    ------
    UsageError
        There is no such ensemble.
    DataError
        No row has an outcome yet, or the members cannot be weighed together; the old weights stay.
    """
    ensembles = systems.config.ensembles
    if name not in ensembles:
        known = ", ".join(ensembles) or "none"
        near = did_you_mean(name, ensembles)
        raise UsageError(f"there is no ensemble {name!r} in the configuration, which has {known}{near}")
    use = ensembles[name].strategy
    built = systems.plugins.build(Kind.WEIGHTING, use.name, systems.loaded.options(use, systems.plugins))
    return systems.ensembles.reweigh(name, use.name, cast("Weighting", built), _history(systems, name))


def _history(systems: Systems, name: str) -> MemberHistory:
    config = systems.config.ensembles[name]
    tasks = {systems.models.config(member).task for member in config.members}
    if len(tasks) > 1:
        told = ", ".join(f"{member} {systems.models.config(member).task}" for member in config.members)
        raise DataError(f"the members of ensemble {name!r} must have one task, found {told}")
    now_us = systems.clock.now_us()
    said = [
        _said(systems, member, stored_records(answers(systems, member), member, config.window, (), now_us=now_us))
        for member in config.members
    ]
    truths = {row: truth for _, known in said for row, truth in known.items()}
    if not truths:
        raise DataError(f"no outcome has arrived for any member of ensemble {name!r}; record some, then reweigh")
    # the members' own order is the order of time; the first member's rows come first where they differ
    rows = [row for row in dict.fromkeys(row for predicted, _ in said for row in predicted) if row in truths]
    predictions = np.array([[predicted.get(row, np.nan) for predicted, _ in said] for row in rows], dtype=np.float64)
    truth = np.array([truths[row] for row in rows], dtype=np.float64)
    return member_history(tasks.pop(), config.members, predictions, truth)


def _said(systems: Systems, member: str, records: Records) -> tuple[dict[str, float], dict[str, float]]:
    """By id: what the member predicted, and the outcomes that are known."""
    judging = systems.models.watched(member).judging
    if judging.form is PredictionForm.LABEL:
        raise DataError(f"member {member!r} predicts labels; expected probabilities or values to weigh it by its loss")
    predictions = np.asarray(records.prediction, dtype=np.float64)
    predicted = dict(zip(records.ids, predictions.tolist(), strict=True))
    if records.outcome is None:
        return predicted, {}
    known = np.flatnonzero(records.has_outcome)
    outcome = records.outcome[known]
    truth: NDArray[np.float64] = (
        class_codes(outcome, judging.classes).astype(np.float64)
        if judging.task is Task.CLASSIFICATION
        else np.asarray(outcome, dtype=np.float64)
    )
    return predicted, {records.ids[row]: value for row, value in zip(known.tolist(), truth.tolist(), strict=True)}
