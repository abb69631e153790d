"""How a model answers: the latency and the error rate of a window's predictions, beside what is usual for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, betaincinv

from watchkeeper.domain.intervals import QUANTILE, wilson
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.value import Value

from .measuring import Subject
from .records import Records

LATENCY: Final = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
"""The measurements and the shares of rows that answer at least as fast."""
ERROR_RATE: Final = "error_rate"
SERVICE_NAMES: Final = (*LATENCY, ERROR_RATE)
_CONFIDENCE: Final = 0.95
_UPPER: Final = 0.95
_MANY: Final = 10_000
"""Rows above which the binomial distribution is taken for normal."""


@attrs.frozen(eq=False)
class Service:
    """What is measured of a model's service; made by `service_of`."""

    latency: str | None
    """The column of latencies, in any unit."""
    error: str | None
    """The column that is not 0 where the prediction failed."""
    latency_limit: float | None = None
    """Of the 95th percentile, as somebody set it."""
    error_limit: float | None = None
    usual_latency: NDArray[np.float64] | None = None
    """(n,) ascending: the reference's latencies."""
    usual_errors: tuple[int, int] | None = None
    """How many of how many of the reference's rows failed."""
    rate: float = 0.0
    """How often chance may lead a window of the reference beyond a limit that is taken from it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return tuple(name for name in (self.latency, self.error) if name is not None)

    def measured(self, subject: Subject, records: Records) -> list[Measurement]:
        """`SERVICE_NAMES` as far as there are columns for them, each with its limit where there is one."""
        return self.told(subject, self.latencies_of(records), self.failed_of(records))

    def latencies_of(self, records: Records) -> NDArray[np.float64]:
        """The latencies of the rows that have one."""
        return np.empty(0) if self.latency is None else finite_numbers(records.features, self.latency)

    def failed_of(self, records: Records) -> tuple[int, int]:
        """How many of how many rows failed."""
        failed = np.empty(0) if self.error is None else finite_numbers(records.features, self.error)
        return int((failed != 0).sum()), len(failed)

    def told(
        self,
        subject: Subject,
        latencies: NDArray[np.float64],
        failed: tuple[int, int],
        details: Mapping[str, float] | None = None,
    ) -> list[Measurement]:
        """The same from latencies (n,) of some or all rows, and how many of how many rows failed.

        `details` are added to those of the latencies.
        """
        found: list[Measurement] = []
        if self.latency is not None:
            values = np.sort(latencies)
            for name, share in LATENCY.items():
                limit = self._latency_limit(name, share, len(values))
                known = {**(details or {}), **({} if limit is None else {"limit": limit})}
                found.append(subject.measurement(name, quantile_value(values, share), {}, known))
        if self.error is not None:
            limit = self._error_limit(failed[1])
            known = {} if limit is None else {"limit": limit}
            found.append(subject.measurement(ERROR_RATE, _share(*failed), {}, known))
        return found

    def _latency_limit(self, name: str, share: float, rows: int) -> float | None:
        if name == "latency_p95" and self.latency_limit is not None:
            return self.latency_limit
        if self.usual_latency is None or not rows:
            return None
        return usual_quantile_limit(self.usual_latency, share, rows, self.rate)

    def _error_limit(self, rows: int) -> float | None:
        if self.error_limit is not None or self.usual_errors is None or not rows:
            return self.error_limit
        return usual_share_limit(*self.usual_errors, rows, self.rate)


def service_of(
    latency: str | None,
    error: str | None,
    reference: Table,
    *,
    limits: tuple[float | None, float | None],
    rate: float,
) -> Service | None:
    """What is to be measured; None when no column is named.

    Parameters
    ----------
    reference
        Where the columns are in it, limits are taken from it that are not given.
    limits
        Of the 95th percentile of latency, and of the error rate; None: the reference's.
    rate
        See `Service.rate`.
    """
    if latency is None and error is None:
        return None
    usual = np.sort(finite_numbers(reference, latency)) if latency is not None and latency in reference else np.empty(0)
    failed = finite_numbers(reference, error) != 0 if error is not None and error in reference else np.empty(0)
    return Service(
        latency,
        error,
        *limits,
        usual_latency=usual if len(usual) else None,
        usual_errors=(int(failed.sum()), len(failed)) if len(failed) else None,
        rate=rate,
    )


def quantile_value(ordered: NDArray[np.float64], share: float) -> Value:
    """The smallest of ``ordered`` (n,), ascending, that this share of them does not exceed, with a 95 % interval.

    The interval is between order statistics by the binomial distribution, for any continuous distribution and
    independent rows (David and Nagaraja, Order Statistics, 2003, section 7.1); none where the rows are too few for it.
    With fewer than 20 rows the 95th percentile is undefined, with fewer than 100 the 99th. O(n).
    """
    rows = len(ordered)
    needed = math.ceil(round(1 / (1 - share), 6))
    if rows < needed:
        return Value.undefined(f"{rows} rows with a latency; {needed} are needed", samples=rows)
    number = float(ordered[math.ceil(round(share * rows, 9)) - 1])
    below, above = _ranks(rows, share)
    interval = (float(ordered[below - 1]), float(ordered[above - 1])) if below >= 1 and above <= rows else None
    return Value.of(number, samples=rows, interval=interval)


def usual_quantile_limit(usual: NDArray[np.float64], share: float, rows: int, rate: float) -> float | None:
    """What the quantile of `rows` usual rows exceeds with at most this probability; None: too few are known.

    The quantile is above a limit when at least m rows are; each is with probability s, and the m-th of n uniform
    numbers has a beta distribution. O(1).
    """
    above = rows - math.ceil(round(share * rows, 9)) + 1
    each = float(betaincinv(above, rows - above + 1, rate))
    place = math.ceil((len(usual) + 1) * (1 - each))
    return float(usual[place - 1]) if place <= len(usual) else None


def usual_share_limit(failed: int, of: int, rows: int, rate: float) -> float:
    """The share of `rows` rows that fail with at most this probability beyond it, when failing is as usual.

    What is usual is the upper 95 % bound of the reference's share (Clopper and Pearson 1934). O(log rows).
    """
    usual = 1.0 if failed == of else float(betaincinv(failed + 1, of - failed, _UPPER))
    low, high = -1, rows
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bdtrc(middle, rows, usual) <= rate else (middle, high)
    return high / rows


def _ranks(rows: int, share: float) -> tuple[int, int]:
    """The ranks, from 1 on, between which the quantile lies with 95 %; 0 or ``rows + 1`` where there is none."""
    tail = (1 - _CONFIDENCE) / 2
    if rows > _MANY:
        middle, spread = rows * share, QUANTILE * math.sqrt(rows * share * (1 - share))
        return math.floor(middle - spread), math.ceil(middle + spread) + 1
    more = bdtrc(np.arange(rows), rows, share)  # (n,) that more than 0, 1, 2... rows are below the quantile
    below, above = np.flatnonzero(1 - more <= tail), np.flatnonzero(more <= tail)
    return (int(below[-1]) + 1 if len(below) else 0), (int(above[0]) + 1 if len(above) else rows + 1)


def _share(failed: int, of: int) -> Value:
    if not of:
        return Value.undefined("no row says whether it failed")
    return Value.of(failed / of, samples=of, interval=wilson(failed / of, of))


def finite_numbers(table: Table, name: str) -> NDArray[np.float64]:
    """The finite numbers of a column; none when the table lacks it."""
    column = table[name] if name in table else np.empty(0)
    if isinstance(column, Categories) or column.dtype.kind not in "fiub":
        return np.empty(0)
    values = column.astype(np.float64)
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite
