"""What people do with an alert: acknowledge it, give it back, comment on it, end it. The log has who and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from watchkeeper.alerting.by_hand import LONGEST_COMMENT
from watchkeeper.domain.alert import Alert
from watchkeeper.domain.plain import plain_alert
from watchkeeper.server.bodies import JsonBody
from watchkeeper.server.route import Answer, Call, Route, Told
from watchkeeper.server.schemas import ref
from watchkeeper.server.sight import seen_alert

from .alerts import FINGERPRINT, PATH

_NOTE: Final = {"type": "string", "maxLength": LONGEST_COMMENT, "description": "what to note"}
_SAID: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_COMMENT,
    "description": "what others should know",
}
_NOTED: Final = {"type": "object", "properties": {"comment": _NOTE}, "additionalProperties": False}
_SAYING: Final = {
    "type": "object",
    "required": ["comment"],
    "properties": {"comment": _SAID},
    "additionalProperties": False,
}


def _acknowledged(call: Call) -> Alert:
    return call.watch.alerting.acknowledge(_wanted(call), call.watch.actor, _comment(call))


def _given_back(call: Call) -> Alert:
    return call.watch.alerting.give_back(_wanted(call), call.watch.actor, _comment(call))


def _commented(call: Call) -> Alert:
    return call.watch.alerting.comment(_wanted(call), call.watch.actor, _comment(call))


def _resolved(call: Call) -> Alert:
    return call.watch.alerting.resolve(_wanted(call), call.watch.actor, _comment(call))


def _wanted(call: Call) -> str:
    """The fingerprint of the alert in the path, which the caller may see."""
    return seen_alert(call.watch, call.path["fingerprint"]).fingerprint


def _comment(call: Call) -> str:
    return str(call.body.get("comment", ""))


def _route(act: Callable[[Call], Alert], word: str, name: str, summary: str, *, is_said: bool = False) -> Route:
    return Route(
        "POST",
        f"{PATH}/{{fingerprint}}/{word}",
        name,
        summary,
        lambda call: Answer(plain_alert(act(call))),
        {200: Told("The alert as it is now.", ref("Alert"))},
        parameters=(FINGERPRINT,),
        body=JsonBody(_SAYING if is_said else _NOTED),
        problems=(404, 409),
    )


ROUTES = (
    _route(
        _acknowledged,
        "acknowledge",
        "acknowledgeAlert",
        "Take care of it: it is not told again until it is over, and its escalation stops",
    ),
    _route(
        _given_back,
        "give-back",
        "giveAlertBack",
        "Take an acknowledgement back: it is told again, and its escalation goes on",
    ),
    _route(
        _commented,
        "comment",
        "commentOnAlert",
        "Say something about it: it stays with the alert, and is in what is told from now on",
        is_said=True,
    ),
    _route(_resolved, "resolve", "resolveAlert", "End it; should its condition hold at the next check, it begins anew"),
)
