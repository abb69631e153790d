"""A disk that is full, fails or cannot be written, and files that somebody changed: a sentence, nothing half done."""

import contextlib
import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from watchkeeper.domain.errors import IntegrityError, StoreError
from watchkeeper.domain.model import Stage
from watchkeeper.registry import Registry
from watchkeeper.registry.cleanup import Limits
from watchkeeper.testing.clock import FakeClock
from watchkeeper_plugins.storage.sqlite_store.options import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

pytestmark = pytest.mark.faults
LARGE = b"large" * 40_000


class Bytes:
    """A model that is its bytes; counts what it was given to parse."""

    def __init__(self) -> None:
        self.parsed = 0

    def handles(self, model: Any) -> bool:
        return isinstance(model, bytes)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(model)
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        self.parsed += 1
        return source.read()


class Desk:
    """A registry in a folder."""

    def __init__(self, folder: Path, hours: float = 0.0) -> None:
        clock = FakeClock()
        clock.advance(hours * 3600)
        self.format = Bytes()
        self.storage = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock)
        self.registry = Registry(self.storage, {"bytes": self.format}, clock, "ada")
        self.blobs = folder / "blobs"

    def file_of(self, ref: str) -> Path:
        digest = self.registry.get(ref).digest
        return self.blobs / digest[:2] / digest

    def state(self) -> tuple[Any, ...]:
        """All that must not change when something is refused."""
        lines = tuple((line.ref, line.stage, line.digest) for line in self.registry.lines("m"))
        return lines, len(self.registry.history("m")), [entry.digest for entry in self.registry.audit()]

    def assert_whole(self) -> None:
        assert self.registry.verify().status == "OK", self.registry.verify().findings
        for line in self.registry.lines("m"):
            assert self.registry.load(line.ref)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two versions that were in production, one in staging, one for nothing."""
    found = Desk(tmp_path / "watch", hours=2)
    for model in (b"first", LARGE):
        found.registry.promote(found.registry.register(model, "m").ref, Stage.STAGING)
        found.registry.promote("m@staging", Stage.PRODUCTION)
    found.registry.promote(found.registry.register(LARGE + b"3", "m").ref, Stage.STAGING)
    found.registry.register(LARGE + b"4", "m")
    yield found
    found.storage.close()


WORK: dict[str, Callable[[Registry], object]] = {
    "register small": lambda registry: registry.register(b"new", "m", number="7.0.0"),
    "register large": lambda registry: registry.register(LARGE + b"new", "m", number="7.0.0"),
    "promote": lambda registry: registry.promote("m@1.2.0", Stage.PRODUCTION),
    "roll back": lambda registry: registry.rollback("m"),
    "delete": lambda registry: registry.delete("m@1.3.0"),
    "alias": lambda registry: registry.aliases.set("m@1.3.0", "champion"),
}


@contextlib.contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a write beyond `size` bytes meets is EFBIG; Python ignores the signal that comes with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", WORK)
def test_on_a_full_disk_nothing_is_half_done_and_a_retry_works(desk: Desk, name: str) -> None:
    before = desk.state()
    with (
        files_no_larger_than(16),
        pytest.raises(StoreError, match=r"no room to write|refused to read or write") as told,
    ):
        WORK[name](desk.registry)
    assert "nothing was written" in str(told.value)
    assert desk.state() == before
    assert not list(desk.blobs.glob("unfinished-*"))
    desk.assert_whole()
    WORK[name](desk.registry)
    desk.assert_whole()


def failing(name: str, at: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make the n-th call of a function of the system fail as a dying disk does; what was called is noted."""
    calls: list[str] = []
    real = getattr(os, name)

    def work(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        if len(calls) == at:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(arguments[0]))
        return real(*arguments, **named)

    monkeypatch.setattr(os, name, work)
    return calls


@pytest.mark.parametrize("name", ["fsync", "rename", "open", "unlink"])
def test_an_error_of_the_disk_at_any_call_leaves_a_version_absent_or_loadable(
    desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(1, 50):
        number = f"7.{at}.0"
        with monkeypatch.context() as patched:
            calls = failing(name, at, patched)
            told = ""
            try:
                desk.registry.register(LARGE + number.encode(), "m", number=number)
            except StoreError as error:
                told = str(error)
        assert not told or "Input/output error" in told
        assert (number in numbers(desk)) == (told == "")
        desk.assert_whole()
        if len(calls) < at:
            break
        if told:
            desk.registry.register(LARGE + number.encode(), "m", number=number)
        assert desk.registry.load(f"m@{number}") == LARGE + number.encode()
    else:
        raise AssertionError("registering never ended")
    desk.registry.cleanup.collect(Limits(keep=1), dry_run=False, grace_seconds=0.0)
    desk.assert_whole()


def numbers(desk: Desk) -> set[str]:
    return {str(line.number) for line in desk.registry.lines("m")}


READ_ONLY = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_registry_bad_disk import Desk
from watchkeeper.domain.errors import StoreError
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)  # root may write everywhere
try:
    Desk(Path(sys.argv[1]), hours=3)
except StoreError as error:
    print(error)
"""


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_changed(tmp_path: Path, desk: Desk) -> None:
    # pytest's own folder is closed to other users
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    before = desk.state()
    desk.storage.close()
    watch = tmp_path / "watch"
    set_modes(watch, 0o555, 0o444)
    try:
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(watch), str(Path(__file__).parent)],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        set_modes(watch, 0o755, 0o644)
    assert "check who may write there" in done.stdout, done.stderr
    again = Desk(watch, hours=3)
    assert again.state() == before
    again.assert_whole()
    again.storage.close()


def set_modes(folder: Path, of_folders: int, of_files: int) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(of_folders if path.is_dir() else of_files)


def linked(path: Path) -> None:
    """The same bytes elsewhere, and a link in their place."""
    path.rename(path.parent / "elsewhere")
    path.symlink_to(path.parent / "elsewhere")


def piped(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def cut(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])


def longer(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"!")


def exchanged(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"other" * 40_000)


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (linked, "is a link, and no file of the store"),
        (piped, "is no file"),
        (made_a_folder, "is no file"),
        (cut, "has other bytes than were written"),
        (longer, "has other bytes than were written"),
        (exchanged, "has other bytes than were written"),
        (gone, "is missing"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_somebody_changed_is_refused_before_a_parser_sees_it(
    desk: Desk, change: Callable[[Path], None], words: str
) -> None:
    parsed = desk.format.parsed
    change(desk.file_of("m@production"))
    with pytest.raises(IntegrityError, match=rf"the artifact of m@1.1.0 is not the one .*{words}"):
        desk.registry.load("m@production")
    assert desk.format.parsed == parsed
    assert desk.registry.verify().status == "ALERT"
    desk.registry.promote("m@1.2.0", Stage.PRODUCTION)
    with pytest.raises(IntegrityError, match=words):
        desk.registry.rollback("m")


def test_registering_the_same_model_again_mends_its_file(desk: Desk) -> None:
    exchanged(desk.file_of("m@production"))
    desk.registry.register(LARGE, "m")
    assert desk.registry.load("m@production") == LARGE


def test_files_that_belong_to_nothing_are_never_read_and_go_with_the_clean_up(desk: Desk) -> None:
    place = desk.file_of("m@production").parent
    stranger = place / ("0" * 64)
    stranger.write_bytes(b"mine")
    assert desk.registry.load("m@production") == LARGE
    assert desk.registry.verify().status == "OK"
    while not desk.storage.maintain(5.0).is_finished:
        pass
    assert desk.registry.load("m@production") == LARGE
