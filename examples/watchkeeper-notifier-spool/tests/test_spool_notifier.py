"""The spool notifier keeps the contract, and leaves whole files."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from watchkeeper.plugins import Plugins
from watchkeeper.testing import NotifierContract
from watchkeeper.testing.notifier import sample_notification

import watchkeeper_notifier_spool
from watchkeeper_notifier_spool import Options, SpoolNotifier, build


class TestSpool(NotifierContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> SpoolNotifier:
        return build(Options(tmp_path))

    def unreachable(self) -> SpoolNotifier:
        return build(Options(Path("/no/such/folder")))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_watchkeeper_finds_it_by_its_name(tmp_path: Path) -> None:
    assert Plugins().build("notifier", "spool", {"folder": str(tmp_path)}) == SpoolNotifier(tmp_path)


def test_a_notification_that_comes_twice_is_one_file(tmp_path: Path) -> None:
    notifier = build(Options(tmp_path))

    notifier.send(sample_notification("first"))
    notifier.send(sample_notification("first"))
    notifier.send(sample_notification("../second"))

    assert names(tmp_path) == ["..%2Fsecond.json", "first.json"]
    assert json.loads((tmp_path / "first.json").read_text())["key"] == "first"


def test_a_key_that_is_too_long_for_a_name_is_told_by_its_digest(tmp_path: Path) -> None:
    build(Options(tmp_path)).send(sample_notification("k" * 1_000))

    (name,) = names(tmp_path)
    assert len(name) == 64 + len(".json")


def test_a_full_disk_is_a_delay_and_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(watchkeeper_notifier_spool.os, "fsync", full)
    with pytest.raises(DeliveryDelayed, match=r"could not be written: No space left on device$"):
        build(Options(tmp_path)).send(sample_notification())

    assert names(tmp_path) == []


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryRefused, match="cannot be written: No such file or directory; expected a folder"):
        build(Options(tmp_path / "missing")).send(sample_notification())


def test_a_folder_that_is_a_file_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file, expected a folder"):
        build(Options(tmp_path / "file"))


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "spool").mkdir()
    monkeypatch.chdir(tmp_path)
    notifier = build(Options(Path("spool")))
    monkeypatch.chdir("/")

    notifier.send(sample_notification("first"))

    assert names(tmp_path / "spool") == ["first.json"]
