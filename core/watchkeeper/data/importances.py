"""How much features matter, from a file that somebody's permutation importances were written to."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.nearest import did_you_mean

_FEATURE: Final = "feature"
_IMPORTANCE: Final = "importance"
_EXPECTED: Final = (
    "expected a CSV file with the columns feature and importance, or JSON such as "
    '{"ret1": 0.3} or [{"feature": "ret1", "importance": 0.3}]'
)


@attrs.frozen
class GivenImportance:
    """What a file says of one feature."""

    feature: str
    weight: float
    place: str
    """``importance.csv, line 3``."""


def read_importances(path: Path) -> tuple[GivenImportance, ...]:
    """Each feature of the file once, in its order; other columns of a CSV file are left alone.

    Raises
    ------
    DataError
        With the file, the line and the column: it cannot be read, a name stands twice, a value is no finite number.
    """
    name = path.name
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise DataError(f"{path} cannot be read: {reason}; {_EXPECTED}") from None
    found = tuple(_of_json(text, name) if path.suffix.lower() == ".json" else _of_csv(text, name))
    if not found:
        raise DataError(f"{name} has no feature; {_EXPECTED}")
    seen: dict[str, str] = {}
    for one in found:
        if one.feature in seen:
            raise DataError(f"{one.place}: the feature {one.feature!r} stands in {seen[one.feature]} already")
        seen[one.feature] = one.place
    return found


def _of_csv(text: str, name: str) -> Iterator[GivenImportance]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        columns = {str(column).strip().lower(): column for column in reader.fieldnames or ()}
        for wanted in (_FEATURE, _IMPORTANCE):
            if wanted not in columns:
                told = ", ".join(map(repr, columns)) or "nothing"
                raise DataError(
                    f"{name}, line 1: no column {wanted!r}{did_you_mean(wanted, columns)}; found {told}; {_EXPECTED}"
                )
        for row in reader:
            place = f"{name}, line {reader.line_num}"
            feature = (row[columns[_FEATURE]] or "").strip()
            if not feature:
                raise DataError(f"{place}, column {columns[_FEATURE]!r}: expected the name of a feature, found nothing")
            told = row[columns[_IMPORTANCE]]
            yield GivenImportance(feature, _number(told, f"{place}, column {columns[_IMPORTANCE]!r}"), place)
    except csv.Error as error:
        raise DataError(f"{name}, line {reader.line_num}: {error}; {_EXPECTED}") from None


def _of_json(text: str, name: str) -> Iterator[GivenImportance]:
    try:
        found = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise DataError(f"{name}, line {error.lineno}, column {error.colno}: {error.msg}; {_EXPECTED}") from None
    except RecursionError:
        raise DataError(f"{name} is nested too deep; {_EXPECTED}") from None
    if isinstance(found, _Pairs):
        pairs: list[tuple[Any, Any]] = list(found)
    elif isinstance(found, list) and all(isinstance(one, _Pairs) for one in found):
        pairs = [_pair(dict(one), at, name) for at, one in enumerate(found, 1)]
    else:
        raise DataError(f"{name} holds neither an object nor an array of objects; {_EXPECTED}")
    begin = 0
    for feature, told in pairs:
        begin = max(text.find(json.dumps(feature, ensure_ascii=False), begin), begin)
        place = f"{name}, line {text.count(chr(10), 0, begin) + 1}"
        begin += 1
        yield GivenImportance(feature, _number(told, f"{place}, {feature!r}"), place)


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with all of its keys, also those that stand twice."""


def _pair(one: Mapping[str, Any], at: int, name: str) -> tuple[str, Any]:
    for wanted in (_FEATURE, _IMPORTANCE):
        if wanted not in one:
            raise DataError(f"{name}, object {at}: no key {wanted!r}{did_you_mean(wanted, one)}; {_EXPECTED}")
    if not isinstance(one[_FEATURE], str):
        raise DataError(f"{name}, object {at}: expected the name of a feature, found {one[_FEATURE]!r}")
    return one[_FEATURE], one[_IMPORTANCE]


def _number(told: Any, place: str) -> float:
    try:
        number = math.nan if isinstance(told, bool) or told is None else float(told)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{place}: expected a number, found {'nothing' if told in (None, '') else repr(told)}")
    return number
