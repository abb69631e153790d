"""What chance alone gives a calibrated model is told, and taken off where one asks for it."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from scipy import stats

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.estimation.confidence import ConfidenceOutlook
from watchkeeper.monitor.judging import performance_findings
from watchkeeper.monitor.measuring import Subject, measured_metrics
from watchkeeper.monitor.told_values import value_told
from watchkeeper_plugins.metrics import calibration_error, calibration_error_debiased

WINDOWS = 400
SUBJECT = Subject("momentum", None, Window(0, 1, 300))


def biased(bins=10):
    return calibration_error.build(calibration_error.Options(bins))


def debiased(bins=10):
    return calibration_error_debiased.build(calibration_error_debiased.Options(bins))


def outcomes_of(scores, rng, *, off=0.0, weights=None):
    """Rows whose probability of yes is the score less `off`."""
    truth = (rng.random(len(scores)) < scores - off).astype(np.int64)
    return Evaluation("classification", truth, (scores >= 0.5).astype(np.int64), scores, ("no", "yes"), weights)


def exact_by_chance(scores, bins):
    """By the distribution of each bin's number of true rows, row by row (Poisson binomial)."""
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], scores)
    total = 0.0
    for bin_ in np.unique(place):
        own = scores[place == bin_]
        chances = np.ones(1)
        for chance in own:
            chances = np.convolve(chances, [1 - chance, chance])
        total += chances @ np.abs(np.arange(len(own) + 1) - own.sum())
    return total / len(scores)


@pytest.mark.parametrize(("rows", "chance"), [(1, 0.3), (2, 0.5), (7, 0.04), (400, 0.999), (3000, 0.001), (10**6, 0.2)])
def test_rows_of_one_probability_have_the_mean_distance_of_a_binomial_number(rows, chance):
    found = biased(bins=1).details(outcomes_of(np.full(rows, chance), np.random.default_rng(0)))["by_chance"]
    counts = np.arange(rows + 1)
    expected = stats.binom.pmf(counts, rows, chance) @ np.abs(counts - rows * chance) / rows
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rows", [5, 20, 100, 1000])
@pytest.mark.parametrize("concentration", [0.3, 1.0, 8.0])
def test_rows_of_different_probabilities_have_nearly_that_of_their_own_distribution(rows, concentration):
    rng = np.random.default_rng(rows)
    scores = rng.beta(concentration, concentration, rows)
    found = biased().details(outcomes_of(scores, rng))["by_chance"]
    assert found == pytest.approx(exact_by_chance(scores, 10), rel=0.03)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("rows", [30, 300])
def test_a_calibrated_model_has_on_average_what_chance_gives(rows, is_weighted):
    rng = np.random.default_rng(8)
    scores = rng.random(rows)
    weights = rng.exponential(size=rows) if is_weighted else None
    found = [biased().compute(outcomes_of(scores, rng, weights=weights)).number for _ in range(WINDOWS)]
    expected = biased().details(outcomes_of(scores, rng, weights=weights))["by_chance"]
    assert np.mean(found) == pytest.approx(expected, rel=0.05)


def test_of_more_classes_it_is_that_of_the_class_predicted():
    rng = np.random.default_rng(3)
    table = rng.dirichlet(np.ones(3), 60)
    errors, told = [], 0.0
    for _ in range(WINDOWS):
        truth = (rng.random((60, 1)) > np.cumsum(table, axis=1)).sum(axis=1)
        rows = Evaluation("classification", truth, table.argmax(axis=1), table, ("a", "b", "c"))
        errors.append(biased().compute(rows).number)
        told = biased().details(rows)["by_chance"]
    assert np.mean(errors) == pytest.approx(told, rel=0.05)


def test_certain_predictions_leave_nothing_to_chance_and_rows_without_probabilities_tell_nothing():
    certain = Evaluation("classification", [0, 1], [0, 1], [0.0, 1.0], ("no", "yes"))
    assert biased().details(certain) == {"by_chance": 0.0}
    assert biased().details(attrs.evolve(certain, scores=None)) == {}


