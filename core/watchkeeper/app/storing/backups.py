"""Backups: a store as a folder that needs no server, and a store made from one again."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.config.storage_url import StorageAddress
from watchkeeper.contracts.storage import Storage
from watchkeeper.contracts.storage_contents import BacksUp
from watchkeeper.domain.errors import StoreCorrupt, StoreError
from watchkeeper.plugins import Plugins

from .addresses import BACKUP, folder_address, opened_store, require_outside
from .contents import Teller
from .copying import copy
from .verifying import problems_of


def back_up(storage: Storage, folder: Path, plugins: Plugins, tell: Teller) -> None:
    """Copy a store, while it is used, into a folder that is empty or not there; verified before it gets its name.

    A store of files is copied as it lies. Any other is copied through its interface, which takes longer, and during
    which nobody may write to it.
    """
    with _made_whole(folder) as unfinished:
        if isinstance(storage, BacksUp):
            storage.back_up(unfinished)
        else:
            with opened_store(folder_address(unfinished), plugins, create=True) as target:
                copy(storage, target, storage.describe().name, tell)
        with opened_store(folder_address(unfinished), plugins) as made:
            _require_sound(made, "the store", "nothing was backed up", tell)


def restore(folder: Path, address: StorageAddress, plugins: Plugins, tell: Teller) -> None:
    """Make a store from a backup, verified first, at a place where there is nothing yet."""
    if not (folder / "state.db").is_file():
        raise StoreError(
            f"{folder} is no backup: expected a folder with a state.db, as `watchkeeper store backup` makes"
        )
    with opened_store(folder_address(folder), plugins) as backup:
        _require_sound(backup, f"the backup {folder}", "nothing was restored", tell)
        if address.name == BACKUP and address.path is not None and isinstance(backup, BacksUp):
            with _made_whole(address.path) as unfinished:
                backup.back_up(unfinished)
        else:
            with opened_store(address, plugins, create=True) as target:
                copy(backup, target, f"the backup {folder.absolute()}", tell)


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that gets its name when the block has ended well: what has the name is complete."""
    require_outside(folder)
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder} is not empty; nothing was written: name a folder that is empty or not there")
    try:
        unfinished = folder.parent / f".{folder.name}.unfinished-{uuid.uuid4().hex[:12]}"
        unfinished.mkdir(parents=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({error.strerror}): check who may write there") from error
    try:
        yield unfinished
        unfinished.rename(folder)
        _synced(folder.parent)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written ({error.strerror}): check its disk, and who may write there"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _require_sound(storage: Storage, what: str, consequence: str, tell: Teller) -> None:
    problems = problems_of(storage, tell)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise StoreCorrupt(f"{what} is damaged: {problems[0]}{more}; {consequence}")


def _synced(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
