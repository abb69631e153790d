"""Whatever paths, parameters, headers and bodies are sent, the service answers in a sentence, and never with a 500."""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.server.routes import ROUTES

from .conftest import CONFIG, Project, rows, write_csv
from .served_project import Client, served

PATHS = sorted({route.path for route in ROUTES} | {"/openapi.json"})
METHODS = st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "PATCH", "OPTIONS"])
TEXTS = st.text(max_size=40) | st.sampled_from(
    ["", "0", "..", "%", "\0", "\ud800", "model=m*", "1-" + "f" * 32, "9" * 400]
)
NAMES = st.sampled_from(["state", "severity", "model", "match", "limit", "after", "by", "last", "other"])
WORDS = st.sampled_from(["firing", "critical", "model=mom*", "momentum", "1", "resolved"])
FIELDS = st.sampled_from(["comment", "matchers", "for", "after", "by"])
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | FIELDS, inner, max_size=4),
    max_leaves=8,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "comment": TEXTS | JSONS,
        "matchers": st.lists(st.sampled_from(["model=momentum", "feature=*", "x=y"]) | TEXTS, max_size=3) | JSONS,
        "for": st.sampled_from(["1h", "36500d", "0s", "99999999999999999w"]) | TEXTS,
        "after": st.sampled_from(["1h", "36500d"]) | TEXTS,
    },
)
EXAMPLES = settings(max_examples=300)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One project with an alert, for all examples."""
    with pytest.MonkeyPatch.context() as patch:
        project = Project(tmp_path_factory.mktemp("fuzzed"))
        project.configure(CONFIG)
        write_csv(project.folder / "reference.csv", rows(2000, seed=1))
        patch.chdir(project.folder)
        fingerprint = project.fire().fingerprint
        with served(is_delivering=True) as client:
            yield client, fingerprint


def quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def answered(client: Client, method: str, path: str, content: bytes | None, kind: str = "application/json") -> int:
    """The status; every refusal is a problem with a sentence."""
    connection = http.client.HTTPConnection(*client.address, timeout=60)
    try:
        connection.request(method, path, content, {"Content-Type": kind})
        answer = connection.getresponse()
        read = answer.read()
    finally:
        connection.close()
    if answer.status >= 400 and method != "HEAD":
        assert answer.getheader("content-type") == "application/problem+json", (answer.status, read)
        problem = json.loads(read)
        assert problem["status"] == answer.status
        assert problem["detail"]
        assert "Traceback" not in problem["detail"]
    assert answer.status < 500, read
    return answer.status


@EXAMPLES
@given(method=METHODS, parts=st.lists(TEXTS, max_size=6), query=st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
def test_any_path(service, method, parts, query):
    client, _ = service
    path = "/" + "/".join(map(quoted, parts))
    answered(client, method, path + "?" + "&".join(f"{quoted(key)}={quoted(value)}" for key, value in query), b"{}")


@EXAMPLES
@given(method=METHODS, path=st.sampled_from(PATHS), data=st.data())
def test_any_value_in_a_known_path_and_query(service, method, path, data):
    client, fingerprint = service
    values = st.just(fingerprint) | st.just(fingerprint[:6]) | TEXTS
    for name in ("fingerprint", "silence"):
        path = path.replace(f"{{{name}}}", quoted(data.draw(values)))
    query = data.draw(st.lists(st.tuples(NAMES, TEXTS | WORDS | values), max_size=4))
    answered(client, method, path + "?" + "&".join(f"{key}={quoted(value)}" for key, value in query), b"{}")


@EXAMPLES
@given(
    word=st.sampled_from(["acknowledge", "give-back", "comment", "resolve", None]),
    body=st.binary(max_size=60) | (LIKELY | JSONS).map(lambda found: json.dumps(found).encode()),
    kind=st.sampled_from(["application/json", "application/json; charset=latin-1", "text/plain", "application/xml"]),
)
def test_any_body(service, word, body, kind):
    client, fingerprint = service
    path = "/api/v1/silences" if word is None else f"/api/v1/alerts/{fingerprint}/{word}"
    answered(client, "POST", path, body, kind)


@settings(max_examples=100)
@given(
    headers=st.dictionaries(
        st.sampled_from(["Host", "Origin", "Authorization", "Content-Length", "Sec-Fetch-Site", "Content-Type"]),
        st.binary(max_size=30).map(lambda found: bytes(one for one in found if one not in b"\r\n\0")),
        max_size=3,
    )
)
def test_any_header(service, headers):
    client, fingerprint = service
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers.items())
    with socket.create_connection(client.address, 30) as connection:
        connection.sendall(f"POST /api/v1/alerts/{fingerprint}/comment HTTP/1.1\r\n".encode() + lines + b"\r\n")
        connection.shutdown(socket.SHUT_WR)
        said = connection.recv(65_536)
    assert not said.startswith(b"HTTP/1.1 5"), said
    assert client.get("/healthz").status == 200
