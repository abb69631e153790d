"""`watchkeeper serve`: how it begins, what it does beside answering, and how it ends."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from watchkeeper.app import open_project
from watchkeeper.domain.errors import ExtraMissing, UsageError
from watchkeeper.server.running import listening_at, serving
from watchkeeper.testing.http_receiver import Answer, HttpReceiver

from .served_project import IDENTITIES, served

PROGRAM = "from watchkeeper.cli.main import main; main()"


@contextmanager
def started(project, *words):
    """`watchkeeper serve` on a free port, when it says that it serves: the process, its port and what it said."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", PROGRAM, "serve", "--port", "0", *words],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        timer = threading.Timer(120, process.kill)
        timer.start()
        try:
            said = process.stderr.readline()
            yield process, int(re.search(r":(\d+),", said)[1]), said
        finally:
            process.kill()
            timer.cancel()


def status_of(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("which", "said"), [(signal.SIGTERM, "stopped by SIGTERM\n"), (signal.SIGINT, "stopped\n")], ids=["TERM", "INT"]
)
def test_serve_answers_until_a_signal_ends_it_cleanly(project, command, which, said):
    with started(project) as (process, port, first):
        assert first.startswith(f"serving on http://127.0.0.1:{port}, to programs of this machine, who act as '")
        assert status_of(port, "/healthz") == 200
        assert any(status_of(port, "/readyz") == 200 for _ in range(200))
        assert status_of(port, "/api/v1/alerts") == 200
        process.send_signal(which)
        rest = process.stderr.readlines()
        assert process.wait() == 0
    assert rest == [said]
    assert command("store", "verify").code == 0


def test_serve_checks_models_too_when_it_is_asked_to(project, command):
    assert command("log", "momentum", str(project.today())).code == 0
    with started(project, "--every", "1h") as (process, port, _):
        assert process.stderr.readline() == "checking momentum every 1h\n"
        assert "momentum" in process.stdout.readline()
        assert status_of(port, "/readyz") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_a_letter_that_is_on_its_way_arrives_before_the_end(project):
    arrived, release = threading.Event(), threading.Event()

    def answer(_request):
        arrived.set()
        release.wait(30)
        return Answer(200)

    with HttpReceiver(answer) as receiver:
        project.configure(project.config.replace('kind = "console"', f'kind = "webhook"\nurl = "{receiver.url}"'))
        project.fire()
        with started(project) as (process, _, _said):
            assert arrived.wait(60)
            process.send_signal(signal.SIGTERM)
            release.set()
            assert process.wait() == 0
    with open_project("watchkeeper.toml") as watch:
        assert watch.alerting.outbox.waiting() == ()
        assert watch.alerting.outbox.dead_letters() == ()


def test_a_request_that_is_being_answered_is_answered_at_the_end(project, monkeypatch):
    begun, release, replies = threading.Event(), threading.Event(), []
    with open_project("watchkeeper.toml") as watch:
        listed = watch.alerting.alerts

        def slowly(*arguments, **options):
            begun.set()
            release.wait(30)
            return listed(*arguments, **options)

        monkeypatch.setattr(watch.alerting, "alerts", slowly)
        with serving(watch, port=0) as service:
            port = int(service.url.rpartition(":")[2])
            asking = threading.Thread(target=lambda: replies.append(status_of(port, "/api/v1/alerts")))
            asking.start()
            assert begun.wait(30)
            threading.Timer(0.2, release.set).start()
        asking.join(30)
        assert not service.is_running
    assert replies == [200]
    with pytest.raises(OSError, match="refused"):
        status_of(port, "/healthz")


def test_an_address_that_is_taken_is_told_in_a_sentence(project, command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = command("serve", "--port", str(port))
    assert answer.code == 2
    assert answer.err == (
        f"watchkeeper: 127.0.0.1:{port} is in use by another program; name another port, or end that program\n"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - it is what is refused
def test_other_machines_are_not_served_while_nobody_could_prove_who_they_are(project, command, host):
    answer = command("serve", "--host", host, "--port", "0")
    assert answer.code == 2
    assert f"other machines can reach '{host}', and nobody in [identities] could prove who they are" in answer.err
    assert "or serve on 127.0.0.1" in answer.err


def test_other_machines_are_served_when_people_have_tokens(project):
    project.configure(project.config + IDENTITIES)
    with started(project, "--host", "0.0.0.0") as (process, port, said):  # noqa: S104 - what is tried
        assert "to those with a token: ada, eve, bob; stop with Ctrl-C" in said
        assert status_of(port, "/api/v1/alerts") == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_a_host_that_is_none_is_told():
    with pytest.raises(UsageError, match=r"'nowhere\.invalid' is no address of this machine"):
        listening_at("nowhere.invalid", 0, {})
    with pytest.raises(UsageError, match=r"203\.0\.113\.7:0 cannot be served on \(.*\); name another address"):
        listening_at("203.0.113.7", 0, {"ada": None})


@pytest.mark.parametrize("package", ["uvicorn", "starlette"])
def test_a_package_that_is_missing_is_told_with_the_line_that_brings_it(project, command, monkeypatch, package):
    for name in [name for name in sys.modules if name.partition(".")[0] in {"uvicorn", "starlette"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "watchkeeper.server.application", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    answer = command("serve")
    assert answer.code == ExtraMissing.exit_code == 3
    assert f"serving needs {package}" in answer.err
    assert 'which is not installed: pip install "watchkeeper[server]"' in answer.err


def test_a_service_that_ends_by_itself_is_an_error(project, command, monkeypatch):
    import uvicorn

    monkeypatch.setattr(uvicorn.Server, "run", lambda _self, sockets: None)
    answer = command("serve", "--port", "0")
    assert answer.code == 70
    assert "the HTTP service has ended by itself" in answer.err


def test_the_command_line_loads_no_server_until_it_serves():
    program = "import sys, watchkeeper.cli.main; print([one for one in sys.modules if one in {'uvicorn', 'starlette'}])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_two_services_on_one_project_do_not_see_each_other(project):
    with served() as one, served() as other:
        assert one.url != other.url
        assert one.get("/healthz").status == other.get("/healthz").status == 200


def test_answers_do_not_wait_for_more_to_send(project):
    listening, is_local = listening_at("127.0.0.1", 0, {})
    with listening:
        assert is_local
        assert listening.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY for such sockets alone
