"""Reads a condition over columns: recursive descent over its words, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import attrs
import numpy as np

from .condition_words import Token, Word, Words, misread
from .row_truth import (
    COMPARISONS,
    Number,
    Truth,
    all_of,
    any_of,
    arithmetic,
    compared,
    has_text,
    is_missing,
    opposite,
)

_FUNCTIONS: Final = ("abs", "min", "max")
_RESERVED: Final = frozenset({"and", "or", "not", "in", "is", "missing"})
_NUMBER_EXPECTED: Final = "expected a column or a number, as in 'size > 1000'"


@attrs.frozen(eq=False)
class _Part:
    """A parsed piece: a truth, a number, a column that may be either kind, or a text."""

    at: int
    truth: Truth | None = None
    number: Number | None = None
    column: str | None = None
    text: str | None = None


_Operand: TypeAlias = "Callable[[], _Part]"


class RowGrammar:
    """One method for a line of the grammar, loosest first."""

    def __init__(self, text: str) -> None:
        self._words = Words(text, too_deep="write it flatter")
        self.numbers: set[str] = set()
        self.texts: set[str] = set()
        self.either: set[str] = set()

    def whole(self) -> Truth:
        """The truth that the whole text is."""
        if self._words.is_at_end():
            raise self._words.error("it is empty: expected something like 'size > 1000'")
        truth = self._as_truth(self._either())
        if not self._words.is_at_end():
            raise self._words.error(f"expected 'and', 'or' or the end, found {self._words.here}")
        return truth

    def _either(self) -> _Part:
        return self._joined("or", self._both, any_of)

    def _both(self) -> _Part:
        return self._joined("and", self._negation, all_of)

    def _joined(self, word: str, inner: _Operand, fold: Callable[[list[Truth]], Truth]) -> _Part:
        first = inner()
        truths = []
        while self._words.take_name(word):
            truths.append(self._as_truth(inner()))
        return _Part(first.at, truth=fold([self._as_truth(first), *truths])) if truths else first

    def _negation(self) -> _Part:
        at = self._words.here.at
        if self._words.take_name("not"):
            with self._words.deeper():
                return _Part(at, truth=opposite(self._as_truth(self._negation())))
        return self._comparison()

    def _comparison(self) -> _Part:
        left = self._sum()
        if self._words.take_name("is"):
            negated = self._words.take_name("not")
            if not self._words.take_name("missing"):
                raise self._words.error(f"expected 'missing' after 'is', found {self._words.here}")
            return self._missing(left, negated=negated)
        if self._words.is_name("not") or self._words.is_name("in"):
            negated = self._words.take_name("not")
            if not self._words.take_name("in"):
                raise self._words.error(f"expected 'in' after 'not', found {self._words.here}")
            found = any_of([self._compared(left, "==", part) for part in self._list()])
            return _Part(left.at, truth=opposite(found) if negated else found)
        if not self._words.is_sign(COMPARISONS):
            return left
        sign = self._words.next().text
        right = self._sum()
        if self._words.is_sign(COMPARISONS):
            raise self._words.error("one comparison ends here: join two by 'and'")
        return _Part(left.at, truth=self._compared(left, sign, right))

    def _list(self) -> list[_Part]:
        end = ")" if self._words.take_sign("(") else "]"
        if end == "]":
            self._words.expect("[", "after 'in', as in ('LSE', 'NYSE')")
        parts = self._words.listed(self._sum)
        self._words.expect(end, "after the last of the values")
        return parts

    def _compared(self, left: _Part, sign: str, right: _Part) -> Truth:
        if left.text is None and right.text is None:
            return compared(self._as_number(left), COMPARISONS[sign], self._as_number(right))
        column, text = (left, right) if right.text is not None else (right, left)
        if column.column is None or text.text is None:
            raise misread(self._words.text, column.at, "a text can be compared with a column alone")
        if sign not in {"==", "!="}:
            raise misread(self._words.text, text.at, f"a text can be == or !=, not {sign}")
        self._take_for(column, self.texts, self.numbers)
        equal = has_text(column.column, text.text)
        return equal if sign == "==" else opposite(equal)

    def _missing(self, part: _Part, *, negated: bool) -> _Part:
        if part.column is None:
            raise misread(self._words.text, part.at, "only a column can be missing")
        self.either.add(part.column)
        truth = is_missing(part.column)
        return _Part(part.at, truth=opposite(truth) if negated else truth)

    def _sum(self) -> _Part:
        return self._chain("+-", self._product)

    def _product(self) -> _Part:
        return self._chain("*/", self._signed)

    def _chain(self, signs: str, inner: _Operand) -> _Part:
        part = inner()
        while self._words.is_sign(signs):
            sign = self._words.next().text
            part = _Part(part.at, number=arithmetic(sign, [self._as_number(part), self._as_number(inner())]))
        return part

    def _signed(self) -> _Part:
        at = self._words.here.at
        if self._words.is_sign("+-"):
            sign = self._words.next().text
            with self._words.deeper():
                number = self._as_number(self._signed())
            return _Part(at, number=arithmetic("negative", [number]) if sign == "-" else number)
        return self._primary()

    def _primary(self) -> _Part:
        token = self._words.next()
        if token.word is Word.NUMBER:
            constant = self._words.number(token)
            return _Part(token.at, number=lambda _rows: np.float64(constant))
        if token.word is Word.TEXT:
            return _Part(token.at, text=token.text)
        if token.word is Word.SIGN and token.text == "(":
            return self._words.enclosed(self._either)
        if token.word is Word.NAME and token.text not in _RESERVED:
            return self._call(token) if self._words.is_sign("(") else _Part(token.at, column=token.text)
        raise self._words.error_at(token, f"{_NUMBER_EXPECTED}, found {token}")

    def _call(self, name: Token) -> _Part:
        self._words.expect("(", "after the function")
        if name.text == "column":
            column = self._words.take(Word.TEXT, "a column's name in quotes").text
            self._words.expect(")", "after the column's name")
            return _Part(name.at, column=column)
        if name.text not in _FUNCTIONS:
            raise self._words.error_at(name, f"there is no function {name.text!r}: only column, abs, min, max")
        numbers = self._words.arguments(name, lambda: self._as_number(self._sum()))
        return _Part(name.at, number=arithmetic(name.text, numbers))

    def _take_for(self, part: _Part, kind: set[str], other: set[str]) -> str:
        name = str(part.column)
        if name in other:
            raise misread(self._words.text, part.at, f"column {name!r} is compared with numbers and with texts")
        kind.add(name)
        return name

    def _as_number(self, part: _Part) -> Number:
        if part.number is not None:
            return part.number
        if part.column is None:
            raise misread(self._words.text, part.at, _NUMBER_EXPECTED)
        name = self._take_for(part, self.numbers, self.texts)
        return lambda rows: np.asarray(rows[name], dtype=np.float64)

    def _as_truth(self, part: _Part) -> Truth:
        if part.truth is None:
            raise misread(self._words.text, part.at, "this is neither true nor false: compare it, as in 'size > 1000'")
        return part.truth
