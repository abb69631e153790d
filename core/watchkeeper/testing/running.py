"""Runs a contract class without pytest: the same checks for ``watchkeeper plugins check``."""

from __future__ import annotations

import inspect
import tempfile
import unittest
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs

from watchkeeper.plugins.boundary import Crash, contained
from watchkeeper.plugins.building import close


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen
class CheckResult:
    """One check of a contract, and why it did not pass."""

    name: str
    outcome: Outcome
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The check in words: its name without ``test_``."""
        return self.name.removeprefix("test_").replace("_", " ")


def check_names(contract: type) -> tuple[str, ...]:
    """The checks of a contract class, in the order in which they are written, a parent's first."""
    written = {name: None for owner in reversed(contract.__mro__) for name in vars(owner)}
    return tuple(name for name in written if name.startswith("test_") and callable(getattr(contract, name)))


def check(contract: type, subject_factory: Callable[[Path], object]) -> Iterator[CheckResult]:
    """Each check's result as soon as it is known.

    Parameters
    ----------
    contract
        A class whose ``test_`` methods may take ``subject`` and ``tmp_path``, such as `MetricContract`.
    subject_factory
        Makes a new subject for each check; is given the check's own empty folder.
    """
    for name in check_names(contract):
        with tempfile.TemporaryDirectory(prefix="watchkeeper-check-") as folder:
            yield _checked(contract, name, subject_factory, Path(folder))


def _checked(contract: type, name: str, subject_factory: Callable[[Path], object], folder: Path) -> CheckResult:
    subjects: list[object] = []
    outcome = contained(lambda: _run(contract, name, subject_factory, folder, subjects))
    for subject in subjects:
        close(subject)  # contracts allow closing twice, so a check that has closed its subject does not mind
    if not isinstance(outcome, Crash):
        return CheckResult(name, Outcome.PASSED)
    if isinstance(outcome.error, unittest.SkipTest):
        return CheckResult(name, Outcome.SKIPPED, str(outcome.error))
    if isinstance(outcome.error, AssertionError) and str(outcome.error):
        return CheckResult(name, Outcome.FAILED, " ".join(str(outcome.error).split()))
    return CheckResult(name, Outcome.FAILED, outcome.told)


def _run(
    contract: type, name: str, subject_factory: Callable[[Path], object], folder: Path, subjects: list[object]
) -> None:
    test: Any = getattr(contract(), name)
    arguments: dict[str, object] = {}
    for wanted in inspect.signature(test).parameters:
        if wanted == "tmp_path":
            arguments[wanted] = folder
        elif wanted == "subject":
            arguments[wanted] = subject_factory(folder)
            subjects.append(arguments[wanted])
        else:
            raise TypeError(f"{name} asks for {wanted!r}, expected only subject and tmp_path")
    test(**arguments)
