"""What is answered, as schemas: the components of the OpenAPI description."""

from __future__ import annotations

from typing import Any, Final

from watchkeeper.alerting.silences import SilenceState
from watchkeeper.domain.alert import AlertState, Severity

TEXT: Final = {"type": "string"}
TIME: Final = {"type": "integer", "description": "UTC microseconds since 1970"}
LABELS: Final = {"type": "object", "additionalProperties": TEXT}
STATES: Final = [state.value for state in AlertState]
SEVERITIES: Final = [severity.value for severity in Severity]
SILENCE_STATES: Final = [state.value for state in SilenceState]
_WHO: Final = {"type": ["string", "null"], "description": "who acknowledged or resolved it"}


def ref(name: str) -> dict[str, str]:
    """A component by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: dict[str, Any]) -> dict[str, Any]:
    """A list of these."""
    return {"type": "array", "items": items}


def record(properties: dict[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
        "additionalProperties": False,
    }


_ALERT: Final[dict[str, Any]] = {
    "fingerprint": TEXT,
    "rule": TEXT,
    "model": TEXT,
    "severity": {"type": "string", "enum": SEVERITIES},
    "state": {"type": "string", "enum": STATES},
    "summary": TEXT,
    "since_us": TIME,
    "changed_us": TIME,
    "checks": {"type": "integer", "description": "checks in a row that found the condition true"},
    "version": {"type": ["string", "null"]},
    "labels": LABELS,
    "by": _WHO,
    "comment": TEXT,
    "muted": {"type": "string", "description": "why nobody is told about it now; empty when they are"},
    "is_flapping": {"type": "boolean"},
    "notes": listed(record({"at_us": TIME, "by": TEXT, "text": TEXT})),
}
_SILENCE: Final[dict[str, Any]] = {
    "id": TEXT,
    "matchers": listed(TEXT),
    "starts_us": TIME,
    "ends_us": TIME,
    "by": TEXT,
    "comment": TEXT,
}
_MISTAKE: Final = record({"field": TEXT, "found": TEXT, "expected": TEXT})
COMPONENTS: Final[dict[str, Any]] = {
    "Alert": record(_ALERT),
    "AlertWithHistory": record({**_ALERT, "history": listed(ref("Entry"))}),
    "AlertPage": record(
        {
            "alerts": listed(ref("Alert")),
            "next": {"type": ["string", "null"], "description": "the `after` of the next page; null after the last"},
        }
    ),
    "AlertGroups": record({"groups": listed(ref("AlertGroup"))}),
    "AlertGroup": record(
        {
            "labels": LABELS,
            "count": {"type": "integer"},
            "severity": {"type": "string", "enum": SEVERITIES},
            "states": {"type": "object", "additionalProperties": {"type": "integer"}},
            "since_us": TIME,
        }
    ),
    "Entry": {
        "type": "object",
        "description": "an entry of the log; its digest covers the entry before it",
        "required": ["number", "digest", "event", "at_us"],
        "properties": {
            "number": {"type": "integer"},
            "digest": TEXT,
            "event": TEXT,
            "at_us": TIME,
            "by": {"type": ["string", "null"]},
            "comment": {"type": "string"},
        },
    },
    "Silence": record(_SILENCE),
    "Silences": record({"silences": listed(ref("Silence"))}),
    "AddedSilence": record(
        {
            **_SILENCE,
            "covers": {"type": "integer", "description": "open alerts that it is about now"},
            "doubts": {**listed(TEXT), "description": "why it may not mean what it should"},
        }
    ),
    "Health": record({"status": {"type": "string", "enum": ["ok", "ready"]}}),
    "Problem": record(
        {
            "type": {"type": "string", "format": "uri"},
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "what was found, what was expected, what to do"},
            "errors": {"type": "array", "items": _MISTAKE, "description": "each value that is not as expected"},
            "id": {"type": "string", "description": "of what went wrong here: stands beside it in the service's log"},
        },
        optional=("errors", "id"),
    ),
}
