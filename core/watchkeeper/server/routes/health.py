"""Whether the service lives, and whether it can do its work: for supervisors and load balancers."""

from __future__ import annotations

import logging

from watchkeeper.domain.errors import StoreError
from watchkeeper.server.problems import Refused
from watchkeeper.server.route import Answer, Call, Route, Told
from watchkeeper.server.schemas import ref

_log = logging.getLogger("watchkeeper.server")


def _alive(_call: Call) -> Answer:
    return Answer({"status": "ok"})


def _ready(call: Call) -> Answer:
    """What is wrong with the store is for the log: everybody may ask this."""
    try:
        call.watch.alerting.alerts(limit=1)
    except StoreError as error:
        _log.warning("not ready, the store cannot be read: %s", error)
        raise Refused(503, "the store cannot be read; the service's log says why") from error
    if not call.watch.is_delivering:
        raise Refused(503, "notifications are not being sent: the service begins, ends, or has lost a thread")
    trouble = call.watch.delivery_trouble
    if trouble:
        _log.warning("not ready, the last pass of a thread that sends notifications failed: %s", trouble)
        raise Refused(503, "notifications wait: the last try to send what is due failed; the service's log says why")
    return Answer({"status": "ready"})


ROUTES = (
    Route(
        "GET",
        "/healthz",
        "isAlive",
        "Whether the process lives",
        _alive,
        {200: Told("It does.", ref("Health"))},
        is_open=True,
    ),
    Route(
        "GET",
        "/readyz",
        "isReady",
        "Whether the store answers and notifications are sent, the last pass of each thread having come to its end",
        _ready,
        {200: Told("All of it is so.", ref("Health"))},
        problems=(503,),
        is_open=True,
        most_seconds=5.0,
    ),
)
