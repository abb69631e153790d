"""Where each value of a configuration was set: a line of the file, a variable, or nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from .positions import KeyPath, Positions
from .problems import Problem, one_line

DEFAULT: Final = "default"


@attrs.frozen
class Places:
    """Where the keys of one configuration were set."""

    file: str | None = None
    """The path as the user gave it; None for a configuration made in code."""
    positions: Positions = attrs.field(factory=lambda: Positions.of(""), repr=False)
    set_by: Mapping[KeyPath, str] = attrs.field(factory=dict)
    original: Callable[[KeyPath], KeyPath] = lambda path: path
    """Where the file has a key that was read as another one."""

    def of(self, path: KeyPath) -> str:
        """``watchkeeper.toml:12``, or the name of the variable that set the key or something around it."""
        if self.file is None:
            return "the configuration"
        return self.variable(path) or f"{self.file}:{self.positions.line(self.original(path))}"

    def origin(self, path: KeyPath) -> str:
        """The same for a key that was set, ``default`` for one that was not."""
        variable = self.variable(path)
        return variable or (self.of(path) if self.original(path) in self.positions.lines else DEFAULT)

    def told(self, problem: Problem) -> str:
        """A problem in one line, with where it is."""
        return one_line(f"{self.of(problem.path)}: ") + problem.text

    def order(self, problem: Problem) -> tuple[int, str]:
        """For sorting problems: by line, those of variables last."""
        variable = self.variable(problem.path)
        return (self.positions.last + 1, variable) if variable else (self.positions.line(problem.path), "")

    def variable(self, path: KeyPath) -> str | None:
        """The variable that set the key or something around it."""
        return next((self.set_by[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.set_by), None)
