"""Latency and error rate: against numpy and scipy, and limits that chance exceeds as often as it may."""

import numpy as np
import pytest
from scipy import stats

from watchkeeper.app.serving import ServedColumns
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.table import Table
from watchkeeper.domain.window import Window
from watchkeeper.monitor.measuring import Subject
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.service import Service, quantile_value, service_of, usual_quantile_limit, usual_share_limit

SUBJECT = Subject("m", None, Window(0, 1))


def records(**columns):
    table = Table({name: np.array(values, dtype=np.float64) for name, values in columns.items()})
    rows = len(table)
    return Records(Window(0, 1, rows), np.zeros(rows), None, np.zeros(rows, dtype=bool), table)


def measured(service, **columns):
    return {found.name: found for found in service.measured(SUBJECT, records(**columns))}


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("rows", [100, 999, 20_000])
def test_a_percentile_is_numpys_inverted_cdf(share, rows):
    values = np.sort(np.random.default_rng(1).lognormal(size=rows))
    assert quantile_value(values, share).number == np.quantile(values, share, method="inverted_cdf")


@pytest.mark.parametrize(("share", "rows"), [(0.5, 200), (0.95, 500), (0.99, 1_000), (0.95, 20_000)])
def test_the_interval_holds_the_true_percentile_about_95_times_in_100(share, rows):
    rng, true = np.random.default_rng(2), stats.lognorm(1).ppf(share)
    held = 0
    for _ in range(400):
        low, high = quantile_value(np.sort(rng.lognormal(size=rows)), share).interval
        held += low <= true <= high
    assert 0.93 <= held / 400 <= 1.0


def test_the_interval_is_the_binomials():
    values = np.arange(1.0, 201.0)
    low, high = quantile_value(values, 0.5).interval
    assert stats.binom.cdf(low - 1, 200, 0.5) <= 0.025 < stats.binom.cdf(low, 200, 0.5)
    assert stats.binom.sf(high - 1, 200, 0.5) <= 0.025 < stats.binom.sf(high - 2, 200, 0.5)


def test_too_few_rows_have_no_percentile_and_a_few_more_no_interval():
    assert quantile_value(np.arange(19.0), 0.95).reason == "19 rows with a latency; 20 are needed"
    assert quantile_value(np.arange(20.0), 0.95).number == 18.0
    assert quantile_value(np.arange(20.0), 0.95).interval is None
    assert quantile_value(np.arange(99.0), 0.99).reason == "99 rows with a latency; 100 are needed"


def test_a_window_like_the_reference_is_beyond_the_limit_as_often_as_allowed():
    rng, rate, beyond = np.random.default_rng(3), 0.05, 0
    for _ in range(600):
        usual, now = np.sort(rng.lognormal(size=20_000)), np.sort(rng.lognormal(size=200))
        beyond += quantile_value(now, 0.95).number > usual_quantile_limit(usual, 0.95, 200, rate)
    assert 0.02 <= beyond / 600 <= 0.08


def test_a_short_reference_tells_no_limit():
    assert usual_quantile_limit(np.arange(50.0), 0.99, 200, 1e-6) is None


@pytest.mark.parametrize(("failed", "of", "rows"), [(10, 1_000, 500), (0, 1_000, 500), (300, 1_000, 50)])
def test_the_error_limit_is_scipys_binomial_at_the_upper_bound(failed, of, rows):
    limit = usual_share_limit(failed, of, rows, 0.01)
    usual = stats.binomtest(failed, of, alternative="less").proportion_ci(0.95, method="exact").high
    count = round(limit * rows)
    assert stats.binom.sf(count, rows, usual) <= 0.01 < stats.binom.sf(count - 1, rows, usual)


def test_a_reference_that_always_fails_has_the_limit_of_all():
    assert usual_share_limit(5, 5, 10, 0.01) == 1.0


def test_everything_is_measured_with_its_limit():
    rng = np.random.default_rng(4)
    reference = Table({"ms": rng.lognormal(size=5_000), "failed": (rng.random(5_000) < 0.01).astype(float)})
    service = service_of("ms", "failed", reference, limits=(None, None), rate=0.001)
    found = measured(service, ms=rng.lognormal(size=500), failed=np.zeros(500))
    assert list(found) == ["latency_p50", "latency_p95", "latency_p99", "error_rate"]
    assert found["latency_p95"].value.number < found["latency_p95"].details["limit"]
    assert found["error_rate"].value.interval[0] == 0.0
    slow = measured(service, ms=5 * rng.lognormal(size=500), failed=(np.arange(500) % 10 == 0))
    assert slow["latency_p95"].value.number > slow["latency_p95"].details["limit"]
    assert slow["error_rate"].value.number == 0.1 > slow["error_rate"].details["limit"]


def test_what_somebody_set_goes_before_the_reference():
    service = service_of("ms", "failed", Table({"ms": np.ones(100)}), limits=(250.0, 0.02), rate=0.001)
    found = measured(service, ms=np.ones(100), failed=np.zeros(100))
    assert found["latency_p95"].details == {"limit": 250.0}
    assert found["error_rate"].details == {"limit": 0.02}


def test_missing_numbers_count_for_nothing():
    found = measured(Service("ms", "failed"), ms=[np.nan] * 50, failed=[np.nan] * 49 + [1.0])
    assert found["latency_p95"].value.reason == "0 rows with a latency; 20 are needed"
    assert found["latency_p95"].details == {}
    assert (found["error_rate"].value.number, found["error_rate"].value.samples) == (1.0, 1)


def test_a_column_that_was_never_recorded_is_undefined():
    found = measured(Service(None, "failed"), other=[1.0])
    assert {name: one.value.reason for name, one in found.items()} == {"error_rate": "no row says whether it failed"}


def test_without_columns_there_is_nothing_to_measure():
    assert service_of(None, None, Table({}), limits=(None, None), rate=0.1) is None


COLUMNS = ServedColumns(("a", "b"), "ms", "failed")


def test_many_rows_get_their_latency_and_errors():
    found = COLUMNS.added(np.ones((3, 2)), np.ones(3), [1, 2, 3], False)
    assert {name: list(values) for name, values in found.items()} == {
        "a": [1, 1, 1],
        "b": [1, 1, 1],
        "ms": [1, 2, 3],
        "failed": [0, 0, 0],
    }


def test_one_row_gets_them_too_and_what_is_not_said_is_not_known():
    found = COLUMNS.added({"a": 1.0, "b": 2.0}, 0.5, 12.5, None)
    assert found["ms"] == 12.5
    assert np.isnan(found["failed"])


def test_what_the_features_hold_already_stays():
    assert COLUMNS.added({"a": [1.0], "b": [2.0], "ms": [3.0]}, [0.5], None, None)["ms"] == [3.0]


@pytest.mark.parametrize(
    ("columns", "arguments", "message"),
    [
        (
            COLUMNS,
            (np.ones((3, 4)), np.ones(3), None, None),
            r"features have the shape \(3, 4\); expected 2 columns: a, b",
        ),
        (
            COLUMNS,
            (np.ones((3, 2)), np.ones(3), [1, 2], None),
            r"latency has the shape \(2,\); expected one for each of 3",
        ),
        (COLUMNS, ([1, 2], 0.5, [1, 2], None), "one row has 2 latencies or errors; expected one"),
        (ServedColumns(("a",), "ms", None), ([[1]], [0.5], None, True), "there is no column for error: name one as"),
    ],
)
def test_what_does_not_fit_is_told(columns, arguments, message):
    with pytest.raises(UsageError, match=message):
        columns.added(*arguments)
