"""The border between watchkeeper and plugins: what is raised beyond it becomes a value here, and goes no further."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import attrs

from watchkeeper.domain.verdict import Failure

T = TypeVar("T")
_log = logging.getLogger("watchkeeper.plugins")
_told: ContextVar[set[tuple[str, str]] | None] = ContextVar("watchkeeper_plugin_failures_told", default=None)
"""Plugins and what they failed with, as far as they are logged already; None: everything is."""
_OWN_PARTS = frozenset({"caretaker", "monitor", "sender"})
"""Titles that are no plugins: watchkeeper's own threads and checks, contained here as well."""


@attrs.frozen(eq=False)
class Crash:
    """What a plugin raised when it was loaded or built."""

    error: BaseException

    @property
    def told(self) -> str:
        """``TypeName: message`` in one line."""
        return described(self.error)


def attempt(title: str, subject: str, call: Callable[[], T]) -> T | Failure:
    """What `call` returns; when it raises, a `Failure` that names the plugin, and a warning in the log.

    Parameters
    ----------
    title
        The plugin, ``kind.name``.
    subject
        What it works on: a model, a column, a notification's key.
    call
        The plugin's work. KeyboardInterrupt passes; SystemExit does not end the process.
    """
    try:
        return call()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the one place: a broken plugin breaks only itself
        failure = Failure(title, described(error), subject)
        told = {"plugin": title, "subject": subject, "error": failure.error}
        who = f"the {title}" if title in _OWN_PARTS else f"plugin {title}"
        level = logging.WARNING if _is_new(title, failure.error) else logging.DEBUG
        _log.log(level, "%s failed at %s: %s", who, subject or "its work", failure.error, extra=told)
        _log.debug("where %s failed", who, exc_info=True, extra=told)
        return failure


@contextmanager
def each_told_once() -> Iterator[None]:
    """While it lasts, a plugin that fails again in the same words is logged for debugging alone; can be nested."""
    if _told.get() is not None:
        yield
        return
    token = _told.set(set())
    try:
        yield
    finally:
        _told.reset(token)


def _is_new(title: str, error: str) -> bool:
    told = _told.get()
    if told is None:
        return True
    is_new = (title, error) not in told
    told.add((title, error))
    return is_new


def contained(call: Callable[[], T]) -> T | Crash:
    """What `call` returns, or the `Crash`: for code that runs at import, where anything may be raised.

    pytest's and unittest's outcomes, SystemExit and the like are all BaseException; only KeyboardInterrupt, which
    comes from the user and not from the plugin, passes.
    """
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - the same place, at import
        return Crash(error)


def described(error: BaseException) -> str:
    """``TypeName: message`` in one line, even for an exception whose own ``__str__`` raises."""
    name = type(error).__name__
    try:
        message = " ".join(str(error).split())
    except Exception as worse:  # noqa: BLE001 - the same place: an exception class is the plugin's code too
        message = f"(its message cannot be read: {type(worse).__name__})"
    return f"{name}: {message}" if message else name
