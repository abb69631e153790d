"""Artifacts in a folder elsewhere: in fsspec's memory and in its local files."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from watchkeeper.clock import SystemClock
from watchkeeper.domain.errors import ExtraMissing, IntegrityError, NotFound, StoreError, UsageError
from watchkeeper.domain.model import Stage
from watchkeeper.registry import Registry
from watchkeeper.registry.remote import with_remote_artifacts
from watchkeeper.testing.memory import MemoryStorage

fsspec = pytest.importorskip("fsspec")


class TextFormat:
    """A model that is a text."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(json.dumps(model).encode())
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return json.loads(source.read())


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"memory://{uuid.uuid4().hex}/watch" if request.param == "memory" else (tmp_path / "far" / "away").as_uri()


@pytest.fixture
def inside() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def registry(url: str, inside: MemoryStorage) -> Registry:
    return Registry(with_remote_artifacts(inside, url), {"text": TextFormat()}, SystemClock(), "ada")


def path_of(url: str, digest: str) -> tuple[Any, str]:
    filesystem, folder = fsspec.core.url_to_fs(url)
    return filesystem, f"{folder}/{digest[:2]}/{digest}"


def test_bytes_are_elsewhere_and_everything_else_is_in_the_store(
    registry: Registry, inside: MemoryStorage, url: str
) -> None:
    version = registry.register("first", "momentum")
    registry.promote(version.ref, Stage.STAGING)
    registry.promote(version.ref, Stage.PRODUCTION)
    assert inside._blobs == {}
    filesystem, path = path_of(url, version.digest)
    assert filesystem.cat_file(path) == b'"first"'
    assert registry.load("momentum@production") == "first"
    assert registry.verify().status == "OK"


def test_the_same_bytes_are_kept_once(registry: Registry, url: str) -> None:
    version = registry.register("first", "momentum")
    registry.register("first", "momentum")
    filesystem, path = path_of(url, version.digest)
    assert len(filesystem.find(path.rpartition("/")[0].rpartition("/")[0])) == 1


def test_bytes_that_were_changed_elsewhere_are_refused(registry: Registry, url: str) -> None:
    version = registry.register("first", "momentum")
    filesystem, path = path_of(url, version.digest)
    filesystem.pipe_file(path, b'"fIrst"')
    with pytest.raises(IntegrityError, match=r"artifact of momentum@1\.0\.0 is not the one that was registered"):
        registry.load("momentum@latest")
    filesystem.rm_file(path)
    with pytest.raises(IntegrityError, match="is missing from the store"):
        registry.load("momentum@latest")


def test_cleanup_removes_what_no_version_names(registry: Registry, url: str) -> None:
    version = registry.register("first", "momentum")
    kept = registry.register("second", "momentum")
    registry.delete(version.ref)
    assert registry.cleanup.collect(dry_run=False).blobs == ()
    filesystem, path = path_of(url, kept.digest)
    filesystem.pipe_file(path.rpartition("/")[0].rpartition("/")[0] + "/unfinished-1", b"half")
    # files have real times: up to a second from now, instead of waiting for one to pass
    gone = registry.cleanup.collect(dry_run=False, grace_seconds=-1.0).blobs
    assert set(gone) == {version.digest, "unfinished-1"}
    assert registry.load("momentum@latest") == "second"


def test_what_is_not_there_or_no_digest_is_told(url: str, inside: MemoryStorage) -> None:
    remote = with_remote_artifacts(inside, url)
    with pytest.raises(NotFound, match="there is no blob"):
        remote.open_blob("0" * 64)
    with pytest.raises(UsageError, match="is not a digest"):
        remote.open_blob("../../etc/passwd")
    assert list(remote.blobs()) == []  # type: ignore[attr-defined]  # it sweeps blobs


def test_a_folder_that_cannot_be_written_is_told(inside: MemoryStorage, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    registry = Registry(
        with_remote_artifacts(inside, (tmp_path / "file" / "under").as_uri()),
        {"text": TextFormat()},
        SystemClock(),
        "ada",
    )
    with pytest.raises(StoreError, match=r"cannot be written: .*; nothing was registered"):
        registry.register("first", "momentum")
    assert registry.models() == ()


def test_a_scheme_that_there_is_not_is_told(inside: MemoryStorage) -> None:
    with pytest.raises(UsageError, match="cannot be used for artifacts"):
        with_remote_artifacts(inside, "nowhere://x")


def test_a_scheme_whose_package_is_missing_is_told(inside: MemoryStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(url: str) -> Any:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(ExtraMissing, match=r'pip install "watchkeeper\[remote\]" \(Install s3fs'):
        with_remote_artifacts(inside, "s3://bucket/x")
