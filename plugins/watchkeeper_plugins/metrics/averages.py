"""How the hits of several classes become one number: binary, macro, micro, weighted."""

from __future__ import annotations

from enum import StrEnum

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval, wilson
from watchkeeper.domain.value import Value

from .tables import share_interval, smoothed_table, table_error


class Average(StrEnum):
    """Over which classes, and how much each counts."""

    AUTO = "auto"
    """`binary` for two classes, `macro` for more."""
    BINARY = "binary"
    """The second class alone."""
    MACRO = "macro"
    """Every class the same."""
    MICRO = "micro"
    """Every row the same, the classes' counts thrown together."""
    WEIGHTED = "weighted"
    """Each class by its share of the true rows."""


@attrs.frozen
class AverageOptions:
    """How classes are averaged."""

    average: Average = attrs.field(default=Average.AUTO, converter=Average)
    """`auto` (binary for two classes, macro for more), `binary`, `macro`, `micro` or `weighted`."""


def averaged(evaluation: Evaluation, truth_part: float, average: Average) -> Value:
    """Hits of each class over a mixture of its true and its predicted rows, averaged over the classes.

    Parameters
    ----------
    evaluation
        A classification with rows.
    truth_part
        How much of the mixture is true rows: 0 for precision, 1 for recall, 1/2 for F1.
    average
        Over which classes.
    """
    rows, average = len(evaluation), settled(average, evaluation)
    if average is Average.MICRO:
        return accuracy_value(evaluation)
    if refused := binary_refusal(average, evaluation):
        return refused
    amounts = class_amounts(average, evaluation)
    value = class_mean(evaluation, truth_part, amounts, by_support=average is Average.WEIGHTED)
    if average is Average.BINARY and value.number is not None:
        return Value.of(value.number, samples=rows, interval=_binary_interval(evaluation, truth_part))
    return value


def class_mean(
    evaluation: Evaluation, truth_part: float, amounts: NDArray[np.float64], *, by_support: bool = False
) -> Value:
    """The mean over classes of their hits among a mixture of their true and predicted rows.

    Parameters
    ----------
    evaluation, truth_part
        As for `averaged`.
    amounts
        (k,): how much each class counts, adding up to 1. One that counts and has no rows makes the mean undefined.
    by_support
        Whether the amounts are the classes' shares of the true rows: then they are uncertain too.
    """
    counts, rows = evaluation.confusion, len(evaluation)
    needed = counts.sum(axis=1 if truth_part > 0 else 0)
    lacking = np.flatnonzero((amounts > 0) & (needed == 0))
    if lacking.size:
        what = "is truly" if truth_part > 0 else "was predicted as"
        return Value.undefined(f"no row {what} {evaluation.classes[lacking[0]]!r}", samples=rows)
    number = min(float((amounts * _shares(counts, truth_part)).sum()), 1.0)
    counts, squares = smoothed_table(evaluation)
    support = counts.sum(axis=1)
    if by_support:
        amounts = support / support.sum()
    shares = _shares(counts, truth_part)
    mixture = truth_part * support + (1.0 - truth_part) * counts.sum(axis=0)
    # of Σ amount · hits / mixture by the weight in each cell
    moved = amounts * shares / mixture
    gradient = np.diag(amounts / mixture) - truth_part * moved[:, None] - (1.0 - truth_part) * moved[None, :]
    centre = float((amounts * shares).sum())
    if by_support:
        gradient += ((shares - centre) / support.sum())[:, None]
    interval = share_interval(number, centre, table_error(gradient, squares))
    return Value.of(number, samples=rows, interval=interval)


def settled(average: Average, evaluation: Evaluation) -> Average:
    """The average that `auto` stands for; the others are themselves."""
    if average is not Average.AUTO:
        return average
    return Average.BINARY if evaluation.is_binary else Average.MACRO


def binary_refusal(average: Average, evaluation: Evaluation) -> Value | None:
    """The undefined value when the second class alone is asked for and there are not two."""
    if average is not Average.BINARY or evaluation.is_binary:
        return None
    reason = f"average 'binary' needs two classes, found {len(evaluation.classes)}: set average to 'macro', 'micro' "
    return Value.undefined(reason + "or 'weighted'", samples=len(evaluation))


def accuracy_value(evaluation: Evaluation) -> Value:
    """The share of right rows, with Wilson's interval."""
    share = min(float(np.trace(evaluation.confusion)) / evaluation.total_weight, 1.0)
    return Value.of(share, samples=len(evaluation), interval=wilson(share, evaluation.effective_rows))


def class_amounts(average: Average, evaluation: Evaluation) -> NDArray[np.float64]:
    """(k,): how much each class counts in an average, adding up to 1."""
    if average is Average.BINARY:
        return np.array([0.0, 1.0])
    support, predicted = evaluation.confusion.sum(axis=1), evaluation.confusion.sum(axis=0)
    amounts: NDArray[np.float64] = support if average is Average.WEIGHTED else np.sign(support + predicted)
    shares: NDArray[np.float64] = amounts / amounts.sum()
    return shares


def _shares(counts: NDArray[np.float64], truth_part: float) -> NDArray[np.float64]:
    """(k,): each class's hits over its mixture of true and predicted rows; 0 for a class without any."""
    mixture = truth_part * counts.sum(axis=1) + (1.0 - truth_part) * counts.sum(axis=0)
    shares = np.zeros(len(counts))
    np.divide(np.diagonal(counts), mixture, out=shares, where=mixture > 0)
    return shares


def _binary_interval(evaluation: Evaluation, truth_part: float) -> Interval:
    """Wilson's interval of the second class's hits among the rows that are, or were said to be, of it."""
    totals = []
    for table in (evaluation.confusion, evaluation.confusion_squared):
        true, said, both = float(table[1].sum()), float(table[:, 1].sum()), float(table[1, 1])
        totals.append((both, {0.0: said, 1.0: true}.get(truth_part, true + said - both)))
    (hits, trials), (_, squared) = totals
    low, high = wilson(min(hits / trials, 1.0), trials**2 / squared)
    if truth_part in (0.0, 1.0):
        return low, high
    return 2 * low / (1 + low), 2 * high / (1 + high)
