"""Every built-in notifier keeps the contract."""

import io
import socket
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper.testing.notifier import NotifierContract
from watchkeeper_plugins.notifiers import console, email, file, pagerduty, slack, webhook


class TestConsole(NotifierContract):
    @pytest.fixture
    def subject(self):
        return console.ConsoleNotifier(io.StringIO())

    def unreachable(self):
        stream = io.StringIO()
        stream.close()
        return console.ConsoleNotifier(stream)


class TestFile(NotifierContract):
    @pytest.fixture
    def subject(self, tmp_path):
        return file.build(file.Options(tmp_path / "alerts.jsonl"))

    def unreachable(self):
        return file.build(file.Options(Path("/no/such/folder/alerts.jsonl")))


class TestFileOfText(TestFile):
    @pytest.fixture
    def subject(self, tmp_path):
        return file.build(file.Options(tmp_path / "alerts.txt", "text"))


class TestWebhook(NotifierContract):
    @pytest.fixture
    def subject(self):
        with HttpReceiver() as receiver:
            notifier = webhook.build(webhook.Options(receiver.url))
            yield notifier
            notifier.close()

    def unreachable(self):
        with HttpReceiver() as gone:
            url = gone.url
        return webhook.build(webhook.Options(url))


class TestPagerDuty(NotifierContract):
    @pytest.fixture
    def subject(self):
        with HttpReceiver(lambda _request: Answer(202)) as receiver:
            notifier = pagerduty.build(pagerduty.Options("R0UT1NG", url=receiver.url))
            yield notifier
            notifier.close()

    def unreachable(self):
        with HttpReceiver() as gone:
            url = gone.url
        return pagerduty.build(pagerduty.Options("R0UT1NG", url=url))


class TestSlackWebhook(NotifierContract):
    @pytest.fixture
    def subject(self):
        with HttpReceiver() as receiver:
            notifier = slack.build(slack.Options(url=receiver.url))
            yield notifier
            notifier.close()

    def unreachable(self):
        with HttpReceiver() as gone:
            url = gone.url
        return slack.build(slack.Options(url=url))


class TestSlackApi(NotifierContract):
    @pytest.fixture
    def subject(self):
        accepted = Answer(200, body=b'{"ok": true, "channel": "C1", "ts": "17.1"}')
        with HttpReceiver(lambda _request: accepted) as receiver:
            notifier = slack.build(slack.Options(token="t", channel="#ops", api_url=receiver.url))  # noqa: S106 - a test's
            yield notifier
            notifier.close()


class TestEmail(NotifierContract):
    @pytest.fixture
    def subject(self):
        server = Controller(Sink(), hostname="127.0.0.1", port=_free_port())
        server.start()
        notifier = email.build(self.options(server.port))
        yield notifier
        notifier.close()
        server.stop()

    def unreachable(self):
        return email.build(self.options(_free_port()))

    def options(self, port):
        return email.Options("127.0.0.1", "watchkeeper@example.com", ("ops@example.com",), port, "none")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
