"""Whatever the channel, a reader learns what, since when, against what, why it may be, and what to do."""

import io
import json

import attrs
import pytest

from watchkeeper.domain.alert import Alert, AlertState, Background, Notification, Severity
from watchkeeper.domain.plain import notification_of, plain_notification
from watchkeeper.domain.wording import bars, block, facts
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers import pagerduty, slack, webhook
from watchkeeper_plugins.notifiers.console import ConsoleNotifier
from watchkeeper_plugins.notifiers.mail_message import mail


def console(notification):
    stream = io.StringIO()
    ConsoleNotifier(stream).send(notification)
    return stream.getvalue()


def mailed(notification, kind):
    message = mail(notification, "watchkeeper@example", ["ops@example"], "")
    return message.get_body((kind,)).get_content()


CHANNELS = {
    "console": console,
    "mail as text": lambda notification: mailed(notification, "plain"),
    "mail as HTML": lambda notification: mailed(notification, "html"),
    "slack": lambda notification: json.dumps(slack.message(notification), ensure_ascii=False),
    "pagerduty": lambda notification: json.dumps(pagerduty.event(notification, "R0UT1NG"), ensure_ascii=False),
}
SAID = {
    "what": "accuracy of momentum is 0.61, below 0.8",
    "the measurement against its threshold": "accuracy 0.61 (threshold 0.8, 500 samples)",
    "since when": "2008-10-01T00:00:00Z, 3 checks",
    "a small chart": "█▇▆▆▅▄▃▃▂▁ 0.9 to 0.63 in 10 checks",
    "the most drifted features": "vol10 (ks 0.31, 1.9 times its edge)",
    "the most important features": "vol10 41%, ret1 20%",
    "the version": "momentum 1.4.0",
    "the last deployment": "1.4.0 at 2008-10-01T00:00:00Z, by ada",
    "what people have noted": "ada: the feed was late",
    "the next step": "Look at vol10.",
    "the run book": "https://runbook.example/accuracy",
    "by what it is acknowledged": "5f1d0c2e",
}


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("what", SAID)
def test_every_channel_says(channel, what):
    assert SAID[what] in CHANNELS[channel](sample_notification())


def test_a_webhook_has_it_as_data():
    found = json.loads(webhook.body(sample_notification()))

    assert found["background"] == {
        "deployed": "1.4.0",
        "deployed_us": 1_222_819_200_000_000,
        "deployed_by": "ada",
        "drifted": [{"feature": "vol10", "detector": "ks", "number": 0.31, "times": 1.9}],
        "important": [{"feature": "vol10", "share": 0.41}, {"feature": "ret1", "share": 0.2}],
    }
    assert found["alert"]["notes"] == [{"at_us": 1_225_497_600_000_000, "by": "ada", "text": "the feed was late"}]
    assert len(found["history"]) == 10


def test_what_is_not_known_is_not_said():
    alert = Alert("5f1d", "fell", "momentum", Severity.WARNING, AlertState.FIRING, "accuracy fell", 0, 0)

    assert [label for label, _ in facts(Notification("a", alert))] == ["model", "state", "since", "alert"]
    assert "deployed" not in block(Notification("a", alert, background=Background(deployed="1.0.0")))


def test_a_stored_notification_is_read_as_it_was():
    notification = sample_notification()

    assert notification_of(json.loads(json.dumps(plain_notification(notification)))) == notification


def test_a_notification_that_was_stored_before_there_were_backgrounds_is_read():
    plain = plain_notification(sample_notification())
    del plain["background"], plain["alert"]["notes"]

    found = notification_of(plain)

    assert (found.background, found.alert.notes) == (Background(), ())


def test_many_numbers_become_few_bars_of_which_the_last_is_the_last():
    assert bars([0.0] * 239 + [1.0]) == "▁" * 23 + "█"
    assert bars([5.0, 5.0]) == "▄▄"


@pytest.mark.parametrize(
    ("times", "told"),
    [(1.94, "1.94 times its edge"), (1000.0, "1000 times its edge"), (1e6, "over 1000 times its edge")],
    ids=["near", "at the cap", "capped"],
)
def test_how_far_beyond_an_edge_a_feature_is_ends_at_a_thousand_times(times, told):
    sample = sample_notification()
    (one,) = sample.background.drifted
    far = attrs.evolve(sample, background=attrs.evolve(sample.background, drifted=(attrs.evolve(one, times=times),)))
    assert told in console(far)


def test_of_an_alert_that_was_given_back_only_the_comment_is_told():
    sample = sample_notification()
    given_back = attrs.evolve(sample, alert=attrs.evolve(sample.alert, by=None, comment="not mine"))
    told = dict(facts(given_back))
    assert told["comment"] == "not mine"
    assert "by" not in told
    assert "None" not in block(given_back)
