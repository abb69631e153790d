"""Alerts, measurements and notifications as what JSON can hold, and back: for stores and for machines that listen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs

from .alert import Alert, AlertState, Background, Beside, Drifted, Note, Notification, Severity
from .measurement import Measurement
from .value import Value
from .window import Window


def plain_alert(alert: Alert) -> dict[str, Any]:
    """The alert's fields by name; times stay UTC microseconds."""
    found = {name: getattr(alert, name) for name in _ALERT_FIELDS}
    return {
        **found,
        "severity": alert.severity.value,
        "state": alert.state.value,
        "labels": dict(alert.labels),
        "notes": [{"at_us": note.at_us, "by": note.by, "text": note.text} for note in alert.notes],
    }


def alert_of(plain: Mapping[str, Any]) -> Alert:
    """What `plain_alert` wrote; fields that this version does not know are left out."""
    found = {name: plain[name] for name in _ALERT_FIELDS if name in plain}
    found["severity"], found["state"] = Severity(plain["severity"]), AlertState(plain["state"])
    found["notes"] = tuple([Note(**note) for note in plain.get("notes", ())])
    return Alert(**found)


def plain_measurement(measurement: Measurement) -> dict[str, Any]:
    """The measurement with its value and window unfolded; an undefined number is null beside its reason.

    Numpy's numbers become Python's: those who measure need not think of JSON.
    """
    value, window = measurement.value, measurement.window
    return {
        "name": measurement.name,
        "labels": dict(measurement.labels),
        "value": value.number,
        "reason": value.reason,
        "interval": [float(end) for end in value.interval]
        if value.interval and all(map(math.isfinite, value.interval))
        else None,
        "samples": int(value.samples),
        "details": {name: float(number) for name, number in measurement.details.items() if math.isfinite(number)},
        "model": measurement.model,
        "version": measurement.version,
        "window": {
            "start_us": int(window.start_us),
            "end_us": int(window.end_us),
            "rows": int(window.rows),
            "source": window.source,
        },
    }


def measurement_of(plain: Mapping[str, Any]) -> Measurement:
    """What `plain_measurement` wrote; details and intervals that are not finite are gone: JSON has none."""
    interval = plain["interval"]
    value = Value(
        plain["value"], plain["reason"], None if interval is None else (interval[0], interval[1]), plain["samples"]
    )
    window = plain["window"]
    return Measurement(
        name=plain["name"],
        value=value,
        model=plain["model"],
        version=plain["version"],
        window=Window(window["start_us"], window["end_us"], window["rows"], window["source"]),
        labels=plain["labels"],
        details=plain["details"],
    )


def plain_notification(notification: Notification) -> dict[str, Any]:
    """The notification with everything in it."""
    return {
        "key": notification.key,
        "alert": plain_alert(notification.alert),
        "measurements": [plain_measurement(measurement) for measurement in notification.measurements],
        "next_step": notification.next_step,
        "link": notification.link,
        "reason": notification.reason,
        "others": [plain_alert(other) for other in notification.others],
        "beside_others": [attrs.asdict(one) for one in notification.beside_others],
        "thread": notification.thread,
        "history": [list(point) for point in notification.history],
        "background": plain_background(notification.background),
    }


def notification_of(plain: Mapping[str, Any]) -> Notification:
    """What `plain_notification` wrote."""
    return Notification(
        key=plain["key"],
        alert=alert_of(plain["alert"]),
        measurements=tuple(measurement_of(found) for found in plain["measurements"]),
        next_step=plain["next_step"],
        link=plain["link"],
        reason=plain.get("reason", ""),
        others=tuple(alert_of(other) for other in plain.get("others", ())),
        beside_others=tuple(Beside(**one) for one in plain.get("beside_others", ())),
        thread=plain.get("thread"),
        history=tuple((time_us, number) for time_us, number in plain.get("history", ())),
        background=background_of(plain.get("background", {})),
    )


def plain_background(background: Background) -> dict[str, Any]:
    """Its fields by name."""
    return {
        **attrs.asdict(background),
        "drifted": [attrs.asdict(found) for found in background.drifted],
        "important": [{"feature": feature, "share": share} for feature, share in background.important],
    }


def background_of(plain: Mapping[str, Any]) -> Background:
    """What `plain_background` wrote."""
    return Background(
        deployed=plain.get("deployed"),
        deployed_us=plain.get("deployed_us"),
        deployed_by=plain.get("deployed_by", ""),
        drifted=tuple(Drifted(**found) for found in plain.get("drifted", ())),
        important=tuple((found["feature"], found["share"]) for found in plain.get("important", ())),
    )


_ALERT_FIELDS = tuple(field.name for field in attrs.fields(Alert))
