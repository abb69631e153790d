"""Alerts and notifications in words, the same in every channel, and safe to print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .alert import Alert, AlertState, Background, Notification, Severity
from .measurement import Measurement
from .window import iso_time

ICONS: Final = {Severity.INFO: "ℹ", Severity.WARNING: "⚠", Severity.CRITICAL: "✖"}
_MOST_OTHERS: Final = 10
_MOST_NOTES: Final = 5
_BARS: Final = "▁▂▃▄▅▆▇█"
_MOST_BARS: Final = 24
_MOST_TIMES: Final = 1000
_LEFT: Final = "(… {} more characters)"


def one_line(text: str, longest: int = 2_000) -> str:
    r"""The text without line breaks and control characters, cut at `longest` characters with a note.

    Examples
    --------
    >>> one_line("fell\nbelow \x1b[31m0.8")
    'fell below �[31m0.8'
    """
    kept = text[:longest]
    printable = "".join(letter if letter.isprintable() else "�" for letter in " ".join(kept.split()))
    return printable if len(text) <= longest else f"{printable} {_LEFT.format(len(text) - longest)}"


def severity_words(alert: Alert) -> str:
    """An icon and a word, never colour alone: ``✖ CRITICAL``, or ``✔ RESOLVED`` when it is over."""
    if alert.state is AlertState.RESOLVED:
        return "✔ RESOLVED"
    return f"{ICONS[alert.severity]} {alert.severity.value.upper()}"


def headline(alert: Alert) -> str:
    """What happened, in one line: ``✖ CRITICAL accuracy-fell: accuracy of momentum is 0.61, below 0.8``."""
    return f"{severity_words(alert)} {one_line(alert.rule)}: {one_line(alert.summary)}"


def measured(measurement: Measurement) -> str:
    """A measurement beside what it is judged by: ``accuracy 0.61 (threshold 0.8, 500 samples)``."""
    value = measurement.value
    title = one_line(measurement.title)
    if value.number is None:
        return f"{title} undefined: {one_line(value.reason or '')}"
    circumstances = [f"{one_line(name)} {number:.4g}" for name, number in measurement.details.items()]
    if value.samples:
        circumstances.append(f"{value.samples} samples")
    return f"{title} {value.number:.4g}" + (f" ({', '.join(circumstances)})" if circumstances else "")


def facts(notification: Notification) -> list[tuple[str, str]]:
    """What a reader wants to know, as (label, text) pairs in the order of reading; empty ones are left out."""
    alert = notification.alert
    checks = f"{alert.checks} check" if alert.checks == 1 else f"{alert.checks} checks"
    found = [
        ("model", " ".join(filter(None, [one_line(alert.model), alert.version]))),
        ("where", ", ".join(f"{one_line(key)} {one_line(text)}" for key, text in sorted(alert.labels.items()))),
        ("state", f"{alert.state.value} at {iso_time(alert.changed_us)}{', flapping' if alert.is_flapping else ''}"),
        ("since", f"{iso_time(alert.since_us)}, {checks}"),
        *(("measured", measured(measurement)) for measurement in notification.measurements),
        ("trend", _trend(notification)),
        *_background(notification.background),
        ("by" if alert.by else "comment", one_line(": ".join(filter(None, [alert.by, alert.comment])))),
        *(
            ("note", f"{iso_time(note.at_us)} {one_line(f'{note.by}: {note.text}')}")
            for note in alert.notes[-_MOST_NOTES:]
        ),
        ("why now", one_line(notification.reason)),
        ("next", one_line(notification.next_step)),
        ("runbook", one_line(notification.link or "")),
        *(("also", _other(notification, other)) for other in notification.others[:_MOST_OTHERS]),
        ("also", _more(len(notification.others) - _MOST_OTHERS)),
        ("alert", one_line(alert.fingerprint)),
    ]
    return [(label, text) for label, text in found if text]


def bars(numbers: Sequence[float]) -> str:
    """A line of bars, one a number from the lowest to the highest; of many numbers, evenly spread ones with the last.

    Examples
    --------
    >>> bars([0.9, 0.8, 0.85, 0.6])
    '█▆▇▁'
    """
    step = max(1, -(-len(numbers) // _MOST_BARS))
    shown = list(numbers)[::-1][::step][::-1]
    low, high = min(shown), max(shown)
    most = len(_BARS) - 1
    return "".join(_BARS[round((number - low) / (high - low) * most) if high > low else most // 2] for number in shown)


def _other(notification: Notification, other: Alert) -> str:
    """``⚠ WARNING feed-late: ... (next: call the desk; runbook: https://...)``."""
    beside = notification.beside(other)
    known = (("why now", beside.reason), ("next", beside.next_step), ("runbook", beside.link or ""))
    told = "; ".join(f"{label}: {one_line(text)}" for label, text in known if text)
    return f"{headline(other)} ({told})" if told else headline(other)


def _trend(notification: Notification) -> str:
    """A small chart in text: earlier numbers of what was measured."""
    numbers = [number for _, number in notification.history]
    if len(numbers) < 2:
        return ""
    return f"{bars(numbers)} {numbers[0]:.4g} to {numbers[-1]:.4g} in {len(numbers)} checks"


def _background(background: Background) -> list[tuple[str, str]]:
    deployed = ""
    if background.deployed is not None and background.deployed_us is not None:
        by = f", by {one_line(background.deployed_by)}" if background.deployed_by else ""
        deployed = f"{one_line(background.deployed)} at {iso_time(background.deployed_us)}{by}"
    drifted = [
        f"{one_line(one.feature)} ({one_line(one.detector)} {one.number:.4g}, {_times_told(one.times)} its edge)"
        for one in background.drifted
    ]
    important = [f"{one_line(feature)} {share:.0%}" for feature, share in background.important]
    return [("deployed", deployed), ("drifted", ", ".join(drifted)), ("important", ", ".join(important))]


def _times_told(times: float) -> str:
    """``1.9 times``; how many thousand times it is says nothing."""
    if times > _MOST_TIMES:
        return f"over {_MOST_TIMES} times"
    return f"{times:.0f} times" if times >= 100 else f"{times:.3g} times"


def _more(count: int) -> str:
    return f"and {count} more" if count > 0 else ""


def block(notification: Notification) -> str:
    """The whole notification as plain text: a headline, then one fact a line; no newline at the end."""
    lines = [headline(notification.alert)]
    previous = ""
    for label, text in facts(notification):
        lines.append(f"  {'' if label == previous else label:<9} {text}")
        previous = label
    return "\n".join(lines)
