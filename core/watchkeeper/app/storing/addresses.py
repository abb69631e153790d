"""Which store a command means, and opening it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from watchkeeper.config.problems import Wrong
from watchkeeper.config.reading import load
from watchkeeper.config.secrets import Secrets, is_secret
from watchkeeper.config.storage_url import StorageAddress, storage_address
from watchkeeper.contracts.plugin import Kind
from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.errors import ConfigError, StoreError, UsageError
from watchkeeper.plugins import Plugins

BACKUP = "sqlite"
"""The back end that backups are made with: a folder that needs no server."""


def configured_address(config: str, plugins: Plugins) -> StorageAddress:
    """Where the store of a project is."""
    return load(config, plugins, os.environ).storage()


def named_address(url: str, what: str) -> StorageAddress:
    """Where the store is that somebody named: a storage URL, or ``env:NAME`` or ``file:PATH`` that holds one.

    `what` says what it was named for: ``FROM``. No message repeats the URL: it may hold a password.
    """
    folder = Path.cwd()
    try:
        text = Secrets(os.environ, folder).text(url) if is_secret(url) else url
    except Wrong as wrong:
        raise ConfigError(*(problem.under(what).text for problem in wrong.problems)) from None
    try:
        return storage_address(text, folder)
    except UsageError as error:
        raise UsageError(f"{what} is no place of a store: {error}") from None


def folder_address(folder: Path) -> StorageAddress:
    """The address of a backup."""
    return storage_address(f"{BACKUP}:///{folder.absolute()}", Path("/"))


@contextmanager
def opened_store(address: StorageAddress, plugins: Plugins, *, create: bool = False) -> Iterator[Storage]:
    """The store at `address`, closed when the block ends; a folder that is not there is made only with `create`."""
    if not create and address.name == BACKUP and address.path is not None and not _holds_something(address.path):
        raise StoreError(f"there is no store in {address.path}: check the path, or run watchkeeper there first")
    if create and address.path is not None:
        require_outside(address.path)
    storage = cast("Storage", plugins.build(Kind.STORAGE, address.name, address.plugin_options))
    try:
        yield storage
    finally:
        storage.close()


def require_outside(folder: Path) -> None:
    """A StoreError for a folder inside of a store, whose files must not have strangers among them."""
    for place in folder.absolute().resolve().parents:
        if (place / "state.db").is_file() and (place / "telemetry").is_dir():
            raise StoreError(f"{folder} is inside the store {place}; nothing was written: name a folder outside of it")


def _holds_something(path: Path) -> bool:
    return path.is_dir() and any(path.iterdir())
