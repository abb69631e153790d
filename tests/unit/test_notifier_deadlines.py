"""No receiver and no name server holds a notifier for longer than its time-out, whatever it does."""

import contextlib
import smtplib
import socket
import threading

import pytest

from watchkeeper.domain.errors import ConfigError, DeliveryDelayed
from watchkeeper.testing.http_receiver import HttpReceiver
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers import apprise, email, webhook
from watchkeeper_plugins.notifiers.smtp_deadline import Deadline, Dialog
from watchkeeper_plugins.notifiers.time_limits import TimeLimit

HUNG_NAME = "hung.example"
SMTP = {"sender": "watchkeeper@example.com", "to": ("ops@example.com",), "security": "none"}


@pytest.fixture
def names(monkeypatch):
    """A name server that never answers about one name, until the test ends; knows two addresses of another."""
    known = socket.getaddrinfo
    released = threading.Event()
    asked = []

    def look_up(host, port, *arguments, **settings):
        if host == HUNG_NAME:
            asked.append(host)
            released.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host == "two.example":
            found = known("127.0.0.1", port, *arguments, **settings)
            dead = [(*one[:4], ("127.0.0.2", one[4][1])) for one in found]
            return [*dead, *found]
        if host == "none.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known(host, port, *arguments, **settings)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield asked
    released.set()


@contextlib.contextmanager
def dripping(first, drip):
    """An SMTP server that says `first`, and after whatever the client says a byte at a time, for ever."""
    closed = threading.Event()

    def work():
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.settimeout(30)
                for reply in first:
                    connection.sendall(reply)
                    connection.recv(65_536)
                while not closed.wait(0.02):
                    connection.sendall(drip)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            closed.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(30)


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        ([], b"2"),
        ([], b"220-still here\r\n"),
        ([b"220 ready\r\n"], b"250-x\r\n"),
        ([b"220 ready\r\n", b"250 hello\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"], b"2"),
    ],
    ids=["greeting", "endless greeting", "endless reply", "after the text"],
)
def test_a_mail_server_that_dribbles_does_not_hold_the_sender(first, drip):
    with dripping(first, drip) as port:
        notifier = email.build(email.Options("127.0.0.1", **SMTP, port=port, timeout_seconds=0.3))
        with pytest.raises(DeliveryDelayed, match=r"the whole conversation took longer than 0\.9 s|timed out"):
            notifier.send(sample_notification())


def test_a_mail_server_that_dribbles_its_handshake_does_not_hold_the_sender():
    with dripping([], b"\x16\x03\x03\x40\x00") as port:
        settings = {**SMTP, "security": "tls", "port": port, "timeout_seconds": 0.3}
        with pytest.raises(DeliveryDelayed, match=r"127\.0\.0\.1 cannot be reached: "):
            email.build(email.Options("127.0.0.1", **settings)).send(sample_notification())


def test_a_mail_server_that_says_too_much_is_left():
    with dripping([], b"220-" + b"x" * 100 + b"\r\n" + b"220-\r\n" * 100_000) as port:
        notifier = email.build(email.Options("127.0.0.1", **SMTP, port=port, timeout_seconds=10.0))
        with pytest.raises(DeliveryDelayed, match="the server said more than 1000000 bytes"):
            notifier.send(sample_notification())


def test_a_mail_server_that_closes_in_the_middle_of_a_line_is_worth_another_attempt():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=_say_and_close, args=(server, b"220 rea"))
        thread.start()
        notifier = email.build(email.Options("127.0.0.1", **SMTP, port=port))
        with pytest.raises(DeliveryDelayed, match="broke off"):
            notifier.send(sample_notification())
        thread.join(30)


def _say_and_close(server, said):
    connection, _ = server.accept()
    with connection:
        connection.sendall(said)


def test_the_whole_conversation_never_takes_longer_than_a_lease():
    assert Deadline(10.0).seconds == 30.0
    assert Deadline(59.0).seconds == 60.0


def test_what_is_sent_after_the_deadline_ends_the_conversation():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_say_and_close, args=(server, b"220 ready\r\n"))
        thread.start()
        dialog = Dialog("127.0.0.1", server.getsockname()[1], 10.0, TimeLimit(), None)
        thread.join(30)
        dialog._deadline._end = 0.0
        with pytest.raises(smtplib.SMTPServerDisconnected, match="the whole conversation took longer than 30 s"):
            dialog.noop()
        assert dialog.sock is None


def notifiers():
    return {
        "webhook": webhook.build(webhook.Options(f"http://{HUNG_NAME}/", timeout_seconds=0.2)),
        "email": email.build(email.Options(HUNG_NAME, **SMTP, timeout_seconds=0.2)),
    }


@pytest.mark.parametrize("kind", ["webhook", "email"])
def test_a_name_server_that_does_not_answer_does_not_hold_the_sender(names, kind):
    notifier = notifiers()[kind]
    says = {
        "webhook": r"did not answer in time \(ConnectTimeout\)",
        "email": r"the name hung\.example was not looked up in time: ",
    }

    for _ in range(6):
        with pytest.raises(DeliveryDelayed, match=says[kind]):
            notifier.send(sample_notification())
    notifier.close()

    assert len(names) <= 4, "those that hang are not joined by ever more"


@pytest.mark.parametrize("kind", ["webhook", "email"])
def test_a_name_that_is_none_is_worth_another_attempt(names, kind):
    built = {
        "webhook": lambda: webhook.build(webhook.Options("http://none.example/")),
        "email": lambda: email.build(email.Options("none.example", **SMTP)),
    }
    notifier = built[kind]()
    with pytest.raises(DeliveryDelayed, match="Name or service not known"):
        notifier.send(sample_notification())
    notifier.close()


def test_of_several_addresses_the_one_that_answers_is_used(names):
    with HttpReceiver() as receiver:
        notifier = webhook.build(webhook.Options(receiver.url.replace("127.0.0.1", "two.example")))
        assert notifier.send(sample_notification()).detail == "200"
        notifier.close()


def test_an_odd_name_is_no_failure_of_the_notifier():
    with pytest.raises(OSError, match="cannot be a name"):
        TimeLimit().addresses("a" * 70 + ".example", 25, 5.0)


def test_apprise_that_hangs_does_not_hold_the_sender():
    released = threading.Event()
    notifier = apprise.AppriseNotifier("json", lambda *_: released.wait(30), timeout_seconds=0.1)

    with pytest.raises(DeliveryDelayed, match="apprise did not deliver by json in time: it has"):
        notifier.send(sample_notification())
    released.set()


def test_what_apprise_raises_is_raised_to_who_sends():
    def fail(*_):
        raise ValueError("oops")

    with pytest.raises(ValueError, match="oops"):
        apprise.AppriseNotifier("json", fail).send(sample_notification())


def test_a_time_limit_of_apprise_that_is_none_is_an_error_at_once():
    with pytest.raises(ConfigError, match="timeout_seconds: expected more than 0 and less than 60, found 60"):
        apprise.build(apprise.Options("json://127.0.0.1", timeout_seconds=60.0))


def test_what_hangs_makes_room_when_it_ends():
    released = threading.Event()
    limit = TimeLimit(most=1)
    with pytest.raises(TimeoutError, match="it has not ended after"):
        limit.result(lambda: released.wait(30), 0.05)
    with pytest.raises(TimeoutError, match="earlier attempts hang still"):
        limit.result(lambda: 1, 0.05)
    released.set()

    assert limit.result(lambda: 2, 30.0) == 2
    assert limit.result(lambda: 3, None) == 3
