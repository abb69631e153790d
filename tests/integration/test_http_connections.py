"""Connections that ask for nothing, or take their time, keep nobody else out."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack, contextmanager, suppress

import pytest

from watchkeeper.app import open_project
from watchkeeper.server.limits import Limits
from watchkeeper.server.running import serving

from .served_project import Client

HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
ASKING = b"GET /api/v1/alerts HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def limited(**limits):
    with open_project("watchkeeper.toml") as watch, serving(watch, port=0, limits=Limits(**limits)) as service:
        yield Client(watch, service.url)


@contextmanager
def connected(client, sent=b""):
    with socket.create_connection(client.address, 30) as connection:
        connection.sendall(sent)
        yield connection


def everything(connection):
    """What comes until the other side closes, politely or not."""
    found = b""
    with suppress(ConnectionResetError):
        while chunk := connection.recv(65_536):
            found += chunk
    return found


def drip(connection):
    """Send one letter after the other until the other side has closed."""
    while True:
        connection.sendall(b"x")


def problem_of(answer):
    head, _, content = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return json.loads(content)


def test_half_a_head_is_waited_for_only_so_long_and_told(project):
    with limited(head_seconds=0.05) as client, connected(client, HALF) as connection:
        problem = problem_of(everything(connection))
    assert (problem["status"], problem["detail"]) == (408, "the request's head has not arrived within 0.05 seconds")


def test_a_connection_that_says_nothing_is_closed(project):
    with limited(head_seconds=0.05) as client, connected(client) as connection:
        assert everything(connection) == b""


def test_what_drips_on_after_an_answer_is_not_listened_to_for_ever(project):
    body = b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"
    with limited(head_seconds=0.2) as client, connected(client, body) as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404")
        with pytest.raises(ConnectionError):
            drip(connection)


def test_those_who_never_ask_make_room_for_those_who_do(project):
    with limited(connections=3, reserve=0, head_seconds=600) as client, ExitStack() as stack:
        first = stack.enter_context(connected(client, HALF))
        for _ in range(9):
            stack.enter_context(connected(client, HALF))
        assert client.get("/healthz").status == 200
        assert client.get("/api/v1/alerts").status == 200
        assert everything(first) == b""


def test_a_full_service_still_answers_probes_and_tells_others_to_come_again(project):
    slow = (
        b"POST /api/v1/silences HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
    )
    expecting = slow + b"Expect: 100-continue\r\n\r\n"
    with limited(connections=2, reserve=2, grace_seconds=0) as client, ExitStack() as stack:
        for _ in range(2):
            busy = stack.enter_context(connected(client, expecting))
            assert busy.recv(100).startswith(b"HTTP/1.1 100")  # it is being answered
        reply = client.get("/api/v1/alerts")
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert reply.detail == "the service has as many connections as it takes; try again"
        assert client.get("/healthz").status == 200


def test_what_is_no_http_is_a_problem_too(project):
    with limited() as client, connected(client, b"hello\r\n\r\n") as connection:
        problem = problem_of(everything(connection))
    assert (problem["status"], problem["title"]) == (400, "It is no request of HTTP, or says a thing twice")


def test_a_body_that_still_arrives_at_the_end_is_answered_and_leaves_no_traceback(project, caplog):
    path = b"POST /api/v1/silences HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    begun = path + b"Content-Length: 99\r\nExpect: 100-continue\r\n\r\n"
    with ExitStack() as stack:
        with limited(grace_seconds=0) as client:
            connection = stack.enter_context(connected(client, begun))
            assert connection.recv(100).startswith(b"HTTP/1.1 100")
        problem = problem_of(everything(connection))
    assert problem["status"] == 503
    assert problem["detail"] == "the service ends, and the body had not arrived: nothing was done; send it again"
    assert not [one for one in caplog.records if one.exc_info]
