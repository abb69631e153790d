"""Artifacts in a folder elsewhere, through fsspec: object stores, network file systems; the rest stays in the store."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, cast

from watchkeeper.contracts.storage import Storage, StoredBlob
from watchkeeper.domain.errors import ExtraMissing, NotFound, StoreCorrupt, StoreError, UsageError

_IN_MEMORY_BYTES: Final = 64 * 2**20
_PIECE: Final = 2**20
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def with_remote_artifacts(storage: Storage, url: str) -> Storage:
    """The store, with its blobs in the folder that a URL names, such as ``s3://bucket/watch`` or ``file:///mnt/watch``.

    Raises
    ------
    ExtraMissing
        fsspec, or the package that it needs for the URL's scheme, is not installed.
    UsageError
        The URL's scheme is none of fsspec's.
    """
    filesystem, folder = _addressed(url)
    return cast("Storage", RemoteBlobs(storage, filesystem, folder))


def check_address(url: str) -> None:
    """Pass, or what `with_remote_artifacts` would raise; nothing is written or asked for."""
    _addressed(url)


def _addressed(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the folder in it."""
    try:
        import fsspec

        filesystem, folder = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise ExtraMissing(
            f'artifacts at {url!r} need fsspec and what it needs for them: pip install "watchkeeper[remote]" ({error})'
        ) from error
    except ValueError as error:
        raise UsageError(f"{url!r} cannot be used for artifacts: {error}") from error
    return filesystem, str(folder)


class RemoteBlobs:
    """A store whose blobs are files elsewhere, under their digest; everything else is the store's own."""

    def __init__(self, storage: Storage, filesystem: Any, folder: str) -> None:
        self._storage = storage
        self._files = filesystem
        self._folder = folder.rstrip("/")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def put_blob(self, source: BinaryIO) -> str:
        """Keep the bytes: uploaded beside, then moved to their name, so that a file under its name is whole."""
        hashed = hashlib.sha256()
        with tempfile.NamedTemporaryFile() as local:
            while piece := source.read(_PIECE):
                hashed.update(piece)
                local.write(piece)
            local.flush()
            digest = hashed.hexdigest()
            unfinished = f"{self._folder}/unfinished-{uuid.uuid4().hex}"
            try:
                self._files.makedirs(os.path.dirname(self._path(digest)), exist_ok=True)  # noqa: PTH120 - no local path
                self._files.put_file(local.name, unfinished)
                # always anew: the time of the last put is what a clean-up goes by
                self._files.mv(unfinished, self._path(digest))
            except OSError as error:
                raise StoreError(f"{self._folder} cannot be written: {error}; nothing was registered") from error
        return digest

    def open_blob(self, digest: str) -> BinaryIO:
        """The bytes, copied to where nobody else can write and compared with the digest on the way."""
        path, hashed = self._path(digest), hashlib.sha256()
        copy = cast("BinaryIO", tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES))  # noqa: SIM115 - the caller's
        try:
            with self._files.open(path, "rb") as file:
                while piece := file.read(_PIECE):
                    hashed.update(piece)
                    copy.write(piece)
        except FileNotFoundError as error:
            copy.close()
            raise NotFound(f"there is no blob {digest} in {self._folder}") from error
        except OSError as error:
            copy.close()
            raise StoreError(f"{path} cannot be read: {error}") from error
        if hashed.hexdigest() != digest:
            copy.close()
            raise StoreCorrupt(f"{path} has other bytes than were written: put the blob again, or restore the file")
        copy.seek(0, io.SEEK_SET)
        return copy

    def blobs(self) -> Iterator[StoredBlob]:
        """Every blob; uploads that were never finished are told too, under a name that no version has."""
        try:
            found = self._files.find(self._folder, detail=True) if self._files.exists(self._folder) else {}
        except OSError as error:
            raise StoreError(f"{self._folder} cannot be listed: {error}") from error
        for path in sorted(found):
            kept_us = round(self._files.modified(path).timestamp() * 1e6)
            yield StoredBlob(path.rpartition("/")[2], int(found[path]["size"]), kept_us)

    def remove_blob(self, digest: str, before_us: int) -> bool:
        """Remove a blob that was last put before `before_us`.

        A folder elsewhere has no lock: of a put at this very moment only the grace of a clean-up protects the bytes.
        """
        path = self._path(digest) if _DIGEST.fullmatch(digest) else f"{self._folder}/{digest}"
        try:
            if not self._files.exists(path) or self._files.modified(path).timestamp() * 1e6 >= before_us:
                return False
            self._files.rm_file(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be removed: {error}") from error
        return True

    def _path(self, digest: str) -> str:
        if not _DIGEST.fullmatch(digest):
            raise UsageError(f"{digest!r} is not a digest: expected SHA-256 as 64 hexadecimal digits in lower case")
        return f"{self._folder}/{digest[:2]}/{digest}"
