"""Notifier ``spool``: writes each notification to a file of its own, for a program that takes them from a folder.

>>> import tempfile
>>> from watchkeeper.testing.notifier import sample_notification
>>> with tempfile.TemporaryDirectory() as folder:
...     notifier = build(Options(Path(folder)))
...     delivery = notifier.send(sample_notification("first"))
...     sorted(path.name for path in Path(folder).iterdir())
['first.json']
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import attrs
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.alert import Delivery, Notification
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from watchkeeper.domain.plain import plain_notification
from watchkeeper.hookspecs import hookimpl

_FOR_EVER = (FileNotFoundError, NotADirectoryError, PermissionError)
_LONGEST_NAME = 200


@attrs.frozen
class Options:
    """What can be set."""

    folder: Path
    """Where the files go; it must be there."""


@attrs.frozen
class SpoolNotifier:
    """Writes to `folder`; a notification that comes twice has the same key, so its file is replaced by itself."""

    folder: Path

    def send(self, notification: Notification) -> Delivery:
        """Write the file under another name, then give it its own: who looks finds it whole or not at all.

        Raises
        ------
        DeliveryRefused
            There is no such folder, or no permission.
        DeliveryDelayed
            It could not be written now (disk full, say).
        """
        name = _name(notification.key)
        try:
            _write(self.folder, name, json.dumps(plain_notification(notification), allow_nan=False).encode())
        except _FOR_EVER as error:
            raise DeliveryRefused(f"{self.folder} cannot be written: {error.strerror}; expected a folder") from error
        except OSError as error:
            raise DeliveryDelayed(f"{self.folder} could not be written: {error.strerror}") from error
        return Delivery(str(self.folder), name)

    def close(self) -> None:
        """There is nothing to release."""


def _name(key: str) -> str:
    """A file's name for a key: the key itself where that can be one."""
    name = quote(key, safe="")
    return f"{name if len(name) <= _LONGEST_NAME else hashlib.sha256(key.encode()).hexdigest()}.json"


def _write(folder: Path, name: str, content: bytes) -> None:
    handle, partial = tempfile.mkstemp(dir=folder, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, folder / name)
    except OSError:
        Path(partial).unlink(missing_ok=True)
        raise


def build(options: Options) -> SpoolNotifier:
    """The notifier; a ConfigError when the path is a file."""
    folder = options.folder.absolute()  # the working directory may change later
    if folder.is_file():
        raise ConfigError(f"folder: {folder} is a file, expected a folder")
    return SpoolNotifier(folder)


@hookimpl
def watchkeeper_notifiers() -> Iterable[Plugin]:
    """One plugin: ``spool``."""
    yield Plugin(Kind.NOTIFIER, "spool", build, Options, summary="Writes each notification to a file in a folder.")
