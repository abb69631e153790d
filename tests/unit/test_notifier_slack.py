"""The slack notifier against a server that answers as Slack does."""

import json

import attrs
import pytest

from watchkeeper.domain.alert import AlertState
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers.slack import Options, build, message, watchkeeper_notifiers

TOKEN = "xoxb-1"  # noqa: S105 - a test's


class Slack:
    """The two methods of the Web API that are used, over an ordinary receiver."""

    def __init__(self, receiver):
        self.receiver = receiver
        self.error = None
        self.errors_of = {}
        receiver.answer = self.answer

    def answer(self, request):
        method = request.path.rsplit("/", 1)[1]
        error = self.errors_of.get(method, self.error)
        if error:
            return Answer(200, body=json.dumps({"ok": False, "error": error}).encode())
        sent = json.loads(request.body)
        moment = sent.get("ts", f"17.{len(self.receiver.requests)}")
        return Answer(
            200, body=json.dumps({"ok": True, "channel": "C024BE91L", "ts": moment, "message": sent}).encode()
        )

    @property
    def calls(self):
        return [(request.path.rsplit("/", 1)[1], json.loads(request.body)) for request in self.receiver.requests]


@pytest.fixture
def slack():
    with HttpReceiver() as receiver:
        yield Slack(receiver)


@pytest.fixture
def notifier(slack):
    made = build(Options(token=TOKEN, channel="#ops", api_url=slack.receiver.url))
    yield made
    made.close()


@pytest.fixture
def hook():
    with HttpReceiver() as receiver:
        made = build(Options(url=receiver.url))
        yield receiver, made
        made.close()


def test_the_first_news_is_a_message_in_the_channel(slack, notifier):
    delivery = notifier.send(sample_notification("key-1"))

    assert (delivery.receiver, delivery.thread) == ("slack", "C024BE91L:17.0")
    ((method, sent),) = slack.calls
    assert (method, sent["channel"]) == ("chat.postMessage", "#ops")
    assert sent["text"] == "⚠ WARNING accuracy-fell: accuracy of momentum is 0.61, below 0.8"
    assert "*measured* accuracy 0.61 (threshold 0.8, 500 samples)" in sent["blocks"][1]["text"]["text"]
    assert sent["metadata"]["event_payload"]["key"] == "key-1"
    assert slack.receiver.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_what_follows_goes_into_its_thread(slack, notifier):
    delivery = notifier.send(attrs.evolve(sample_notification(), thread="C024BE91L:17.0"))

    ((method, sent),) = slack.calls
    assert (method, sent["channel"], sent["thread_ts"]) == ("chat.postMessage", "C024BE91L", "17.0")
    assert delivery.thread == "C024BE91L:17.0"


def test_when_it_is_over_the_message_is_rewritten(slack, notifier):
    notifier.send(attrs.evolve(sample_notification(state=AlertState.RESOLVED), thread="C024BE91L:17.0"))

    ((method, sent),) = slack.calls
    assert (method, sent["channel"], sent["ts"]) == ("chat.update", "C024BE91L", "17.0")
    assert sent["text"].startswith("✔ RESOLVED")


def test_when_the_message_is_gone_a_new_one_is_posted(slack, notifier):
    slack.errors_of["chat.update"] = "message_not_found"

    delivery = notifier.send(attrs.evolve(sample_notification(state=AlertState.RESOLVED), thread="C024BE91L:17.0"))

    assert [method for method, _ in slack.calls] == ["chat.update", "chat.postMessage"]
    assert delivery.thread == "C024BE91L:17.1"