@pytest.mark.parametrize("off", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_square_without_bias_is_on_average_that_of_what_is_wrong(off, is_weighted):
    """In one bin, and of so many rows that a sum below 0 is rare; where nothing is wrong it is not, and shown as 0."""
    rng = np.random.default_rng(12)
    scores = rng.uniform(0.4, 0.6, 120)
    weights = rng.uniform(0.5, 1.5, 120) if is_weighted else None
    squares = []
    for _ in range(4 * WINDOWS):
        rows = outcomes_of(scores, rng, off=off, weights=weights)
        number = debiased(bins=1).compute(rows).number
        squares.append(number**2)
    if off:
        assert np.mean(squares) == pytest.approx(off**2, rel=0.1)
    else:
        assert np.mean(np.equal(squares, 0.0)) == pytest.approx(0.68, abs=0.05)  # P(chi² of one degree < 1)


def test_it_equals_the_mean_product_over_pairs_of_rows():
    rng = np.random.default_rng(4)
    rows = outcomes_of(rng.uniform(0.5, 1.0, 80), rng, off=0.4)
    off = rows.scores - rows.truth
    total = 0.0
    place = np.searchsorted(np.linspace(0, 1, 11)[1:-1], rows.scores)
    for bin_ in np.unique(place):
        own = off[place == bin_]
        products = np.outer(own, own)
        total += len(own) / 80 * (products.sum() - np.trace(products)) / (len(own) * (len(own) - 1))
    assert debiased().compute(rows).number == pytest.approx(np.sqrt(total), rel=1e-12)


def test_few_rows_of_a_calibrated_model_look_bad_until_chance_is_taken_off():
    rng = np.random.default_rng(6)
    windows = [outcomes_of(rng.random(100), rng) for _ in range(WINDOWS)]
    assert np.mean([biased().compute(rows).number for rows in windows]) > 0.09
    assert np.median([debiased().compute(rows).number for rows in windows]) < 0.03


def test_what_chance_gives_is_kept_and_told_beside_the_number():
    rows = outcomes_of(np.random.default_rng(1).random(300), np.random.default_rng(2))
    found, failed = measured_metrics(SUBJECT, rows, {"calibration_error": biased()})
    assert not failed
    assert found[0].details["by_chance"] == biased().details(rows)["by_chance"]
    labelled = SUBJECT.measurement("labelled", Value.of(300.0))
    (finding,) = performance_findings(found, labelled, 30)
    assert finding.sentence.endswith(f"; {found[0].details['by_chance']:.4g} expected from chance alone)")


def test_a_value_is_told_with_what_is_known_around_it():
    plain = Measurement("calibration_error", Value.of(0.04), "momentum", None, Window(0, 1, 300))
    assert value_told(plain) == "0.04"
    assert value_told(attrs.evolve(plain, details={"by_chance": 0.03})) == "0.04 (0.03 expected from chance alone)"
    both = attrs.evolve(plain, value=Value.of(0.04, interval=(0.01, 0.07)), details={"by_chance": 0.03})
    assert value_told(both) == "0.04 (0.01 to 0.07; 0.03 expected from chance alone)"
    assert value_told(attrs.evolve(plain, value=Value.undefined("no rows"))) == "undefined: no rows"


@pytest.mark.parametrize("told", [{"wrong": float("nan")}, None, {"wrong": "text"}])
def test_a_metric_whose_details_make_no_sense_keeps_its_number(told):
    class Odd:
        tasks = frozenset({Task.CLASSIFICATION})
        higher_is_better = True

        def compute(self, evaluation):
            return Value.of(0.5, samples=len(evaluation))

        def details(self, evaluation):
            return told

    rows = outcomes_of(np.full(5, 0.5), np.random.default_rng(0))
    assert isinstance(Odd(), Metric)
    (found,), failed = measured_metrics(SUBJECT, rows, {"odd": Odd()})
    assert (found.value.number, found.details, failed) == (0.5, {}, [])


@pytest.mark.parametrize("metric", [biased(), debiased()], ids=["biased", "debiased"])
def test_what_estimates_assume_is_not_estimated(metric):
    rng = np.random.default_rng(9)
    outlook = ConfidenceOutlook.fit(outcomes_of(rng.random(1000), rng), {"calibration": metric})
    assert (
        "a probability means what it meant in the reference, which is what it measures"
        in (outlook.refusals["calibration"])
    )
