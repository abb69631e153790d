"""What a file with mistakes most likely means, so that the rest of it can be looked at in the same go.

Keys that are nearly known ones are read as those; what else is wrong is left out. Nothing is ever run with the result.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from .constraints import Context
from .positions import KeyPath
from .problems import Problem
from .schema import Config
from .structuring import structured

_MOST_ROUNDS: Final = 30
_STAND_INS: Final[Mapping[str, Any]] = {
    "project": {"name": "project"},
    "name": "project",
    "window": "1h",
    "lasts": "1h",
    "wait": "1h",
    "columns": {"time": "time", "prediction": "prediction"},
}
"""Instead of keys that are missing, where any value leaves the rest as it is."""


@attrs.define
class Understood:
    """A plain configuration that is mended until it can be structured."""

    raw: dict[str, Any]
    config: Config | None = None
    problems: tuple[Problem, ...] = ()
    """Every mistake: those of the file as it stands, and those below keys that were nearly known ones."""
    left_out: frozenset[KeyPath] = frozenset()
    moved: dict[KeyPath, KeyPath] = attrs.field(factory=dict)
    """Where keys stand in the file that were read as others: from the path that they mean to the one that they have."""

    @classmethod
    def of(cls, raw: Mapping[str, Any], context: Context) -> Understood:
        """Structure it; as often as that fails, take out what was wrong."""
        found = cls(copy.deepcopy(dict(raw)))
        for _ in range(_MOST_ROUNDS):
            found.config, problems = structured(found.raw, context)
            found._tell(problems)
            if found.config is not None or not found._mend(problems):
                break
        return found

    def original(self, path: KeyPath) -> KeyPath:
        """Where the file has it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.moved:
                return self.original((*self.moved[path[:end]], *path[end:]))
        return path

    def _tell(self, problems: Iterable[Problem]) -> None:
        """Keep those of the first round, and later ones below what was read as something else since.

        What is wrong only because something was taken out of it is told already.
        """
        told = [attrs.evolve(one, path=self.original(one.path)) for one in problems]
        if not self.problems:
            self.problems = tuple(told)
            return
        known = {(one.path, one.text) for one in self.problems}
        new = [
            one
            for one, before in zip(told, problems, strict=True)
            if one.path != before.path and (one.path, one.text) not in known and not self._lost_something(before.path)
        ]
        self.problems = (*self.problems, *new)

    def _lost_something(self, path: KeyPath) -> bool:
        return any(out[: len(path)] == path for out in self.left_out)

    def _mend(self, problems: tuple[Problem, ...]) -> bool:
        """Change what is wrong; whether something was changed."""
        renamed = {one.path[:-1] for one in problems if one.meant is not None and self._rename(one.path, one.meant)}
        # a table in which a key was renamed may lack nothing any more; of an array the last items go first
        others = [one for one in problems if one.path not in renamed and one.path[:-1] not in renamed]
        changed = [self._take_out(one) for one in sorted(others, key=_late_first)]
        return bool(renamed) or any(changed)

    def _rename(self, path: KeyPath, meant: str) -> bool:
        table = self._at(path[:-1])
        if not isinstance(table, dict) or meant in table or path[-1] not in table:
            return False
        # in its old place: the order of sections is that of messages
        items = [(meant if key == path[-1] else key, value) for key, value in table.items()]
        table.clear()
        table.update(items)
        self.moved[*path[:-1], meant] = path
        return True

    def _take_out(self, problem: Problem) -> bool:
        path = problem.path
        if problem.lacks is not None and self._stand_in(path, problem.lacks):
            return True
        # what is not there is missing: what lacks it goes
        return any(self._delete(path[:end]) for end in range(len(path), 0, -1))

    def _delete(self, path: KeyPath) -> bool:
        outer = self._at(path[:-1])
        if isinstance(outer, dict) and path[-1] in outer:
            del outer[str(path[-1])]
        elif isinstance(outer, list) and isinstance(path[-1], int) and path[-1] < len(outer):
            del outer[path[-1]]
        else:
            return False
        self.left_out |= {path}
        return True

    def _stand_in(self, path: KeyPath, key: str) -> bool:
        """Give a table the key that it lacks, where any value will do."""
        table = self._at(path)
        if key not in _STAND_INS or not isinstance(table, dict):
            return False
        table[key] = copy.copy(_STAND_INS[key])
        return True

    def _at(self, path: KeyPath) -> Any:
        found: Any = self.raw
        for key in path:
            try:
                found = found[key]
            except (KeyError, IndexError, TypeError):
                return None
        return found


def _late_first(problem: Problem) -> tuple[int, int]:
    last = problem.path[-1] if problem.path else 0
    return (-len(problem.path), -last if isinstance(last, int) else 0)
