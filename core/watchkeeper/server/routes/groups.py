"""How many alerts there are of each kind: the way to look at thousands of them."""

from __future__ import annotations

import attrs

from watchkeeper.alerting.groups import grouped
from watchkeeper.app.alert_pages import matching_alerts
from watchkeeper.server.route import Answer, Call, Parameter, Route, Told
from watchkeeper.server.schemas import ref

from .alerts import MODEL, PATH, STATE, wanted_of

_BY = Parameter(
    "by",
    "labels to group by, given several times: rule, model, version, severity, or such as feature; model when left out",
    {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 200}, "maxItems": 10},
)


def _grouped(call: Call) -> Answer:
    alerts = matching_alerts(call.watch.alerting, wanted_of(call))
    by = tuple(dict.fromkeys(call.query["by"] or ["model"]))
    return Answer({"groups": [attrs.asdict(group) for group in grouped(alerts, by)]})


ROUTES = (
    Route(
        "GET",
        f"{PATH}/groups",
        "groupAlerts",
        "How many alerts have the same labels, the most severe first",
        _grouped,
        {200: Told("The groups.", ref("AlertGroups"))},
        parameters=(_BY, STATE, MODEL),
    ),
)
