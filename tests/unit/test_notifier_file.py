"""The file notifier loses nothing, whatever dies, fills up or writes beside it."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from watchkeeper.domain.wording import block
from watchkeeper.plugins import Plugins
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers import file as file_notifier
from watchkeeper_plugins.notifiers.file import FileNotifier, Options, build


def keys(path: Path) -> list[str]:
    return [json.loads(line)["key"] for line in path.read_text().splitlines()]


def test_watchkeeper_finds_it_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    found = Plugins().build("notifier", "file", {"path": str(path)})

    assert found == FileNotifier(path)


def test_a_notification_is_one_line_with_everything_in_it(tmp_path: Path) -> None:
    notifier = build(Options(tmp_path / "alerts.jsonl"))

    notifier.send(sample_notification("first", summary="two\nlines"))
    delivery = notifier.send(sample_notification("second"))

    first, second = map(json.loads, notifier.path.read_text().splitlines())
    assert (first["key"], second["key"]) == ("first", "second")
    assert first["alert"]["summary"] == "two\nlines"
    assert second["measurements"][0]["value"] == 0.61
    assert delivery.receiver == str(notifier.path)


def test_people_get_blocks_of_text(tmp_path: Path) -> None:
    notifier = build(Options(tmp_path / "alerts.txt", "text"))

    notifier.send(sample_notification("first"))
    notifier.send(sample_notification("second", summary="a lone \ud800 surrogate"))

    first, second, _ = notifier.path.read_text().split("\n\n")
    assert first == block(sample_notification("first"))
    assert "a lone" in second


def test_a_line_that_a_crash_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    notifier = build(Options(tmp_path / "alerts.jsonl"))
    notifier.path.write_text('{"key": "cut sho')

    notifier.send(sample_notification("after"))

    torn, whole = notifier.path.read_text().splitlines()
    assert torn == '{"key": "cut sho'
    assert json.loads(whole)["key"] == "after"


def test_a_full_disk_is_a_delay_and_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notifier = build(Options(tmp_path / "alerts.jsonl"))
    notifier.send(sample_notification("before"))
    before = notifier.path.read_bytes()
    write = os.write

    def half_then_full(file: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data[: len(data) // 2])

    with monkeypatch.context() as patched:
        patched.setattr(file_notifier.os, "write", half_then_full)
        with pytest.raises(DeliveryDelayed, match=r"alerts\.jsonl could not be written: No space left on device$"):
            notifier.send(sample_notification("during"))

    assert notifier.path.read_bytes() == before
    notifier.send(sample_notification("after"))
    assert keys(notifier.path) == ["before", "after"]


def test_it_is_on_the_disk_before_it_is_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    sync = os.fsync
    monkeypatch.setattr(
        file_notifier.os,
        "fsync",
        lambda file: synced.append(str(Path(f"/proc/self/fd/{file}").readlink())) or sync(file),
    )
    notifier = build(Options(tmp_path / "alerts.jsonl"))

    notifier.send(sample_notification("first"))
    assert synced == [str(tmp_path), str(notifier.path)], "the name of the new file, and the line"
    notifier.send(sample_notification("second"))
    assert synced[2:] == [str(notifier.path)]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    notifier = build(Options(tmp_path / "missing" / "alerts.jsonl"))

    with pytest.raises(DeliveryRefused, match="cannot be written: No such file or directory; expected a file"):
        notifier.send(sample_notification())


def test_a_path_that_is_a_folder_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder, expected a file such as"):
        build(Options(tmp_path))


def test_the_file_may_be_moved_away_between_two_notifications(tmp_path: Path) -> None:
    notifier = build(Options(tmp_path / "alerts.jsonl"))
    notifier.send(sample_notification("first"))

    notifier.path.rename(tmp_path / "old.jsonl")
    notifier.send(sample_notification("second"))

    assert keys(tmp_path / "old.jsonl") == ["first"]
    assert keys(notifier.path) == ["second"]


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notifier = build(Options(Path("alerts.jsonl")))
    monkeypatch.chdir("/")

    notifier.send(sample_notification("first"))

    assert keys(tmp_path / "alerts.jsonl") == ["first"]


def _send_many(path: Path, sender: int) -> None:
    notifier = build(Options(path))
    for number in range(25):
        notifier.send(sample_notification(f"{sender}-{number}", summary="x" * 5_000))


def test_several_processes_write_whole_lines_and_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    senders = [multiprocessing.get_context("spawn").Process(target=_send_many, args=(path, n)) for n in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(timeout=120)

    assert sorted(keys(path)) == sorted(f"{sender}-{number}" for sender in range(4) for number in range(25))
