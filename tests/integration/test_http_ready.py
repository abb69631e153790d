"""`/readyz` while those who send notifications cannot do their work."""

from __future__ import annotations

import threading

import pytest

from watchkeeper.alerting.delivery import Courier
from watchkeeper.alerting.system import Alerting
from watchkeeper.app import open_project
from watchkeeper.domain.errors import StoreBusy, StoreCorrupt

from .served_project import served

WAITING = "notifications wait: the last try to send what is due failed; the service's log says why"


def became(client, status):
    """What `/readyz` says once it is that."""
    pause = threading.Event()
    for _ in range(1_000):
        reply = client.get("/readyz")
        if reply.status == status:
            return reply
        pause.wait(0.02)
    pytest.fail(f"/readyz never said {status}")


@pytest.mark.parametrize(
    "error",
    [StoreCorrupt("/secret/state.db is damaged"), StoreBusy("/secret/state.db"), ZeroDivisionError("odd")],
    ids=repr,
)
@pytest.mark.parametrize("work", [(Courier, "deliver_to"), (Alerting, "tend")], ids=["sender", "caretaker"])
def test_it_is_not_ready_while_the_last_pass_of_a_thread_failed(project, monkeypatch, caplog, work, error):
    def failing(*_arguments, **_options):
        raise error

    with served(is_delivering=True) as client:
        assert became(client, 200).content == {"status": "ready"}
        with monkeypatch.context() as patch:
            patch.setattr(*work, failing)
            assert became(client, 503).detail == WAITING
            assert str(error) in client.watch.delivery_trouble
            assert client.get("/healthz").status == 200
        assert became(client, 200).content == {"status": "ready"}
        assert client.watch.delivery_trouble == ""
    (told, *_) = (one.getMessage() for one in caplog.records if one.name == "watchkeeper.server")
    assert str(error) in told


def test_there_is_no_trouble_where_nobody_delivers(project):
    with open_project("watchkeeper.toml") as watch:
        assert watch.delivery_trouble == ""
