"""What the service refuses, and what it says: a problem with a sentence, never a traceback."""

from __future__ import annotations

import logging
import socket
import threading
from urllib.parse import quote

import anyio
import attrs
import httpx
import pytest

from watchkeeper.app import open_project
from watchkeeper.app.watchkeeper import Watchkeeper
from watchkeeper.domain.errors import Conflict, StoreBusy, StoreError
from watchkeeper.server.routes import health

from .served_project import served

ALERTS = "/api/v1/alerts"


@pytest.fixture
def client(project):
    with served() as made:
        yield made


def test_a_path_that_is_none_is_told_with_the_nearest(client):
    reply = client.get("/api/v1/alert")
    assert reply.status == 404
    assert reply.detail == (
        "there is nothing at /api/v1/alert; did you mean '/api/v1/alerts'?; /openapi.json lists what there is"
    )
    assert client.get("/healthz/").status == 404
    assert reply.content["type"] == "urn:watchkeeper:problem:not-found"


def test_a_method_that_a_path_does_not_take_is_told_with_those_that_it_takes(client):
    reply = client.ask("PUT", "/api/v1/silences", {})
    assert reply.status == 405
    assert reply.detail == "/api/v1/silences does not take PUT; it takes GET, POST"
    assert reply.headers["allow"] == "GET, POST"
    assert client.ask("DELETE", f"{ALERTS}/abc").headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("state=fireing", "state is 'fireing'; expected one of pending, firing, acknowledged, recovering, resolved"),
        ("state=fireing", "; did you mean 'firing'?"),
        ("severity=high", "severity is 'high'; expected one of info, warning, critical"),
        ("limit=0", "limit is 0; expected a whole number from 1 to 1000"),
        ("limit=1e3", "limit is '1e3'; expected a whole number from 1 to 1000"),
        ("limit=" + "9" * 400, "expected a whole number from 1 to 1000"),
        ("limit=1&limit=2", "limit is given 2 times; expected it once"),
        ("modle=m", "modle is no parameter; expected one of state, severity, model, match, limit, after"),
        ("modle=m", "; did you mean 'model'?"),
    ],
)
def test_a_parameter_that_is_wrong_is_told_with_what_was_found_and_expected(client, query, said):
    reply = client.get(f"{ALERTS}?{query}")
    assert reply.status == 422
    assert said in reply.detail
    (mistake,) = reply.content["errors"]
    assert set(mistake) == {"field", "found", "expected"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "the body is no JSON (Expecting property name"),
        (b"\xff\xfe", "the body is not UTF-8"),
        (b"[" * 60_000, "the body is nested too deeply"),
        (b"[]", "the body is a list of 0; expected an object with comment"),
        (b"null", "the body is null; expected an object with comment"),
        (b'{"comment": 1}', "comment is 1; expected a text, of at most 2000 characters"),
        (b'{"comment": true}', "comment is True; expected a text"),
        (b'{"comment": NaN}', "NaN is no number of JSON"),
        (b'{"comment": "\\ud800"}', "half of a surrogate pair is none"),
        (b'{"\\ud800": 1}', "\\ud800 is not known here"),
        (b'{"by": "ada"}', "by is not known here; expected an object with comment"),
        (b'{"comment": ' + b"9" * 5_000 + b"}", "expected a"),
        (b'{"comment": "' + b"x" * 2_001 + b'"}', "comment is a text of 2001 characters; expected a text, of at most"),
    ],
    ids=range(13),
)
def test_a_body_that_is_wrong_is_told_with_what_was_found_and_expected(client, body, said):
    reply = client.post(f"{ALERTS}/abc/acknowledge", body)
    assert reply.status == 422
    assert said in reply.detail
    assert reply.content["errors"]


@pytest.mark.parametrize("mark", ["\0", "\x1b[31m", "\x7f", "\x9b"], ids=repr)
def test_control_characters_are_refused_wherever_text_is_taken(client, mark):
    for reply in (
        client.post(f"{ALERTS}/abc/comment", {"comment": f"a{mark}b"}),
        client.post("/api/v1/silences", {"matchers": [f"model=m{mark}"], "for": "1h", "comment": "x"}),
        client.get(f"{ALERTS}/groups?by={quote(mark)}"),
        client.get(f"{ALERTS}?match={quote(mark)}=x"),
    ):
        assert reply.status == 422
        assert "expected text without control characters; line breaks and tabs may be in it" in reply.detail


def test_a_label_to_group_by_has_a_name(client):
    reply = client.get(f"{ALERTS}/groups?by=")
    assert (reply.status, reply.detail) == (
        422,
        "by[0] is ''; expected a text that is not empty, of at most 200 characters",
    )


def test_a_request_without_any_body_is_one_with_an_empty_body(client):
    bare = b"POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n"
    for more in (b"", b"Content-Length: 0\r\n"):
        for path, status in (
            (b"acknowledge", b"404"),
            (b"give-back", b"404"),
            (b"resolve", b"404"),
            (b"comment", b"422"),
        ):
            with socket.create_connection(client.address, 30) as connection:
                connection.sendall(bare % (f"{ALERTS}/abc/".encode() + path, more))
                assert connection.recv(100).startswith(b"HTTP/1.1 " + status)


