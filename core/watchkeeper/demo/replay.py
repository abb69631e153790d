"""The demonstration: fit on calm years, then live through 2007 to 2010 day by day."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.app import Watchkeeper, open_project
from watchkeeper.domain.alert import Alert, AlertState
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.explanation import Explanation
from watchkeeper.domain.model import Stage, Task
from watchkeeper.domain.value import Value
from watchkeeper.ensemble import combined
from watchkeeper.monitor.result import CheckResult

from .market import FEATURES, Market, load_market
from .project import BLEND, configuration, write_reference
from .receiver import Receiver

FIT = ("2003-01-01", "2006-01-01")
CALM = ("2003-01-01", "2007-01-01")
REPLAY = ("2007-01-01", "2011-01-01")
EXPLAINED = "boosting"
EXPLAINED_ON = "2008-10-31"
DAYS_BETWEEN_CHECKS = 5
DAYS_BETWEEN_WEIGHTS = 20
_DAYS_OF_A_WINDOW = 60
_FIXED_PSI = 0.25
"""The rule of thumb that many tools alarm by."""


class ReplayClock:
    """The time of the day that is being replayed."""

    def __init__(self, time_us: int) -> None:
        self.time_us = time_us

    def now_us(self) -> int:
        """UTC microseconds since 1970."""
        return self.time_us


@attrs.define
class Teller:
    """What the demo says while it runs; each is called with what happened."""

    fitted: Callable[[str, float], None]
    """A forecaster's name and its error on the year it was not fitted on."""
    registered: Callable[[str, tuple[str, ...]], None]
    """The date, and the versions that went into production."""
    day: Callable[[int, int], None]
    """Day k of n."""
    checked: Callable[[str, dict[str, CheckResult], dict[str, float]], None]
    """The date, every model's result, and the weights, every half year."""
    alert: Callable[[str, Alert], None]
    drawn: Callable[[str, Path], None]
    """The date, and the page of the check that raised the alert."""
    received: Callable[[dict[str, Any]], None]
    """What the webhook was sent."""
    explained: Callable[[Explanation], None]


@attrs.frozen
class Estimated:
    """One forecaster's error as it was estimated without outcomes, beside what it turned out to be."""

    checks: int
    inside: int
    """Checks in which the realised error lay in the estimate's interval."""
    date: str
    """When the two were furthest apart."""
    estimate: Value
    realised: Value


@attrs.frozen
class Story:
    """What happened, counted from what was computed."""

    predictions: int
    checks: int
    seconds: float
    notifications: int
    calm_psi_alarms: int
    """Checks of 2007's first half in which a fixed PSI > 0.25 would have raised an alarm."""
    calm_drift_alarms: int
    """The same checks in which a feature was in alarm."""
    calm_checks: int
    rmse: dict[str, float]
    """Of the whole replay, for each forecaster and the blend."""
    equal_rmse: float
    """Of an equally weighted blend over the same days."""
    estimated: dict[str, Estimated]
    """The error of the last 60 days, for each forecaster and the blend."""


def run(folder: Path, teller: Teller) -> Story:
    """Run the demonstration into `folder`, which must not exist yet."""
    path = folder / "watchkeeper.toml"
    market = load_market()
    _claim(folder, path)
    forecasts, models = _forecasts(market, teller)
    members = tuple(models)
    for name, forecast in {**forecasts, BLEND: _mean(forecasts)}.items():
        calm = market.between(*CALM)
        write_reference(folder / "reference" / f"{name}.parquet", market, calm, forecast[calm])
    with Receiver() as receiver:
        path.write_text(configuration(members, receiver.url), encoding="utf-8")
        clock = ReplayClock(int(market.time_us[market.between(*REPLAY)][0]))
        with open_project(path, clock=clock, actor="demo") as watch:
            replay = _Replay(watch, clock, market, forecasts, receiver, teller)
            replay.register(models)
            story = replay.run()
    path.write_text(configuration(members, None), encoding="utf-8")  # the receiver is gone: nobody to call any more
    return story


def _claim(folder: Path, path: Path) -> None:
    """Make the folder with an empty configuration: of two demonstrations that begin at once, one gets it."""
    taken = UsageError(f"{folder} exists and is not empty; name another folder with --folder, or remove it")
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise taken
    folder.mkdir(parents=True, exist_ok=True)
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        raise taken from None


def _forecasts(market: Market, teller: Teller) -> tuple[dict[str, NDArray[np.float64]], dict[str, Any]]:
    from .forecasters import unfitted

    fit, year = market.between(*FIT), market.between(FIT[1], CALM[1])
    models = {name: model.fit(market.features[fit], market.target[fit]) for name, model in unfitted().items()}
    forecasts = {name: np.asarray(model.predict(market.features)) for name, model in models.items()}
    for name, forecast in forecasts.items():
        teller.fitted(name, _rmse(forecast[year], market.target[year]))
    return forecasts, models


def _mean(forecasts: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.asarray(np.mean(list(forecasts.values()), axis=0), dtype=np.float64)


def _rmse(forecast: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((forecast - truth) ** 2)))


def _estimated(found: list[tuple[str, Value, Value]]) -> Estimated:
    inside = [
        estimate.interval[0] <= (realised.number or 0.0) <= estimate.interval[1]
        for _, estimate, realised in found
        if estimate.interval is not None
    ]
    furthest = max(found, key=lambda one: abs((one[1].number or 0.0) - (one[2].number or 0.0)))
    return Estimated(len(found), sum(inside), *furthest)


