"""Which labels the alerts of a configuration can have, and whether what it says about alerts can mean any of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

import attrs

from watchkeeper.alerting.matching import Matcher
from watchkeeper.alerting.rules import NAMED
from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.domain.alert import Severity
from watchkeeper.domain.errors import ConfigError, UsageError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.presets import Preset

_MOST_NAMES: Final = 12


@attrs.frozen
class AlertLabels:
    """What matchers, groups and `equal` can name."""

    names: frozenset[str]
    values: Mapping[str, frozenset[str]]
    """By label, every value that there can be; labels whose values are measured are not among them."""
    is_whole: bool = True
    """Whether no rule was left out whose labels are unknown."""

    @classmethod
    def of(cls, loaded: LoadedConfig) -> AlertLabels:
        """Those of every rule: its `labels`, and what it has `each` of; and what every alert has."""
        rules = loaded.config.rules.values()
        said: dict[str, set[str]] = {}
        for rule in rules:
            for label, value in rule.labels.items():
                said.setdefault(label, set()).add(value)
        measured = {label for rule in rules for label in rule.each}
        models = {*loaded.config.models, *loaded.left_out_of("models")}
        values: dict[str, Iterable[str]] = {
            **{label: found for label, found in said.items() if label not in measured},
            "rule": {*loaded.config.rules, *loaded.left_out_of("rules"), *(preset.value for preset in Preset)},
            "severity": {severity.value for severity in Severity},
            **({"model": models} if models else {}),
        }
        every = {label: frozenset(found) for label, found in values.items()}
        is_whole = not any(path[:1] == ("rules",) for path in loaded.left_out)
        return cls(frozenset({*NAMED, *said, *measured}), every, is_whole)

    def matchers(self, texts: Iterable[str]) -> tuple[Matcher, ...]:
        """The texts, read; a ConfigError tells each that is no matcher or can mean no alert."""
        found: list[Matcher] = []
        problems: list[str] = []
        for text in texts:
            try:
                matcher = Matcher.parse(text)
            except UsageError as error:
                problems.append(str(error))
                continue
            found.append(matcher)
            problems += self._problems(matcher.label, f"{str(matcher)!r}: ") or self._problems_of_value(matcher)
        problems += _never_together(found)
        if problems:
            raise ConfigError(*problems)
        return tuple(found)

    def require(self, labels: Iterable[str]) -> None:
        """Pass, or a ConfigError that tells each label which no alert can have."""
        problems = [problem for label in labels for problem in self._problems(label, "")]
        if problems:
            raise ConfigError(*problems)

    def _problems(self, label: str, before: str) -> list[str]:
        near = did_you_mean(label, self.names)
        if label in self.names or not (self.is_whole or near):
            return []
        how = f"; expected one of {', '.join(sorted(self.names))}, or a label that a rule has in `labels` or `each`"
        return [f"{before}no alert can have a label {label!r}{near or how}"]

    def _problems_of_value(self, matcher: Matcher) -> list[str]:
        known = self.values.get(matcher.label)
        is_measured = matcher.label not in NAMED and not self.is_whole
        if known is None or is_measured or any(fnmatchcase(value, matcher.pattern) for value in known):
            return []
        means = "every alert" if matcher.is_negated else "no alert"
        if matcher.pattern.startswith(("=", "~")):
            how = f"write {matcher.label}=NAME or {matcher.label}!=NAME; * in it stands for any letters"
            return [f"{str(matcher)!r} means {means}: {how}"]
        near = did_you_mean(matcher.pattern, known) or f"; expected one of {', '.join(sorted(known)[:_MOST_NAMES])}"
        return [f"{str(matcher)!r} means {means}: no {matcher.label} is called {matcher.pattern!r}{near}"]


def _never_together(matchers: Iterable[Matcher]) -> list[str]:
    """What is said of matchers that ask for two values of the same label."""
    asked: dict[str, Matcher] = {}
    for matcher in matchers:
        if matcher.is_negated or any(sign in matcher.pattern for sign in "*?["):
            continue
        other = asked.setdefault(matcher.label, matcher)
        if other.pattern != matcher.pattern:
            return [
                f"no alert fits both {str(other)!r} and {str(matcher)!r}: all of a list must fit; write one for each"
            ]
    return []