def test_a_comment_may_have_lines(project):
    fingerprint = project.fire().fingerprint
    with served() as client:
        assert client.post(f"{ALERTS}/{fingerprint}/comment", {"comment": "one\r\n\ttwo"}).status == 200


def test_a_comment_needs_words(client):
    reply = client.post(f"{ALERTS}/abc/comment", {})
    assert (reply.status, reply.detail) == (
        422,
        "comment is missing; expected a text that is not empty, of at most 2000 characters",
    )


def test_a_body_must_be_json_as_no_form_of_a_browser_is(client):
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        reply = client.post(f"{ALERTS}/abc/acknowledge", b"{}", headers={"Content-Type": kind})
        assert reply.status == 415
        assert reply.detail == f"the Content-Type is {kind or 'missing'}; expected application/json"
    reply = client.post(f"{ALERTS}/abc/acknowledge", headers={"Content-Type": "application/json; charset=utf-8"})
    assert reply.status == 404


def test_a_body_that_is_too_large_is_refused_with_or_without_a_length(client):
    reply = client.post(f"{ALERTS}/abc/acknowledge", b"{" + b" " * 70_000 + b"}")
    assert (reply.status, "more than 65536 bytes" in reply.detail) == (413, True)
    with socket.create_connection(client.address, 30) as connection:
        connection.sendall(
            f"POST {ALERTS}/abc/acknowledge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\n\r\n11170\r\n".encode()
            + b" " * 70_000
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_client_that_goes_away_while_it_sends_disturbs_nobody(client):
    with socket.create_connection(client.address, 30) as connection:
        connection.sendall(
            f"POST {ALERTS}/abc/acknowledge HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 100\r\n\r\n{".encode()
        )
    assert client.get("/healthz").status == 200


def test_a_mistake_of_ours_is_told_by_an_id_that_stands_in_the_log(client, monkeypatch, caplog):
    def broken(*_arguments, **_options):
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(client.watch.alerting, "alerts", broken)
    with caplog.at_level(logging.ERROR, "watchkeeper.server"):
        reply = client.get(ALERTS)
    assert reply.status == 500
    assert reply.detail == f"this went wrong inside the service; its log says what, beside {reply.content['id']}"
    assert "secret" not in str(reply)
    (logged,) = (one for one in caplog.records if one.name == "watchkeeper.server")
    assert reply.content["id"] in logged.getMessage()
    assert "ZeroDivisionError" in str(logged.exc_info)
    assert client.get("/healthz").status == 200


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StoreBusy("/secret/state.db is held"), "another program has been writing the store for longer than is waited"),
        (Conflict("/secret/state.db has moved on"), "others change the same thing at this moment; try again"),
        (StoreError("/secret/state.db is no database"), "the store cannot be used"),
    ],
    ids=repr,
)
def test_what_the_store_cannot_do_now_may_be_tried_again_and_its_place_stands_in_the_log(
    client, monkeypatch, caplog, error, said
):
    def refusing(*_arguments, **_options):
        raise error

    monkeypatch.setattr(client.watch.alerting, "alerts", refusing)
    reply = client.get(ALERTS)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.content["title"] == "It cannot be answered now"
    assert reply.detail.startswith(said)
    assert "/secret" not in str(reply)
    (logged,) = (one.getMessage() for one in caplog.records if one.name == "watchkeeper.server")
    assert reply.content["id"] in reply.detail
    assert f"({reply.content['id']}): {error}" in logged


def test_it_is_ready_while_the_store_answers_and_letters_are_sent(project, monkeypatch):
    with served(is_delivering=True) as client:
        assert client.get("/readyz").content == {"status": "ready"}

        def refusing(*_arguments, **_options):
            raise StoreBusy("/secret/path is locked")

        with monkeypatch.context() as patch:
            patch.setattr(client.watch.alerting, "alerts", refusing)
            reply = client.get("/readyz")
            assert (reply.status, reply.detail) == (503, "the store cannot be read; the service's log says why")
        with monkeypatch.context() as patch:
            patch.setattr(Watchkeeper, "is_delivering", False)
            reply = client.get("/readyz")
            assert (reply.status, "notifications are not being sent" in reply.detail) == (503, True)


def test_it_is_not_ready_when_nobody_sends(client):
    assert client.get("/healthz").content == {"status": "ok"}
    assert client.get("/readyz").status == 503


def test_a_store_that_stands_still_is_not_waited_for(project, monkeypatch):
    from watchkeeper.server.application import application

    (ready,) = (route for route in health.ROUTES if route.path == "/readyz")
    assert ready.most_seconds == 5.0
    going_on = threading.Event()
    with open_project("watchkeeper.toml") as watch:
        monkeypatch.setattr(watch.alerting, "alerts", lambda **_options: going_on.wait(30) and ())
        served_alone = application(watch, is_local=True, routes=[attrs.evolve(ready, most_seconds=0.05)])

        async def ask():
            transport = httpx.ASGITransport(served_alone)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                reply = await client.get("/readyz")
            going_on.set()
            return reply

        reply = anyio.run(ask)
    assert (reply.status_code, reply.json()["detail"]) == (503, "there is no answer after 0.05 seconds")


def test_answers_are_not_kept_by_caches_and_are_what_they_say(client):
    for path in ("/healthz", ALERTS, "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
        assert "server" not in headers
