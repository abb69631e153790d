"""The revision of the code that a version was made with, and whether files were changed since."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_STATUS: Final = (
    "-c", "core.fsmonitor=false",  # no watcher that the repository names is started
    "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty",
)  # fmt: skip
_PATIENCE_SECONDS: Final = 10.0


def code_revision(folder: Path) -> str | None:
    """The commit, with ``-dirty`` behind it when a file that Git knows is not as it was committed.

    ``-unchecked`` stands there instead when that cannot be found out: git is not installed, or does not trust the
    folder. None outside of a repository. About 10 ms; git is run once.
    """
    commit = revision_of(folder)
    if commit is None:
        return None
    is_changed = has_changes(folder)
    return commit + {True: "-dirty", False: "", None: "-unchecked"}[is_changed]


def has_changes(folder: Path) -> bool | None:
    """Whether a file that Git knows is not as it was committed; None when git cannot tell."""
    program = shutil.which("git")
    if program is None:
        return None
    # variables such as GIT_DIR, which git itself sets for its hooks, would lead to another repository
    around = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        found = subprocess.run(  # noqa: S603 - no part of the command is anybody's input
            [program, *_STATUS],
            cwd=folder,
            env={**around, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return bool(found.stdout.strip()) if found.returncode == 0 else None


def revision_of(folder: Path) -> str | None:
    """The commit that is checked out in the Git repository around `folder`; None when there is none.

    Read from the repository's own files, without running git.
    """
    for place in (folder, *folder.parents):
        found = _git_folder(place / ".git")
        if found is not None:
            return _head(found)
    return None


def _git_folder(path: Path) -> Path | None:
    if path.is_dir():
        return path
    text = _text(path)  # of a work tree or submodule
    if text is None or not text.startswith("gitdir: "):
        return None
    return path.parent / text.removeprefix("gitdir: ")


def _head(folder: Path) -> str | None:
    head = _text(folder / "HEAD")
    if head is None or not head.startswith("ref: "):
        return head if head is not None and _COMMIT.fullmatch(head) else None
    name = head.removeprefix("ref: ")
    shared = _text(folder / "commondir")
    for place in (folder, *([] if shared is None else [folder / shared])):
        found = _text(place / name) or _packed(place / "packed-refs", name)
        if found is not None and _COMMIT.fullmatch(found):
            return found
    return None


def _packed(path: Path, name: str) -> str | None:
    lines = (_text(path) or "").splitlines()
    return next((line.partition(" ")[0] for line in lines if line.endswith(f" {name}")), None)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
