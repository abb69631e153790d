"""Pages of alerts that are told apart by severity and labels, too: for lists that are longer than a screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import dropwhile, islice
from typing import Final

import attrs

from watchkeeper.alerting.matching import Matcher, fits_all
from watchkeeper.alerting.system import Alerting
from watchkeeper.domain.alert import Alert, AlertState, Severity

_READ_AT_ONCE: Final = 500
_PLACE: Final = re.compile(r"([0-9]{1,18})-(.+)", re.DOTALL)


@attrs.frozen
class AlertFilter:
    """Which alerts are wanted; without a state, the open ones."""

    state: AlertState | None = None
    model: str | None = None
    severity: Severity | None = None
    matchers: tuple[Matcher, ...] = ()
    is_seen: Callable[[str], bool] | None = None
    """Whether alerts of that model may be seen; None: every model's."""

    @property
    def is_of_index(self) -> bool:
        """Whether the store finds them by itself."""
        return self.severity is None and not self.matchers and self.is_seen is None

    def fits(self, alert: Alert) -> bool:
        """Whether this one is wanted, its state and model being so."""
        return (
            (self.severity is None or alert.severity is self.severity)
            and fits_all(self.matchers, alert)
            and (self.is_seen is None or self.is_seen(alert.model))
        )


@attrs.frozen
class AlertPage:
    """Some alerts, last changed first."""

    alerts: tuple[Alert, ...]
    next: str | None
    """Where the page after this one begins; None after the last."""


def alert_page(
    alerting: Alerting, wanted: AlertFilter, limit: int | None = None, after: str | None = None
) -> AlertPage:
    """The alerts that fit, last changed first.

    Parameters
    ----------
    limit
        At most so many; all when left out.
    after
        The `next` of the page before, which goes on where that page ended though its alerts have changed since; or an
        alert's fingerprint, or its beginning.

    Raises
    ------
    NotFound
        No alert has the fingerprint `after`.
    """
    last = None if after is None else _place(alerting, after)
    found = tuple(islice(_fitting(alerting, wanted, last, limit), None if limit is None else limit + 1))
    if limit is None or len(found) <= limit:
        return AlertPage(found, None)
    end = found[limit - 1]
    return AlertPage(found[:limit], f"{end.changed_us}-{end.fingerprint}")


def matching_alerts(alerting: Alerting, wanted: AlertFilter) -> tuple[Alert, ...]:
    """Every alert that fits, last changed first."""
    return tuple(alert for alert in alerting.alerts(wanted.state, wanted.model) if wanted.fits(alert))


def _fitting(alerting: Alerting, wanted: AlertFilter, last: Alert | None, limit: int | None) -> Iterator[Alert]:
    if wanted.is_of_index:
        yield from alerting.alerts(wanted.state, wanted.model, None if limit is None else limit + 1, after=last)
    elif wanted.state is AlertState.RESOLVED:
        yield from filter(wanted.fits, _pages(alerting, wanted, last))
    else:  # the open ones are remembered: reading all of them costs less than reading some
        found = matching_alerts(alerting, wanted)
        yield from found if last is None else dropwhile(lambda alert: _rank(alert) <= _rank(last), found)


def _pages(alerting: Alerting, wanted: AlertFilter, last: Alert | None) -> Iterator[Alert]:
    while True:
        page = alerting.alerts(wanted.state, wanted.model, _READ_AT_ONCE, after=last)
        yield from page
        if len(page) < _READ_AT_ONCE:
            return
        last = page[-1]


def _rank(alert: Alert) -> tuple[int, str]:
    """The order of lists: last changed first, then by fingerprint."""
    return (-alert.changed_us, alert.fingerprint)


def _place(alerting: Alerting, after: str) -> Alert:
    """The last alert of the page before, as it was then."""
    found = _PLACE.fullmatch(after)
    if found is None:
        return alerting.alert(after)
    return Alert(
        fingerprint=found[2],
        rule="",
        model="",
        severity=Severity.INFO,
        state=AlertState.FIRING,
        summary="",
        since_us=0,
        changed_us=int(found[1]),
    )
