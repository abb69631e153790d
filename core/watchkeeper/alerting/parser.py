"""Reads a condition's text: recursive descent over the words, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import attrs

from watchkeeper.domain.condition_words import Token, Word, Words, misread
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.nearest import did_you_mean

from . import logic
from .anomalies.methods import ANOMALY, AnomalyOf
from .anomaly_words import read_question
from .condition import Condition, Series, Threshold
from .logic import Number, Truth

_LESS, _MORE = "to compare write '<', as in accuracy < 0.8", "to compare write '>', as in ks > 0.2"
_HINTS: Final = {
    "=": "to compare write '=='",
    ",": "a decimal has a point, as in 0.8",
    **dict.fromkeys(("below", "under", "less", "lt"), _LESS),
    **dict.fromkeys(("above", "over", "greater", "more", "gt", "exceeds"), _MORE),
    **dict.fromkeys(("is", "equals", "eq"), "to compare write '=='"),
}
_RESERVED: Final = frozenset({"and", "or", "not"})


def parsed(text: str, known: Collection[str] | None = None) -> Condition:
    """Read a condition.

    Parameters
    ----------
    text
        At most `MAX_LENGTH` characters.
    known
        The names of measurements that there can be; None: any name will do.

    Raises
    ------
    ConfigError
        With the column and what was expected; for each unknown measurement also the nearest known one.
    """
    parser = _Parser(text, known)
    try:
        truth = parser.condition()
    except ConfigError as error:
        raise ConfigError(*parser.unknown, *error.problems) from None
    if parser.unknown:
        raise ConfigError(*parser.unknown)
    if not parser.series:
        raise ConfigError(f"condition {text!r} names no measurement: expected something like 'accuracy < 0.8'")
    return Condition(
        text,
        tuple(parser.series),
        tuple(parser.thresholds),
        truth,
        compares_alone=parser.comparisons == len(parser.thresholds),
        anomalies=tuple(parser.anomalies),
    )


@attrs.frozen(eq=False)
class _Part:
    """A parsed piece: exactly one of `number` and `truth`; `series` or `constant` when it is nothing more."""

    at: int
    number: Number | None = None
    truth: Truth | None = None
    series: int | None = None
    constant: float | None = None


class _Parser:
    """One method for a line of the grammar, loosest first."""

    def __init__(self, text: str, known: Collection[str] | None) -> None:
        self._words = Words(text, too_deep="split it into several rules")
        self._known = known
        self.series: list[Series] = []
        self.thresholds: list[Threshold] = []
        self.comparisons = 0
        self.anomalies: list[AnomalyOf] = []
        self.unknown: list[str] = []
        """What is wrong with names of measurements; the reading goes on, so that all of it is told at once."""

    def condition(self) -> Truth:
        if self._words.is_at_end():
            raise ConfigError("the condition is empty: expected something like 'accuracy < 0.8'")
        part = self._either()
        if not self._words.is_at_end():
            found = self._words.here.text
            hint = _HINTS.get(found.lower(), "join comparisons with 'and' or 'or'")
            raise self._words.error(f"{found!r} was not expected: {hint}")
        return self._as_truth(part)

    def _either(self) -> _Part:
        return self._joined("or", self._both, logic.any_true)

    def _both(self) -> _Part:
        return self._joined("and", self._negated, logic.all_true)

    def _joined(self, word: str, inner: Callable[[], _Part], join: Callable[[list[Truth]], Truth]) -> _Part:
        first = inner()
        if not self._words.is_name(word):
            return first
        truths = [self._as_truth(first)]
        while self._words.take_name(word):
            truths.append(self._as_truth(inner()))
        return _Part(first.at, truth=join(truths))

    def _negated(self) -> _Part:
        at = self._words.here.at
        if not self._words.take_name("not"):
            return self._comparison()
        with self._words.deeper():
            return _Part(at, truth=logic.opposite(self._as_truth(self._negated())))

    def _comparison(self) -> _Part:
        parts = [self._sum()]
        signs: list[str] = []
        while self._words.is_sign(logic.COMPARISONS):
            signs.append(self._words.next().text)
            parts.append(self._sum())
        if not signs:
            return parts[0]
        truths = [
            self._compared(left, sign, right) for left, sign, right in zip(parts[:-1], signs, parts[1:], strict=True)
        ]
        return _Part(parts[0].at, truth=truths[0] if len(truths) == 1 else logic.all_true(truths))

    def _compared(self, left: _Part, sign: str, right: _Part) -> Truth:
        numbers = self._as_number(left), self._as_number(right)
        self.comparisons += 1
        if left.series is not None and right.constant is not None:
            self.thresholds.append(Threshold(left.series, sign, right.constant))
        if right.series is not None and left.constant is not None:
            self.thresholds.append(Threshold(right.series, logic.MIRRORED[sign], left.constant))
        return logic.comparison(numbers[0], logic.COMPARISONS[sign], numbers[1])

    def _sum(self) -> _Part:
        return self._chain("+-", self._product, logic.sum_of)

    def _product(self) -> _Part:
        return self._chain("*/", self._signed, logic.product_of)

    def _chain(
        self, signs: str, inner: Callable[[], _Part], fold: Callable[[Number, list[tuple[str, Number]]], Number]
    ) -> _Part:
        first = inner()
        rest: list[tuple[str, Number]] = []
        while self._words.is_sign(signs):
            sign = self._words.next().text
            rest.append((sign, self._as_number(inner())))
        return _Part(first.at, number=fold(self._as_number(first), rest)) if rest else first

    def _signed(self) -> _Part:
        at = self._words.here.at
        if self._words.take_sign("+"):
            with self._words.deeper():
                return _Part(at, number=self._as_number(self._signed()))
        if self._words.take_sign("-"):
            with self._words.deeper():
                inner = self._signed()
            constant = None if inner.constant is None else -inner.constant
            return _Part(at, number=logic.negative(self._as_number(inner)), constant=constant)
        return self._primary()

    def _primary(self) -> _Part:
        token = self._words.next()
        if token.word is Word.NUMBER:
            constant = self._words.number(token)
            return _Part(token.at, number=lambda _values: constant, constant=constant)
        if token.word is Word.SIGN and token.text == "(":
            return self._words.enclosed(self._either)
        if token.word is Word.NAME and token.text not in _RESERVED:
            if self._words.is_sign("("):
                return self._anomaly(token) if token.text == ANOMALY else self._call(token)
            return self._one_series(token)
        raise self._words.error_at(token, f"expected a measurement or a number, found {token}")

    def _call(self, name: Token) -> _Part:
        function = logic.FUNCTIONS.get(name.text)
        if function is None:
            raise self._words.error_at(name, f"there is no function {name.text!r}: only {', '.join(logic.FUNCTIONS)}")
        self._words.expect("(", "after the function")
        numbers = self._words.arguments(name, lambda: self._as_number(self._sum()))
        return _Part(name.at, number=logic.applied(function, numbers))

    def _anomaly(self, word: Token) -> _Part:
        asked = read_question(self._words, word, self._measured)
        if asked not in self.anomalies:
            self.anomalies.append(asked)
        at = self._position(Series(ANOMALY, (*asked.own_labels.items(), *asked.labels)))
        self.thresholds.append(Threshold(at, ">", 1.0))
        self.comparisons += 1
        return _Part(
            word.at,
            truth=logic.comparison(lambda values: values[at], logic.COMPARISONS[">"], lambda _values: 1.0),
        )

    def _one_series(self, name: Token) -> _Part:
        series_name, labels = self._measured(name)
        detail = None
        if self._words.take_sign("."):
            detail = self._words.take(Word.NAME, "the name of a detail, such as p_value").text
        at = self._position(Series(series_name, labels, detail))
        return _Part(name.at, number=lambda values: values[at], series=at)

    def _measured(self, name: Token) -> tuple[str, tuple[tuple[str | None, str], ...]]:
        """The name, if there can be such a measurement, and the labels behind it."""
        if self._known is not None and name.text not in self._known:
            near = f": write {ANOMALY}(accuracy)" if name.text == ANOMALY else _known_names(name.text, self._known)
            self.unknown += self._words.error_at(name, f"no measurement is called {name.text!r}{near}").problems
        labels: list[tuple[str | None, str]] = []
        if self._words.take_sign("{"):
            labels += self._listed("}", self._named_label)
        if self._words.take_sign("["):
            labels += self._listed("]", lambda: (None, self._label_value()))
        return name.text, tuple(labels)

    def _position(self, series: Series) -> int:
        if series not in self.series:
            self.series.append(series)
        return self.series.index(series)

    def _listed(self, end: str, item: Callable[[], tuple[str | None, str]]) -> list[tuple[str | None, str]]:
        found = self._words.listed(item)
        self._words.expect(end, "after the labels")
        return found

    def _named_label(self) -> tuple[str, str]:
        key = self._words.take(Word.NAME, "a label such as feature=vol10").text
        self._words.expect("=", f"after the label {key!r}")
        return key, self._label_value()

    def _label_value(self) -> str:
        token = self._words.next()
        if token.word in {Word.NAME, Word.TEXT, Word.NUMBER}:
            return token.text
        raise self._words.error_at(token, f'expected a label\'s value such as "vol10", found {token}')

    def _as_number(self, part: _Part) -> Number:
        if part.number is None:
            is_question = self._words.text[part.at :].startswith(ANOMALY)
            told = "a comparison is no number: expected a measurement or a number here"
            alone = f"{ANOMALY}(...) is true or false by itself: leave out what it is compared with"
            raise misread(self._words.text, part.at, alone if is_question else told)
        return part.number

    def _as_truth(self, part: _Part) -> Truth:
        if part.truth is None:
            raise misread(
                self._words.text,
                part.at,
                "a number alone is neither true nor false: compare it, as in 'accuracy < 0.8'",
            )
        return part.truth


def _known_names(name: str, known: Collection[str]) -> str:
    near = did_you_mean(name, known)
    if near or not known:
        return near or "; no measurement is known"
    return "; known are " + ", ".join(sorted(known)[:12]) + (", ..." if len(known) > 12 else "")
