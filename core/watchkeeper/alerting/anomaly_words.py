"""Reads what stands in the parentheses of ``anomaly(...)``: measurements, then ``method =`` and ``false_alarms =``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from watchkeeper.domain.condition_words import Token, Word, Words
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.spans import FalseAlarmBudget

from .anomalies.methods import MOST_SERIES, AnomalyOf, LabelPairs, Method

_OPTIONS = ("method", "false_alarms")


def read_question(words: Words, word: Token, measured: Callable[[Token], tuple[str, LabelPairs]]) -> AnomalyOf:
    """What is asked, from the opening parenthesis to the closing one; a ConfigError names the column of a mistake.

    Parameters
    ----------
    word
        The name before the parenthesis.
    measured
        Reads a measurement and its labels, of which the name has been taken.
    """
    words.expect("(", "after anomaly")
    names: list[str] = []
    labels: dict[tuple[str | None, str], None] = {}
    options: dict[str, Any] = {}
    while True:
        token = words.take(Word.NAME, "a measurement, method or false_alarms")
        if words.take_sign("="):
            options |= _option(words, token)
        elif options:
            raise words.error_at(token, "measurements come before options")
        else:
            name, own = measured(token)
            names.append(name)
            labels |= dict.fromkeys(own)
        if not words.take_sign(","):
            break
    words.expect(")", "to close anomaly(")
    if not 0 < len(set(names)) == len(names) <= MOST_SERIES:
        raise words.error_at(word, f"anomaly takes 1 to {MOST_SERIES} measurements, each once")
    return AnomalyOf(tuple(names), tuple(labels), **options)


def _option(words: Words, key: Token) -> dict[str, Any]:
    value = words.next()
    if key.text == "method" and value.word in {Word.NAME, Word.TEXT}:
        if value.text not in set(Method):
            near = did_you_mean(value.text, Method) or f"; expected one of {', '.join(Method)}"
            raise words.error_at(value, f"no method is called {value.text!r}{near}")
        return {"method": Method(value.text)}
    if key.text == "false_alarms" and value.word is Word.TEXT:
        try:
            return {"budget": FalseAlarmBudget.parse(value.text)}
        except UsageError as refusal:
            raise words.error_at(value, str(refusal)) from None
    expected = 'method = ewma or false_alarms = "1 per 30d"'
    near = "" if key.text in _OPTIONS else did_you_mean(key.text, _OPTIONS)
    raise words.error_at(key, f"expected an option such as {expected}, found {key.text} = {value}{near}")
