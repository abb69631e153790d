"""The revision of the code around a project: the commit, and whether files were changed since."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from watchkeeper.registry import Registry
from watchkeeper.registry.code_revision import code_revision, has_changes, revision_of
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage


class TextFormat:
    """A model that is a text."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        into.write(model.encode())
        return {}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        return source.read().decode()


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    found = subprocess.run(
        ["git", *identity, *words], cwd=folder, env=clean, capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "train.py").write_text("fit()\n")
    git(folder, "add", "train.py")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_the_revision_is_read_from_the_repository_around_the_project(tmp_path: Any) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    assert revision_of(tmp_path / "nowhere") is None
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{commit} refs/heads/main\n")
    (tmp_path / "models").mkdir()
    assert revision_of(tmp_path / "models") == commit
    (git / "refs" / "heads" / "main").write_text(commit[::-1] + "\n")
    assert revision_of(tmp_path) == commit[::-1]
    (git / "HEAD").write_text(commit + "\n")
    assert revision_of(tmp_path) == commit
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {git}\n")
    assert revision_of(tree) == commit


def test_a_clean_work_tree_is_its_commit(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    assert code_revision(repository) == commit
    (repository / "notes.txt").write_text("git does not know this file\n")
    assert code_revision(repository) == commit


@pytest.mark.parametrize("change", ["edited", "staged", "removed"])
def test_a_changed_work_tree_is_dirty(repository: Path, change: str) -> None:
    if change == "removed":
        (repository / "train.py").unlink()
    else:
        (repository / "train.py").write_text("fit(harder=True)\n")
    if change == "staged":
        git(repository, "add", "train.py")
    assert code_revision(repository) == git(repository, "rev-parse", "HEAD") + "-dirty"


def test_a_file_of_another_time_and_the_same_bytes_is_no_change(repository: Path) -> None:
    os.utime(repository / "train.py", (1, 1))
    assert has_changes(repository) is False


def test_where_git_is_not_installed_the_commit_is_unchecked(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert code_revision(repository) == git(repository, "rev-parse", "HEAD") + "-unchecked"


def test_a_git_that_does_not_answer_is_not_waited_for(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late(*words: Any, timeout: float, **named: Any) -> Any:
        raise subprocess.TimeoutExpired("git", timeout)

    monkeypatch.setattr("subprocess.run", too_late)
    assert has_changes(repository) is None


def test_a_repository_that_git_refuses_is_unchecked(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("a" * 40)
    assert code_revision(tmp_path) == "a" * 40 + "-unchecked"


def test_variables_of_git_do_not_lead_to_another_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert has_changes(repository) is False


def test_a_watcher_that_the_repository_names_is_not_started(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path / 'sprung'}\n")
    trap.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(trap))
    assert has_changes(repository) is False
    assert not (tmp_path / "sprung").exists()


def test_outside_of_a_repository_there_is_no_revision(tmp_path: Path) -> None:
    assert code_revision(tmp_path / "nowhere") is None


def test_a_registered_version_knows_the_revision_of_the_project(repository: Path) -> None:
    registry = Registry(MemoryStorage(), {"text": TextFormat()}, FakeClock(), "ada", folder=repository)
    assert registry.register("first", "momentum").code == git(repository, "rev-parse", "HEAD")
    (repository / "train.py").write_text("fit(harder=True)\n")
    assert str(registry.register("second", "momentum").code).endswith("-dirty")
    assert registry.register("third", "momentum", code="build 7").code == "build 7"
