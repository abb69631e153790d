"""Maintenance windows: times that come again and again in which nobody is told about certain alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs
from cronsim import CronSim, CronSimError

from watchkeeper.domain.alert import Alert
from watchkeeper.domain.errors import ConfigError

from .matching import Matcher, fits_all

_LONGEST_US: Final = 7 * 86_400_000_000
_CLOCKS_GO_BACK: Final = timedelta(hours=4)
"""Further than clocks go back anywhere."""


@attrs.frozen
class MaintenanceWindow:
    """Each time that `cron` names is the beginning of a window of `duration_us`, for alerts that fit all matchers.

    Where clocks are changed, a time that is left out begins at the change, and one that comes twice begins twice only
    when the expression names every hour (the rule of Debian's cron).

    Raises
    ------
    ConfigError
        When the expression, the time zone or the duration is none.

    Examples
    --------
    >>> nightly = MaintenanceWindow("nightly", "0 2 * * *", 3_600_000_000, (Matcher.parse("severity!=critical"),))
    >>> nightly.until_us(1_221_445_800_000_000)  # 2008-09-15T02:30:00Z
    1221447600000000
    """

    name: str
    cron: str
    """Minute, hour, day of the month, month, day of the week: ``30 22 * * MON-FRI``."""
    duration_us: int
    matchers: tuple[Matcher, ...]
    timezone: str = "UTC"
    """A name of the IANA database, such as ``Europe/Berlin``."""

    def __attrs_post_init__(self) -> None:
        title = f"maintenance window {self.name!r}"
        if not self.matchers:
            raise ConfigError(f"{title} needs at least one matcher, such as severity!=critical")
        if not 0 < self.duration_us <= _LONGEST_US:
            raise ConfigError(
                f"{title}: duration: expected more than 0 and at most 7 days, found {self.duration_us} µs"
            )
        try:
            zone = _zone(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigError(
                f"{title}: {self.timezone!r} is no time zone; expected one such as Europe/Berlin"
            ) from error
        try:
            next(CronSim(self.cron, datetime(2000, 1, 1, tzinfo=zone)))
        except (CronSimError, StopIteration) as error:
            reason = str(error) or "there is no such day"
            raise ConfigError(
                f"{title}: {self.cron!r} names no times: {reason}; expected minute, hour, day, month and weekday, "
                "such as 30 22 * * MON-FRI"
            ) from error

    def covers(self, alert: Alert) -> bool:
        """Whether it is about that alert."""
        return fits_all(self.matchers, alert)

    def until_us(self, now_us: int) -> int | None:
        """When the window that is open at that time ends; None when none is open."""
        now = datetime.fromtimestamp(now_us // 1_000_000, UTC)
        # searching back from now itself, cronsim misses beginnings in an hour that comes twice
        later = (now.replace(second=0) + _CLOCKS_GO_BACK).astimezone(_zone(self.timezone))
        beginnings = (round(begun.timestamp()) * 1_000_000 for begun in CronSim(self.cron, later, reverse=True))
        begun_us = next((at_us for at_us in beginnings if at_us <= now_us), None)
        if begun_us is None:
            return None
        end_us = begun_us + self.duration_us
        return end_us if now_us < end_us else None


def _zone(name: str) -> tzinfo:
    """The time zone; UTC is there also where the system has no time zones."""
    return UTC if name == "UTC" else ZoneInfo(name)
