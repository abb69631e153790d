"""The webhook notifier against a real server: what it sends, and how it understands each answer."""

import contextlib
import email.utils
import hashlib
import hmac
import json
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from watchkeeper.domain.plain import notification_of
from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers.http_answers import answered_error, client, posted, retry_after
from watchkeeper_plugins.notifiers.webhook import Options, build, watchkeeper_notifiers

SHARED = "s3cret"


@pytest.fixture
def receiver():
    with HttpReceiver() as running:
        yield running


@pytest.fixture
def sent(receiver):
    """Sends one notification and gives the delivery."""
    opened = []

    def send(notification=None, **options):
        opened.append(build(Options(options.pop("url", receiver.url), **options)))
        return opened[-1].send(notification or sample_notification())

    yield send
    for notifier in opened:
        notifier.close()


def test_the_receiver_gets_the_whole_notification_as_json(receiver, sent):
    notification = sample_notification(summary="Genauigkeit 精度 📉")

    delivery = sent(notification)

    assert (delivery.receiver, delivery.detail) == (
        "http://127.0.0.1:" + receiver.url.split(":")[2].replace("hook", "…"),
        "200",
    )
    plain = json.loads(receiver.requests[0].body)
    assert notification_of(plain) == notification
    assert plain["alert"]["since"] == "2008-10-01T00:00:00Z"
    assert receiver.requests[0].headers["content-type"] == "application/json"


def test_every_attempt_carries_the_same_idempotency_key(receiver, sent):
    sent(sample_notification("fp-1:ops"))
    sent(sample_notification("fp-1:ops"))

    assert [request.key for request in receiver.requests] == ["fp-1:ops", "fp-1:ops"]


def test_a_key_that_no_header_may_hold_is_percent_encoded(receiver, sent):
    sent(sample_notification("schlüssel\r\nX-Evil: 1"))

    assert receiver.requests[0].key == "schl%C3%BCssel%0D%0AX-Evil:%201"
    assert "x-evil" not in receiver.requests[0].headers


def test_with_a_secret_the_time_and_the_body_are_signed(receiver, sent):
    sent(secret=SHARED)

    request = receiver.requests[0]
    time_part, signature_part = request.headers["watchkeeper-signature"].split(",")
    signed = time_part.removeprefix("t=").encode() + b"." + request.body
    assert signature_part == "v1=" + hmac.new(SHARED.encode(), signed, hashlib.sha256).hexdigest()
    assert abs(time.time() - int(time_part.removeprefix("t="))) < 60


def test_the_recipe_of_the_documentation_tells_ours_from_others(receiver, sent):
    page = (Path(__file__).parents[2] / "docs/reference/notifiers.md").read_text(encoding="utf-8")
    names = {}
    exec(re.search(r"```python\n(import hashlib.*?)```", page, re.DOTALL)[1], names)  # noqa: S102 - our own page
    is_ours = names["is_ours"]
    sent(secret=SHARED)
    (request,) = receiver.requests
    header = request.headers["watchkeeper-signature"]

    assert is_ours(SHARED.encode(), header, request.body)
    assert not is_ours(b"other", header, request.body)
    assert not is_ours(SHARED.encode(), header, request.body + b" ")
    assert not is_ours(SHARED.encode(), header, request.body, oldest_seconds=-1.0)
    assert not any(is_ours(SHARED.encode(), broken, request.body) for broken in ("", "t=", "t=x,v1=y", "v1=\u00e9,t=1"))


def test_without_a_secret_nothing_is_signed(receiver, sent):
    sent()

    assert "watchkeeper-signature" not in receiver.requests[0].headers


def test_headers_of_the_options_are_sent(receiver, sent):
    sent(headers={"Authorization": "Bearer t0ken"})

    assert receiver.requests[0].headers["authorization"] == "Bearer t0ken"


