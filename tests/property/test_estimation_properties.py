"""What holds of every estimate, whatever the rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.estimation.confidence import Calibration, ConfidenceOutlook, expected_evaluation
from watchkeeper.monitor.estimation.isotonic import RisingCurve
from watchkeeper.monitor.estimation.moments import Moments
from watchkeeper.monitor.estimation.moments import expected_evaluation as with_moments
from watchkeeper.monitor.estimation.restating import MOST_WINDOWS, Listed, thinned
from watchkeeper.monitor.estimation.spread import Misses
from watchkeeper.monitor.estimation.timeline import timeline, values_of

SCORES = st.floats(-1e6, 1e6, allow_subnormal=False)
CHANCES = st.floats(0.0, 1.0, allow_subnormal=False)
ROWS = st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=60)


@given(ROWS)
def test_a_rising_curve_rises_and_keeps_the_share_of_positives(rows):
    scores = np.array([score for score, _ in rows])
    is_positive = np.array([positive for _, positive in rows])
    curve = RisingCurve.of(scores, is_positive)
    fitted = curve(scores)
    assert (np.diff(fitted[np.argsort(scores, kind="stable")]) >= -1e-12).all()
    assert fitted.min() >= 0.0
    assert fitted.max() <= 1.0
    np.testing.assert_allclose(fitted.sum(), is_positive.sum(), atol=1e-9)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_change_a_curve(rows, random):
    mixed = rows.copy()
    random.shuffle(mixed)
    first, again = (
        RisingCurve.of(np.array([score for score, _ in some]), np.array([positive for _, positive in some]))
        for some in (rows, mixed)
    )
    np.testing.assert_array_equal(first.scores, again.scores)
    np.testing.assert_array_equal(first.shares, again.shares)


@given(st.lists(st.tuples(CHANCES, st.booleans(), st.booleans()), min_size=10, max_size=80))
def test_probabilities_add_up_to_one_and_expected_rows_to_the_rows(rows):
    scores, truth, predicted = (np.array(column) for column in zip(*rows, strict=True))
    evaluation = Evaluation("classification", truth, predicted, scores, ("no", "yes"))
    for calibration in (Calibration.of(evaluation), ConfidenceOutlook.fit(evaluation, {}).calibration):
        chances = calibration(evaluation)
        np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-12)
        assert chances.min() >= 0.0
        expected = expected_evaluation(evaluation, chances)
        np.testing.assert_allclose(expected.total_weight, len(rows), atol=1e-9)
        np.testing.assert_allclose(expected.confusion.sum(axis=0), evaluation.confusion.sum(axis=0), atol=1e-9)


SIZES = arrays(np.float64, 12, elements=st.floats(0.0, 1e3, allow_subnormal=False))
SIGNED = arrays(np.float64, 12, elements=st.floats(-1e3, 1e3, allow_subnormal=False))


@given(SIGNED, SIZES, arrays(np.float64, 12, elements=st.floats(0.0, 1e6, allow_subnormal=False)))
@settings(max_examples=200)
def test_expected_rows_have_any_moments_that_can_be(mean, size, square):
    known = Moments.of(mean, size, square)
    rows = with_moments(Task.REGRESSION, np.zeros(12), known)
    weights, errors = rows.weights.reshape(4, 12), rows.residuals.reshape(4, 12)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, atol=1e-9)
    np.testing.assert_allclose((weights * np.abs(errors)).sum(axis=0), known.size, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose((weights * errors).sum(axis=0), known.mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose((weights * errors**2).sum(axis=0), known.square, rtol=1e-6, atol=1e-9)


@given(st.floats(0.0, 1.0), st.floats(0.0, 2.0), st.integers(1, 80))
def test_an_interval_holds_the_estimate_and_keeps_to_the_limits(estimate, typical, windows):
    low, high = Misses(100, windows, typical).interval(estimate, (0.0, 1.0))
    assert 0.0 <= low <= estimate <= high <= 1.0


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 300)), max_size=2 * MOST_WINDOWS + 50))
@settings(max_examples=50)
def test_thinning_keeps_the_order_the_limit_and_the_last(spans):
    windows = [Listed(Window(start, start + length), None, str(at), False) for at, (start, length) in enumerate(spans)]
    kept = thinned(windows)
    assert len(kept) <= MOST_WINDOWS
    assert [int(one.outcomes) for one in kept] == sorted(int(one.outcomes) for one in kept)
    assert kept[-MOST_WINDOWS // 2 :] == tuple(windows[-min(len(kept), MOST_WINDOWS // 2) :] if windows else ())


@given(
    st.lists(
        st.tuples(st.sampled_from(["mae", "estimated_mae", "rmse"]), st.integers(0, 4), st.none() | st.integers(0, 3)),
        max_size=40,
    )
)
def test_a_timeline_tells_the_last_of_everything_once(made):
    found = [
        Measurement(
            name,
            Value.undefined("no outcome") if number is None else Value.of(float(number)),
            "spx",
            None,
            Window(at * 10, at * 10 + 10),
        )
        for name, at, number in made
    ]
    points = timeline(found, "mae")
    assert [point.window.start_us for point in points] == sorted({point.window.start_us for point in points})
    for point in points:
        told = [one for one in found if one.name == "mae" and one.window == point.window and one.value.is_defined]
        assert (told[-1:] or [None])[0] == point.realised
        chain = [*point.replaced, *([point.realised] if point.realised else [])]
        assert all(one.value != other.value for one, other in pairwise(chain))
    assert len({(one.window, one.title) for one, _ in values_of(found)}) == len(values_of(found))
