"""Notifier ``file``: appends each notification to a file, one JSON object a line or a block of plain text.

>>> import tempfile
>>> from watchkeeper.testing.notifier import sample_notification
>>> with tempfile.TemporaryDirectory() as folder:
...     notifier = build(Options(Path(folder) / "alerts.jsonl"))
...     delivery = notifier.send(sample_notification("first"))
...     json.loads(notifier.path.read_text())["key"]
'first'
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.alert import Delivery, Notification
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from watchkeeper.domain.plain import plain_notification
from watchkeeper.domain.wording import block
from watchkeeper.hookspecs import hookimpl

_FOR_EVER = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


@attrs.frozen
class Options:
    """What can be set."""

    path: Path
    """The file; it is created when it is not there, its folder is not."""
    style: Literal["json", "text"] = "json"
    """``json``: one object a line, for programs; ``text``: a block for people, as ``console`` prints it."""


@attrs.frozen
class FileNotifier:
    """Appends to `path`; holds nothing open between two notifications, so the file may be moved away at any time."""

    path: Path
    style: Literal["json", "text"] = "json"

    def send(self, notification: Notification) -> Delivery:
        """Append it, and return when it is on the disk.

        Raises
        ------
        DeliveryRefused
            The path cannot be a file: no such folder, a folder itself, no permission.
        DeliveryDelayed
            It could not be written now (disk full, say); the file is as it was.
        """
        line = _written(notification, self.style)
        try:
            with _locked(self.path) as (file, size):
                _append(file, size, line)
        except _FOR_EVER as error:
            raise DeliveryRefused(f"{self.path} cannot be written: {error.strerror}; expected a file") from error
        except OSError as error:
            raise DeliveryDelayed(f"{self.path} could not be written: {error.strerror}") from error
        return Delivery(str(self.path), f"byte {size}")

    def close(self) -> None:
        """There is nothing to release."""


def _written(notification: Notification, style: Literal["json", "text"]) -> bytes:
    if style == "text":
        return f"{block(notification)}\n\n".encode(errors="replace")
    # ASCII, so that no character in a summary can end the line
    return json.dumps(plain_notification(notification), allow_nan=False).encode() + b"\n"


@contextmanager
def _locked(path: Path) -> Iterator[tuple[int, int]]:
    """The open file and its size; other threads and processes that append to it wait."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file).st_size
        if size == 0:
            _sync_folder(path.parent)  # before the first line, so that a file with lines has a name that lasts
        yield file, size
    finally:
        os.close(file)


def _append(file: int, size: int, line: bytes) -> None:
    """Write all of the line or nothing, and wait until the disk has it."""
    if size and os.pread(file, 1, size - 1) != b"\n":
        line = b"\n" + line  # a crash cut the line before short: it must not spoil this one
    try:
        written = 0
        while written < len(line):
            written += os.write(file, line[written:])
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file survive a loss of power."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def build(options: Options) -> FileNotifier:
    """The notifier; a ConfigError when the path is a folder."""
    path = options.path.absolute()  # the working directory may change later
    if path.is_dir():
        raise ConfigError(f"path: {path} is a folder, expected a file such as {path / 'alerts.jsonl'}")
    return FileNotifier(path, options.style)


@hookimpl
def watchkeeper_notifiers() -> Iterable[Plugin]:
    """One plugin: ``file``."""
    yield Plugin(Kind.NOTIFIER, "file", build, Options, summary="Appends to a file, as JSON or as text")
