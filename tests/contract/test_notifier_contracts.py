"""Every built-in notifier keeps the contract."""

import io

import pytest

from watchkeeper.testing.http_receiver import HttpReceiver
from watchkeeper.testing.notifier import NotifierContract
from watchkeeper_plugins.notifiers import console, webhook


class TestConsole(NotifierContract):
    @pytest.fixture
    def subject(self):
        return console.ConsoleNotifier(io.StringIO())

    def unreachable(self):
        stream = io.StringIO()
        stream.close()
        return console.ConsoleNotifier(stream)


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