def test_connections_are_kept(receiver):
    notifier = build(Options(receiver.url))
    for _ in range(5):
        notifier.send(sample_notification())
    notifier.close()

    assert receiver.connections == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_an_answer_that_may_change_is_worth_another_attempt(receiver, sent, status):
    receiver.answer = lambda _request: Answer(status, body=b"come back later")

    with pytest.raises(DeliveryDelayed, match=f"/… answered {status}: come back later") as caught:
        sent()
    assert caught.value.retry_after_seconds is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_an_answer_that_will_not_change_is_a_refusal(receiver, sent, status):
    receiver.answer = lambda _request: Answer(status, body=b"no\nsuch hook")

    with pytest.raises(DeliveryRefused, match=f"/… answered {status}: no such hook"):
        sent()


def test_a_redirect_is_not_followed(receiver, sent):
    receiver.answer = lambda _request: Answer(302, {"Location": "http://127.0.0.1:1/elsewhere"})

    with pytest.raises(
        DeliveryRefused, match=r"answered 302 and points to http://127\.0\.0\.1:1/elsewhere; redirects are not"
    ):
        sent()
    assert len(receiver.requests) == 1


def test_retry_after_in_seconds_is_passed_on(receiver, sent):
    receiver.answer = lambda _request: Answer(429, {"Retry-After": "17"})

    with pytest.raises(DeliveryDelayed) as caught:
        sent()
    assert caught.value.retry_after_seconds == 17.0


def test_retry_after_as_a_date_is_counted_from_now():
    now = 1_225_497_600.0
    later = email.utils.formatdate(now + 90, usegmt=True)

    assert retry_after(later, now) == 90.0
    assert retry_after(later, now + 1_000) == 0.0


def test_a_date_counts_by_the_clock_of_who_sent_it():
    now = 1_225_497_600.0
    headers = {"date": email.utils.formatdate(now + 500, usegmt=True)}
    headers["retry-after"] = email.utils.formatdate(now + 590, usegmt=True)

    assert answered_error("ops", 429, headers, b"", now).retry_after_seconds == 90.0
    headers["date"] = "yesterday"
    assert answered_error("ops", 429, headers, b"", now).retry_after_seconds == 590.0


@pytest.mark.parametrize(
    ("header", "seconds"), [("0", 0.0), ("000000000000120", 120.0), ("1.5", 1.5), ("9" * 300, 1e300)]
)
def test_an_odd_number_of_seconds_is_never_less_than_what_it_says(header, seconds):
    assert retry_after(header, 0.0) >= seconds


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "soon",
        "-5",
        "1e9",
        "nan",
        "9" * 400,
        "Thu, 99 Foo 1970 00:00:00 GMT",
        "Thu, 01 Jan 99999 00:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 +99999999999999",
        "²",
    ],
)
def test_a_retry_after_that_says_nothing_is_ignored(header):
    assert retry_after(header, 0.0) is None


def test_a_receiver_that_hangs_is_left_after_the_timeout(receiver, sent):
    receiver.answer = lambda _request: Answer(stall_seconds=30.0)

    with pytest.raises(DeliveryDelayed, match=r"did not answer in time \(ReadTimeout\)"):
        sent(timeout_seconds=0.1)


def test_a_receiver_that_is_not_there_is_worth_another_attempt(sent):
    with HttpReceiver() as gone:
        url = gone.url

    with pytest.raises(DeliveryDelayed, match=r"http://127\.0\.0\.1:\d+/… cannot be reached: .*refused"):
        sent(url=url)


def test_an_endless_answer_is_not_read_to_its_end(receiver, sent):
    receiver.answer = lambda _request: Answer(400, body=b"x" * 50_000_000)

    with pytest.raises(DeliveryRefused, match=r"answered 400: x+ \(… \d+ more characters\)$"):
        sent()


def test_the_message_does_not_tell_what_may_be_secret_in_the_address(receiver, sent):
    receiver.answer = lambda _request: Answer(404)
    url = receiver.url.replace("127", "user:p4ss@127") + "/T0KEN?key=T0KEN#T0KEN"

    with pytest.raises(DeliveryRefused) as caught:
        sent(url=url)
    assert "T0KEN" not in str(caught.value)
    assert "p4ss" not in str(caught.value)


