"""Silences: for a while nobody is told about certain alerts."""

from __future__ import annotations

from typing import Any, Final

from watchkeeper.alerting.matching import Matcher
from watchkeeper.alerting.silences import SilenceState
from watchkeeper.app.silencing import doubts_about_models, doubts_about_rules, plain_silence
from watchkeeper.domain.spans import Duration
from watchkeeper.server.bodies import JsonBody
from watchkeeper.server.route import Answer, Call, Parameter, Route, Told
from watchkeeper.server.schemas import SILENCE_STATES, TEXT, ref
from watchkeeper.server.sight import seen_silence, sees_silence, sight

_PATH: Final = "/api/v1/silences"
_STATE: Final = Parameter(
    "state", "silences in this state; all that are not over when left out", {"type": "string", "enum": SILENCE_STATES}
)
_SILENCE: Final = Parameter("silence", "the silence's id", TEXT, is_in_path=True)
_WANTED: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["matchers", "for", "comment"],
    "properties": {
        "matchers": {
            "type": "array",
            "items": TEXT,
            "minItems": 1,
            "maxItems": 20,
            "description": "what is meant, all of it: model=momentum, feature=vol*, severity!=critical",
        },
        "for": {"type": "string", "minLength": 1, "description": "how long: 90s, 15m, 2h, 1d"},
        "comment": {"type": "string", "minLength": 1, "maxLength": 2000, "description": "why"},
        "after": {"type": "string", "minLength": 1, "description": "begin so long from now; at once when left out"},
    },
    "additionalProperties": False,
}


def _listed(call: Call) -> Answer:
    state = call.query["state"]
    found = call.watch.alerting.silences.listed(SilenceState(state) if state else None)
    return Answer({"silences": [plain_silence(one) for one in found if sees_silence(call.watch, one)]})


def _added(call: Call) -> Answer:
    matchers = [Matcher.parse(text) for text in call.body["matchers"]]
    length_us = Duration.parse(call.body["for"]).us
    wait_us = Duration.parse(call.body["after"]).us if "after" in call.body else 0
    watch = call.watch
    made = watch.silence(matchers, length_us, by=watch.actor, comment=call.body["comment"], wait_us=wait_us)
    covers = sum(made.covers(alert) for alert in watch.alerting.alerts())
    sees = sight(watch)
    models = [model for model in watch.models if sees is None or sees(model)]
    doubts = [*doubts_about_models(matchers, models), *doubts_about_rules(matchers, watch.config)]
    told = {**plain_silence(made), "covers": covers, "doubts": doubts}
    return Answer(told, 201, {"Location": f"{_PATH}/{made.id}"})


def _ended(call: Call) -> Answer:
    silence = seen_silence(call.watch, call.path["silence"])
    return Answer(plain_silence(call.watch.alerting.silences.end(silence.id, call.watch.actor)))


ROUTES = (
    Route(
        "GET",
        _PATH,
        "listSilences",
        "Silences, the last to end first",
        _listed,
        {200: Told("The silences.", ref("Silences"))},
        parameters=(_STATE,),
    ),
    Route(
        "POST",
        _PATH,
        "addSilence",
        "Tell nobody about alerts that fit every matcher; they still fire and are listed",
        _added,
        {201: Told("The silence.", ref("AddedSilence"))},
        body=JsonBody(_WANTED),
    ),
    Route(
        "DELETE",
        f"{_PATH}/{{silence}}",
        "endSilence",
        "End it now; what still fires is told at the next check",
        _ended,
        {200: Told("The silence, which is over.", ref("Silence"))},
        parameters=(_SILENCE,),
        problems=(404, 409),
    ),
)