class _Replay:
    """One run through the years; holds what is counted on the way."""

    def __init__(  # noqa: PLR0917 - what the replay moves between, each once
        self,
        watch: Watchkeeper,
        clock: ReplayClock,
        market: Market,
        forecasts: dict[str, NDArray[np.float64]],
        receiver: Receiver,
        teller: Teller,
    ) -> None:
        self._watch = watch
        self._clock = clock
        self._market = market
        self._forecasts = forecasts
        self._receiver = receiver
        self._teller = teller
        self._days = range(*market.between(*REPLAY).indices(len(market.target)))
        self._blend = np.full(len(market.target), np.nan)
        self._checks = 0
        self._calm = [0, 0, 0]
        self._estimates: dict[str, list[tuple[str, Value, Value]]] = {}
        self._told = 0
        self._versions: dict[str, str] = {}

    def register(self, models: dict[str, Any]) -> None:
        """Each forecaster becomes version 1.0.0 and goes through staging to production."""
        year = self._market.between(FIT[1], CALM[1])
        refs: list[str] = []
        for name, model in models.items():
            error = _rmse(self._forecasts[name][year], self._market.target[year])
            version = self._watch.registry.register(
                model, name, metrics={"rmse": error}, features=FEATURES, task=Task.REGRESSION, tags=("demo",)
            )
            self._watch.registry.promote(version.ref, Stage.STAGING)
            refs.append(self._watch.registry.promote(version.ref, Stage.PRODUCTION).ref)
            self._versions[name] = refs[-1].partition("@")[2]
        self._teller.registered(self._date(self._days[0]), tuple(refs))

    def run(self) -> Story:
        """Every trading day: forecast, learn yesterday's truth; every week check; every month weigh."""
        started = time.monotonic()
        for passed, day in enumerate(self._days):
            self._clock.time_us = int(self._market.time_us[day])
            self._live(day, is_first=passed == 0)
            if passed >= _DAYS_OF_A_WINDOW and passed % DAYS_BETWEEN_CHECKS == 0:
                self._check(day)
            if passed >= _DAYS_OF_A_WINDOW and passed % DAYS_BETWEEN_WEIGHTS == 0:
                self._watch.reweigh(BLEND)
            if self._date(day) >= EXPLAINED_ON and self._date(day - 1) < EXPLAINED_ON:
                self._teller.explained(self._watch.explain(EXPLAINED))
            self._teller.day(passed + 1, len(self._days))
        self._watch.flush()
        return self._story(time.monotonic() - started)

    def _live(self, day: int, *, is_first: bool) -> None:
        features, ids = self._market.features[day], [self._date(day)]
        said = {name: float(forecast[day]) for name, forecast in self._forecasts.items()}
        self._blend[day] = self._combined(said)
        for name, forecast in {**said, BLEND: self._blend[day]}.items():
            version = self._versions.get(name)
            self._watch.log(name, features, forecast, ids=ids, times_us=[self._clock.time_us], version=version)
            if not is_first:
                yesterday = [self._date(day - 1)]
                truth = [float(self._market.target[day - 1])]
                self._watch.record_outcomes(name, yesterday, truth, times_us=[self._clock.time_us])

    def _combined(self, said: dict[str, float]) -> float:
        weights = self._watch.ensembles.weights(BLEND)
        if weights is None:
            return float(np.mean(list(said.values())))
        return float(combined(np.array([list(said.values())]), list(said), weights)[0])

    def _check(self, day: int) -> None:
        results = self._watch.check_all()
        self._watch.deliver()
        self._checks += len(results)
        date = self._date(day)
        for name, result in results.items():
            for alert in result.alerts:
                self._teller.alert(date, alert)
                if alert.state is AlertState.FIRING:
                    self._draw(date, result)
            estimate, realised = result.measurement("estimated_rmse"), result.measurement("rmse")
            if estimate is not None and realised is not None:
                self._estimates.setdefault(name, []).append((date, estimate.value, realised.value))
            if date < "2007-07":
                self._count_calm(result)
        for payload in self._receiver.received[self._told :]:
            self._teller.received(payload)
        self._told = len(self._receiver.received)
        if date[:7] != self._date(day - DAYS_BETWEEN_CHECKS)[:7] and date[5:7] in ("01", "04", "07", "10"):
            self._watch.tidy()
            if date[5:7] in ("01", "07"):
                weights = self._watch.ensembles.weights(BLEND)
                self._teller.checked(date, results, {} if weights is None else dict(weights.shares))

    def _draw(self, date: str, result: CheckResult) -> None:
        """Keep what somebody who was called would look at."""
        page = self._watch.config.folder / f"{result.model}-{date}.html"
        self._watch.illustrated(result).to_html(page)
        self._teller.drawn(date, page)

    def _count_calm(self, result: CheckResult) -> None:
        psi = [found.value.number for found in result.measurements if found.name == "psi"]
        share = result.measurement("drift_share")
        self._calm[0] += any(number is not None and number > _FIXED_PSI for number in psi)
        self._calm[1] += bool(share and share.value.number)
        self._calm[2] += 1

    def _story(self, seconds: float) -> Story:
        days = slice(self._days.start, self._days.stop)
        truth = self._market.target[days]
        every = {**self._forecasts, BLEND: self._blend}
        return Story(
            predictions=len(self._days) * len(every),
            checks=self._checks,
            seconds=seconds,
            notifications=len(self._receiver.received),
            calm_psi_alarms=self._calm[0],
            calm_drift_alarms=self._calm[1],
            calm_checks=self._calm[2],
            rmse={name: _rmse(forecast[days], truth) for name, forecast in every.items()},
            equal_rmse=_rmse(_mean(self._forecasts)[days], truth),
            estimated={name: _estimated(found) for name, found in self._estimates.items()},
        )

    def _date(self, day: int) -> str:
        return str(self._market.time_us[day].astype("datetime64[us]").astype("datetime64[D]"))