def test_the_options_do_not_show_secrets():
    assert SHARED not in repr(Options(f"http://x/{SHARED}", secret=SHARED, headers={"A": SHARED}))


def test_after_close_a_send_says_so(receiver):
    notifier = build(Options(receiver.url))
    notifier.close()

    with pytest.raises(DeliveryDelayed, match="the notifier has been closed; it sends again when it is built anew"):
        notifier.send(sample_notification())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/x",
        "hooks.example",
        "http://",
        "https:///x",
        "mailto:a@b",
        "http://[::1/",
        "http://a:99999/",
        "http://a\x00/",
    ],
)
def test_an_address_that_is_none_is_an_error_at_once(url):
    with pytest.raises(ConfigError, match="url: expected http:// or https:// and a host, found something else"):
        build(Options(url))


def test_an_address_that_cannot_be_called_is_a_refusal():
    with (
        client(1.0) as http,
        pytest.raises(DeliveryRefused, match=r"hooks\.example cannot be called: .*; expected an http"),
    ):
        posted(http, "hooks.example", b"", {}, time.time)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_timeout_that_is_none_is_an_error_at_once(seconds):
    with pytest.raises(ConfigError, match="timeout_seconds: expected more than 0 and less than 60, found"):
        build(Options("http://127.0.0.1/", timeout_seconds=seconds))


def test_it_announces_itself():
    assert [plugin.title for plugin in watchkeeper_notifiers()] == ["notifier.webhook"]


class Drip:
    """A server that answers a byte at a time, and never ends."""

    def __init__(self, first):
        self.first = first
        self.closed = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.work)

    def work(self):
        connection, _ = self.socket.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            connection.sendall(self.first)
            while not self.closed.wait(0.05):
                connection.sendall(b"x")

    def __enter__(self):
        self.thread.start()
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}/"

    def __exit__(self, *error):
        self.closed.set()
        self.thread.join()
        self.socket.close()


def test_a_server_that_drips_its_head_does_not_hold_the_sender(sent):
    with Drip(b"HTTP/1.1 200 OK\r\nX: ") as url, pytest.raises(DeliveryDelayed, match="did not answer in time"):
        sent(url=url, timeout_seconds=0.3)


SHORT = b"Content-Length: 10\r\n\r\nabc"
GARBLED = b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"


@contextlib.contextmanager
def saying(answer):
    """A server that says this to whoever comes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def work():
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=work)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(30)


def test_a_2xx_whose_body_drips_is_acceptance_so_that_nothing_is_told_twice(sent):
    with Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n") as url:
        assert sent(url=url, timeout_seconds=0.3).detail == "200"


@pytest.mark.parametrize("rest", [SHORT, GARBLED, CHUNKED], ids=["short", "no gzip", "broken chunk"])
def test_a_2xx_whose_body_is_broken_is_acceptance(rest, sent):
    with saying(b"HTTP/1.1 200 OK\r\n" + rest) as url:
        assert sent(url=url).detail == "200"


@pytest.mark.parametrize(("status", "error"), [(b"404 No", DeliveryRefused), (b"503 No", DeliveryDelayed)])
def test_another_status_means_what_it_means_though_its_body_is_broken(status, error, sent):
    with (
        saying(b"HTTP/1.1 " + status + b"\r\n" + SHORT) as url,
        pytest.raises(error, match=f"/… answered {status[:3].decode()}: abc"),
    ):
        sent(url=url)


def test_no_packed_answer_is_asked_for(receiver, sent):
    sent()

    assert receiver.requests[0].headers["accept-encoding"] == "identity"


def test_proxies_of_the_environment_keep_deadlines_too(monkeypatch):
    with Drip(b"HTTP/1.1 200 OK\r\nX: ") as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("NO_PROXY", "")
        with client(0.3) as http, pytest.raises(DeliveryDelayed, match="did not answer in time"):
            posted(http, "http://elsewhere.example/", b"{}", {}, time.time)