@pytest.mark.parametrize(
    "error", ["ratelimited", "internal_error", "service_unavailable", "request_timeout", "fatal_error"]
)
def test_an_error_that_passes_is_worth_another_attempt_though_the_status_is_200(slack, notifier, error):
    slack.error = error

    with pytest.raises(DeliveryDelayed, match=f"slack answered chat.postMessage with {error}"):
        notifier.send(sample_notification())


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("channel_not_found", ": see the option channel, and invite the bot to a private one"),
        ("not_in_channel", ": invite the bot to the channel"),
        ("invalid_auth", ": see the option token"),
        ("missing_scope", ": the token needs the scope chat:write"),
        ("is_archived", "$"),
    ],
)
def test_an_error_that_stays_is_a_refusal_with_what_to_do(slack, notifier, error, hint):
    slack.error = error

    with pytest.raises(DeliveryRefused, match=f"slack answered chat.postMessage with {error}{hint}"):
        notifier.send(sample_notification())


def test_a_429_is_obeyed(slack, notifier):
    slack.receiver.answer = lambda _request: Answer(429, {"Retry-After": "30"})

    with pytest.raises(DeliveryDelayed) as caught:
        notifier.send(sample_notification())
    assert caught.value.retry_after_seconds == 30.0


@pytest.mark.parametrize("body", [b"<html>maintenance</html>", b"[]", b""])
def test_an_answer_that_is_not_slacks_is_worth_another_attempt(slack, notifier, body):
    slack.receiver.answer = lambda _request: Answer(200, body=body)

    with pytest.raises(DeliveryDelayed, match=r"slack's answer to chat\.postMessage is not JSON"):
        notifier.send(sample_notification())


def test_a_webhook_gets_the_message_alone(hook):
    receiver, notifier = hook

    delivery = notifier.send(sample_notification())

    assert (delivery.receiver, delivery.thread) == ("slack", None)
    assert json.loads(receiver.requests[0].body) == message(sample_notification())
    assert "authorization" not in receiver.requests[0].headers


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"no_service"), (410, b"channel_is_archived"), (200, b"invalid_token")]
)
def test_a_webhook_that_does_not_take_it_is_a_refusal(hook, status, body):
    receiver, notifier = hook
    receiver.answer = lambda _request: Answer(status, body=body)

    with pytest.raises(DeliveryRefused, match=body.decode()):
        notifier.send(sample_notification())


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, b"<h1>Please log in</h1>", "'<h1>Please log in</h1>'"),
        (200, b"", "an empty answer"),
        (200, b"o", "'o'"),
        (204, b"", "an empty answer"),
    ],
)
def test_a_2xx_that_is_not_slacks_swallows_no_message(hook, status, body, found):
    receiver, notifier = hook
    receiver.answer = lambda _request: Answer(status, body=body)

    with pytest.raises(DeliveryDelayed) as caught:
        notifier.send(sample_notification())
    assert f"slack answered {status}, expected ok; found {found}; something between" in str(caught.value)


def test_names_cannot_mention_a_channel():
    text = json.dumps(message(sample_notification(summary="<!channel> & <@U1>")))

    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in text


def test_every_block_is_as_short_as_slack_wants_it():
    long = attrs.evolve(sample_notification(summary="x" * 9_000), next_step="y" * 9_000)

    assert max(len(block["text"]["text"]) for block in message(long)["blocks"]) <= 3_000


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({}, "expected either url"),
        ({"url": "http://x", "token": "t"}, "expected either url"),
        ({"token": "t"}, "channel: expected a channel such as #ops beside the token"),
        ({"url": "hooks"}, "url: expected http:// or https:// and a host"),
        ({"token": "t", "channel": "c", "api_url": "slack"}, "api_url: expected http:// or https:// and a host"),
        (
            {"url": "http://x", "timeout_seconds": -1.0},
            "timeout_seconds: expected more than 0 and less than 60, found -1",
        ),
    ],
)
def test_options_that_cannot_work_are_an_error_at_once(settings, error):
    with pytest.raises(ConfigError, match=error):
        build(Options(**settings))


def test_the_options_do_not_show_secrets():
    assert "s3cret" not in repr(Options(url="http://x/s3cret", token="s3cret"))  # noqa: S106 - a test's


def test_it_announces_itself():
    assert [plugin.title for plugin in watchkeeper_notifiers()] == ["notifier.slack"]
