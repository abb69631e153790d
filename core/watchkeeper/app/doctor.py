"""Whether a project has what it needs, looked at one part after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final

from watchkeeper.alerting.letters import Letter
from watchkeeper.domain.errors import WatchkeeperError
from watchkeeper.domain.plural import counted
from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.domain.wording import one_line
from watchkeeper.plugins import Plugins

from .mistakes import loaded_whole
from .opening import open_project
from .watchkeeper import Watchkeeper

_MOST: Final = 1_000
_LATE_US: Final = 300_000_000
_MINUTE_US: Final = 60_000_000


def examined(path: str) -> tuple[Finding, ...]:
    """A finding for the plugins, the configuration, the store, and each model; what is wrong does not end it."""
    plugins = Plugins()
    broken = [row for row in plugins.rows() if not row.is_ok]
    found = [Finding(Status.WARN, f"plugin {row.title}", row.reason or "it does not work") for row in broken]
    if not broken:
        found.append(Finding(Status.OK, "plugins", f"{len(plugins.rows())} are installed and work"))
    configuration = _tried("configuration", lambda: _configuration(path, plugins))
    found.append(configuration)
    if configuration.status is Status.OK:
        found += _project(path, plugins)
    return tuple(found)


def _configuration(path: str, plugins: Plugins) -> str:
    loaded = loaded_whole(path, plugins, os.environ)
    mistakes = loaded.mistakes_at_use(plugins)
    if mistakes:
        raise WatchkeeperError("; ".join(mistakes))
    models, rules = counted(len(loaded.config.models), "model"), counted(len(loaded.config.rules), "rule")
    return f"{path} describes {models} and {rules}"


def _project(path: str, plugins: Plugins) -> list[Finding]:
    try:
        watch = open_project(path, plugins=plugins)
    except WatchkeeperError as error:
        return [Finding(Status.ALERT, "store", str(error))]
    with watch:
        store = Finding(Status.OK, "store", f"{watch.config.project.storage} opens")
        models = [_tried(f"model {name}", _model(watch, name)) for name in watch.models]
        sound = [name for name, found in zip(watch.models, models, strict=True) if found.status is Status.OK]
        doubts = [Finding(Status.WARN, f"model {name}", told) for name in sound for told in watch.doubts_of(name)]
        return [store, *models, *doubts, *_damaged_journal(watch), _delivery(watch)]


def _damaged_journal(watch: Watchkeeper) -> list[Finding]:
    """What was kept aside when a dead process's journal was read."""
    found = sorted(path.name for path in (watch.config.folder / "journal").glob("*.damaged"))
    if not found:
        return []
    told = (
        f"{counted(len(found), 'file')} in journal/ could not be read whole, such as {found[0]}; what was whole "
        "is in the store, the log has the rest: look why the disk changed it, then delete it"
    )
    return [Finding(Status.WARN, "journal", told)]


def _delivery(watch: Watchkeeper) -> Finding:
    """Whether news arrives: nothing given up, nothing left lying, no escalation that stands still."""
    outbox, now_us = watch.alerting.outbox, watch.now_us()
    stuck = watch.alerting.overdue()
    dead = len(outbox.dead_letters(limit=_MOST))
    late = outbox.late(now_us - _LATE_US, _MOST)
    if stuck or dead:
        given_up = (
            f"{counted(dead, 'notification')} {'was' if dead == 1 else 'were'} given up (`watchkeeper alerts dead`)"
        )
        still = f"{counted(len(stuck), 'escalation')} {'stands' if len(stuck) == 1 else 'stand'} still"
        told = f"{given_up}, {still}"
        return Finding(Status.ALERT, "delivery", told)
    if late:
        due = f"{counted(len(late), 'notification')} {'is' if len(late) == 1 else 'are'} due"
        told = (
            f"{due} and nobody sends {'it' if len(late) == 1 else 'them'}: see `watchkeeper run` and `alerts deliver`"
        )
        return Finding(Status.WARN, "delivery", told)
    failing = [letter for letter in outbox.waiting(limit=_MOST) if letter.error]
    if failing:
        return Finding(Status.WARN, "delivery", _told_of_failing(failing, now_us))
    return Finding(Status.OK, "delivery", f"{counted(len(watch.config.notifiers), 'notifier')}, and nothing left lying")


def _told_of_failing(letters: Sequence[Letter], now_us: int) -> str:
    """How many wait after a failure, for whom, for how long, and what went wrong last."""
    oldest = min(letters, key=lambda letter: letter.first_us)
    receivers = ", ".join(sorted({letter.receiver for letter in letters}))
    minutes = max(0, now_us - oldest.first_us) // _MINUTE_US
    return one_line(
        f"{counted(len(letters), 'notification')} for {receivers} failed and will be tried again, the oldest written "
        f"{counted(minutes, 'minute')} ago: {oldest.error} (`watchkeeper alerts waiting` lists them)"
    )


def _model(watch: Watchkeeper, name: str) -> Callable[[], str]:
    return lambda: watch.told_of(name)


def _tried(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(Status.OK, subject, look())
    except WatchkeeperError as error:
        return Finding(Status.ALERT, subject, str(error))
