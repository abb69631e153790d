"""S&P 500 daily history from the installed ``arch`` package, as features and tomorrow's volatility."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import ExtraMissing

FEATURES = ("vol1", "vol5", "vol22", "ewma", "ret1", "ret5", "volume")
"""Log volatility of the day, its 5- and 22-day means, its slow average; returns in percent; relative volume."""
_TRADING_DAYS = 252
_SLOW = 0.1
_WARM_UP_DAYS = 60
DAY_US = 86_400_000_000


@attrs.frozen(eq=False)
class Market:
    """n trading days, oldest first; each row is what is known at that day's close."""

    time_us: NDArray[np.int64]
    """(n,): midnight UTC of the day."""
    features: NDArray[np.float64]
    """(n, 7), columns as in `FEATURES`."""
    target: NDArray[np.float64]
    """(n,): log volatility of the next trading day; NaN on the last."""

    def between(self, first: str, last: str) -> slice:
        """The rows of days from `first` to before `last`, ISO dates."""
        edges = np.array([first, last], dtype="datetime64[us]").astype(np.int64)
        start, stop = np.searchsorted(self.time_us, edges)
        return slice(int(start), int(stop))


def load_market() -> Market:
    """Read the prices and compute features; nothing is downloaded or copied.

    The day's volatility is Parkinson's (1980) from high and low, in percent a year; its logarithm is close to normal.
    """
    try:
        from arch.data import sp500
    except ModuleNotFoundError as error:
        raise ExtraMissing('the demo needs arch, which is not installed: pip install "watchkeeper[demo]"') from error
    prices = sp500.load()
    high, low, close = (np.log(prices[name].to_numpy(dtype=np.float64)) for name in ("High", "Low", "Close"))
    volume = prices["Volume"].to_numpy(dtype=np.float64)
    time_us = prices.index.to_numpy().astype("datetime64[us]").astype(np.int64)
    volatility = np.log(100.0 * np.sqrt((high - low) ** 2 / (4.0 * np.log(2.0)) * _TRADING_DAYS))
    returns = 100.0 * np.diff(close, prepend=np.nan)
    columns = (
        volatility,
        _trailing_mean(volatility, 5),
        _trailing_mean(volatility, 22),
        _slow_average(volatility),
        returns,
        5.0 * _trailing_mean(returns, 5),
        np.log(volume / _trailing_mean(volume, _WARM_UP_DAYS)),
    )
    features = np.column_stack(columns)
    target = np.append(volatility[1:], np.nan)
    return Market(time_us[_WARM_UP_DAYS:], features[_WARM_UP_DAYS:], target[_WARM_UP_DAYS:])


def _trailing_mean(values: NDArray[np.float64], days: int) -> NDArray[np.float64]:
    """(n,): mean of the last `days` values; NaN where there are fewer."""
    windows = np.lib.stride_tricks.sliding_window_view(values, days).mean(axis=1)
    return np.concatenate([np.full(days - 1, np.nan), windows])


def _slow_average(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,): exponentially weighted mean, a tenth of the weight on today (RiskMetrics uses 0.06 for daily variance)."""
    average = np.empty_like(values)
    level = values[0]
    for day, value in enumerate(values):
        level += _SLOW * (value - level)
        average[day] = level
    return average
