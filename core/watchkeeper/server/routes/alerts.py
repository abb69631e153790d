"""The alerts by the page, and one of them with its history."""

from __future__ import annotations

from collections import deque
from typing import Final

from watchkeeper.alerting.matching import Matcher
from watchkeeper.app.alert_pages import AlertFilter, alert_page
from watchkeeper.domain.alert import AlertState, Severity
from watchkeeper.domain.plain import plain_alert
from watchkeeper.server.route import Answer, Call, Parameter, Route, Told
from watchkeeper.server.schemas import SEVERITIES, STATES, TEXT, ref
from watchkeeper.server.sight import seen_alert, sight

PATH: Final = "/api/v1/alerts"
STATE: Final = Parameter(
    "state", "alerts in this state; the open ones when left out", {"type": "string", "enum": STATES}
)
MODEL: Final = Parameter("model", "alerts of this model", TEXT)
FINGERPRINT: Final = Parameter(
    "fingerprint", "the alert's fingerprint, or its beginning when no other begins so", TEXT, is_in_path=True
)
_SEVERITY: Final = Parameter("severity", "alerts of this severity", {"type": "string", "enum": SEVERITIES})
_MATCH: Final = Parameter(
    "match",
    "alerts that fit, such as feature=vol* or rule!=accuracy-fell; given several times, those that fit all",
    {"type": "array", "items": TEXT, "maxItems": 20},
)
_LIMIT: Final = Parameter(
    "limit", "how many at most", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
)
_AFTER: Final = Parameter("after", "the `next` of the page before; or an alert's fingerprint, or its beginning", TEXT)
_LAST: Final = Parameter(
    "last",
    "how many entries of its history, the last ones",
    {"type": "integer", "minimum": 0, "maximum": 1000, "default": 50},
)


def wanted_of(call: Call) -> AlertFilter:
    """What the parameters ask for, as far as the caller may see it."""
    query = call.query
    state, severity = query.get("state"), query.get("severity")
    return AlertFilter(
        state=AlertState(state) if state else None,
        model=query.get("model"),
        severity=Severity(severity) if severity else None,
        matchers=tuple(Matcher.parse(text) for text in query.get("match") or ()),
        is_seen=sight(call.watch),
    )


def _listed(call: Call) -> Answer:
    after, wanted = call.query["after"], wanted_of(call)
    if after is not None and wanted.is_seen is not None and "-" not in after:  # a fingerprint, not a place
        after = seen_alert(call.watch, after).fingerprint
    page = alert_page(call.watch.alerting, wanted, call.query["limit"], after)
    return Answer({"alerts": [plain_alert(alert) for alert in page.alerts], "next": page.next})


def _shown(call: Call) -> Answer:
    alert = seen_alert(call.watch, call.path["fingerprint"])
    last = call.query["last"]
    entries = deque(call.watch.alerting.history(alert.fingerprint) if last else (), last)
    history = [{"number": one.number, "digest": one.digest, **one.body} for one in entries]
    return Answer({**plain_alert(alert), "history": history})


ROUTES = (
    Route(
        "GET",
        PATH,
        "listAlerts",
        "Alerts, last changed first: a page of them",
        _listed,
        {200: Told("A page of the alerts that the caller may see.", ref("AlertPage"))},
        parameters=(STATE, _SEVERITY, MODEL, _MATCH, _LIMIT, _AFTER),
        problems=(404,),
    ),
    Route(
        "GET",
        f"{PATH}/{{fingerprint}}",
        "showAlert",
        "One alert with its history: each change, who made it and who was told, oldest first",
        _shown,
        {200: Told("The alert.", ref("AlertWithHistory"))},
        parameters=(FINGERPRINT, _LAST),
        problems=(404,),
    ),
)
