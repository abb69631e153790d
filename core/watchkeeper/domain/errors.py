"""Every error that watchkeeper raises on purpose, as one tree.

    WatchkeeperError                    exit code 70
    ├── UsageError                      2   it was called wrongly
    │   └── WrongState                  2   what it is about is not in a state for that
    ├── ConfigError                     3   watchkeeper.toml, or an option, is wrong
    ├── PluginError                     3   a plugin cannot be used
    │   ├── PluginMissing               3   nobody provides that name
    │   ├── PluginBroken                3   it is installed and does not work
    │   └── ExtraMissing                3   it needs a package that is not installed
    ├── DataError                       4   rows, a file or a column cannot be read
    ├── StoreError                      4   the store cannot be read or written
    │   ├── StoreTooNew                 4   written by a newer watchkeeper
    │   ├── StoreCorrupt                4   bytes are not what was written
    │   ├── StoreBusy                   4   somebody else holds it
    │   └── Conflict                    4   a compare-and-swap lost
    │       └── Contended               75  others write the same all the time; worth trying again
    ├── IntegrityError                  4   an artifact does not match its digest
    ├── NotFound                        2   no such model, version, alert, notifier: a wrong name, as any other
    ├── NotAllowed                      4   a role, a guard or a policy forbids it
    ├── NothingToCheck                  5   there are no rows to look at
    └── DeliveryError                   70  a notification was not accepted
        ├── DeliveryDelayed             70  worth trying again
        └── DeliveryRefused             70  trying again changes nothing

A message says what was found, what was expected, and what to do.
"""

from __future__ import annotations

from typing import ClassVar


class WatchkeeperError(Exception):
    """The root of the tree; ``exit_code`` is what the command line answers."""

    exit_code: ClassVar[int] = 70


class UsageError(WatchkeeperError):
    """A function or command was called with arguments that make no sense together."""

    exit_code: ClassVar[int] = 2


class WrongState(UsageError):
    """Something was asked of an alert or a silence that its present state does not allow."""


class ConfigError(WatchkeeperError):
    """The configuration cannot be used; ``problems`` holds one line for each mistake found."""

    exit_code: ClassVar[int] = 3

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PluginError(WatchkeeperError):
    """A plugin cannot be used."""

    exit_code: ClassVar[int] = 3


class PluginMissing(PluginError):
    """No installed distribution provides a plugin of that name."""


class PluginBroken(PluginError):
    """A plugin is installed, and loading or building it failed."""


class ExtraMissing(PluginError):
    """A plugin needs a package that is not installed; the message holds the pip line."""


class DataError(WatchkeeperError):
    """Rows, a file or a column cannot be read as what they should be."""

    exit_code: ClassVar[int] = 4


class StoreError(WatchkeeperError):
    """The store cannot be read or written."""

    exit_code: ClassVar[int] = 4


class StoreTooNew(StoreError):
    """The store was written by a newer watchkeeper than this one."""


class StoreCorrupt(StoreError):
    """The bytes in the store are not the bytes that were written."""


class StoreBusy(StoreError):
    """Another process kept the store's lock for longer than we wait."""


class Conflict(StoreError):
    """A compare-and-swap lost: the document or log has moved on since it was read."""


class Contended(Conflict):
    """Others write the same all the time: nothing is wrong with the store, and trying again in a moment helps."""

    exit_code: ClassVar[int] = 75


class IntegrityError(WatchkeeperError):
    """An artifact's bytes do not match the digest or signature recorded for them."""

    exit_code: ClassVar[int] = 4


class NotFound(WatchkeeperError):
    """There is no such model, version, alert or document."""

    exit_code: ClassVar[int] = 2


class NotAllowed(WatchkeeperError):
    """A role, a guard or a policy forbids it; the message says which, and what would allow it."""

    exit_code: ClassVar[int] = 4


class NothingToCheck(WatchkeeperError):
    """There are no rows to look at."""

    exit_code: ClassVar[int] = 5


class DeliveryError(WatchkeeperError):
    """A receiver did not accept a notification."""


class DeliveryDelayed(DeliveryError):
    """The receiver may accept it later: time-out, connection refused, 429 or 5xx.

    ``retry_after_seconds`` is what the receiver asked for, None when it did not say. ``done`` names the recipients who
    need no other attempt; the next one finds them in `Notification.done`.
    """

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, done: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.done = done
        self.retry_after_seconds = retry_after_seconds


class DeliveryRefused(DeliveryError):
    """The receiver will never accept it as it is: a 4xx other than 429, a bad address."""
