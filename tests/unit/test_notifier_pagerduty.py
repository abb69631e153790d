"""The pagerduty notifier: events as the Events API, version 2, takes them."""

import json

import attrs
import pytest

from watchkeeper.domain.alert import AlertState, Severity
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers.pagerduty import Options, build, event, watchkeeper_notifiers


@pytest.fixture
def receiver():
    with HttpReceiver(lambda _request: Answer(202, body=b'{"status":"success"}')) as running:
        yield running


@pytest.fixture
def notifier(receiver):
    made = build(Options("R0UT1NG", url=receiver.url))
    yield made
    made.close()


def test_a_firing_alert_opens_an_incident(receiver, notifier):
    delivery = notifier.send(sample_notification(severity=Severity.CRITICAL))

    sent = json.loads(receiver.requests[0].body)
    assert (sent["routing_key"], sent["event_action"]) == ("R0UT1NG", "trigger")
    assert sent["dedup_key"] == "5f1d0c2e-1222819200000000"
    assert sent["payload"]["severity"] == "critical"
    assert sent["payload"]["summary"] == "accuracy-fell: accuracy of momentum is 0.61, below 0.8"
    assert sent["payload"]["source"] == "momentum"
    assert sent["payload"]["timestamp"] == "2008-11-01T00:00:00Z"
    assert sent["payload"]["custom_details"]["measured"] == (
        "accuracy 0.61 (threshold 0.8, 500 samples); ks{feature=vol10} undefined: vol10 is empty"
    )
    assert sent["links"] == [{"href": "https://runbook.example/accuracy", "text": "run book"}]
    assert delivery.thread == "5f1d0c2e-1222819200000000"
    assert (delivery.receiver, delivery.detail) == ("pagerduty", "202 5f1d0c2e-1222819200000000")


@pytest.mark.parametrize(
    ("state", "action"),
    [
        (AlertState.FIRING, "trigger"),
        (AlertState.PENDING, "trigger"),
        (AlertState.RECOVERING, "trigger"),
        (AlertState.ACKNOWLEDGED, "acknowledge"),
        (AlertState.RESOLVED, "resolve"),
    ],
)
def test_every_state_is_an_action_on_the_same_incident(state, action):
    found = event(sample_notification(state=state), "R")

    assert (found["event_action"], found["dedup_key"]) == (action, "5f1d0c2e-1222819200000000")


def test_another_firing_is_another_incident():
    later = sample_notification()
    later = attrs.evolve(later, alert=attrs.evolve(later.alert, since_us=later.alert.since_us + 1))

    assert event(later, "R")["dedup_key"] != event(sample_notification(), "R")["dedup_key"]


def test_long_texts_stay_within_what_the_api_takes():
    long = sample_notification(summary="x" * 9_000)
    long = attrs.evolve(long, alert=attrs.evolve(long.alert, fingerprint="f" * 300))

    found = event(long, "R")

    assert len(found["payload"]["summary"]) <= 1_024
    assert len(found["dedup_key"]) == 255


def test_no_run_book_no_link():
    assert event(attrs.evolve(sample_notification(), link=None), "R")["links"] == []


@pytest.mark.parametrize(("status", "error"), [(400, DeliveryRefused), (429, DeliveryDelayed), (500, DeliveryDelayed)])
def test_an_answer_other_than_accepted(receiver, notifier, status, error):
    receiver.answer = lambda _request: Answer(status, body=b'{"status":"invalid event"}')

    with pytest.raises(error, match=f"answered {status}: "):
        notifier.send(sample_notification())


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, b"<h1>Please log in</h1>", "'<h1>Please log in</h1>'"),
        (200, b"", "an empty answer"),
        (200, b'["success"]', "'[\"success\"]'"),
        (200, b'{"status":"queued"}', '\'{"status":"queued"}\''),
        (204, b"", "an empty answer"),
    ],
)
def test_a_2xx_that_is_not_pagerdutys_swallows_no_page(receiver, notifier, status, body, found):
    receiver.answer = lambda _request: Answer(status, body=body)

    with pytest.raises(DeliveryDelayed) as caught:
        notifier.send(sample_notification())
    told = f"/… answered {status}, expected 202 or the status success; found {found}; something between"
    assert told in str(caught.value)


@pytest.mark.parametrize("answer", [Answer(202, body=b""), Answer(200, body=b'{"status": "success"}')])
def test_either_the_status_or_the_answer_is_acceptance(receiver, notifier, answer):
    receiver.answer = lambda _request: answer

    assert notifier.send(sample_notification()).detail.startswith(f"{answer.status} ")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"routing_key": " "}, "routing_key: expected the service's integration key, found an empty text"),
        ({"url": "events"}, "url: expected http:// or https:// and a host"),
        ({"timeout_seconds": 60.0}, "timeout_seconds: expected more than 0 and less than 60, found 60"),
        ({"timeout_seconds": 0.0}, "timeout_seconds: expected more than 0 and less than 60, found 0"),
    ],
)
def test_options_that_cannot_work_are_an_error_at_once(settings, message):
    with pytest.raises(ConfigError, match=message):
        build(Options(**{"routing_key": "R", **settings}))


def test_the_options_do_not_show_the_key():
    assert "R0UT1NG" not in repr(Options("R0UT1NG"))


def test_it_announces_itself():
    assert [plugin.title for plugin in watchkeeper_notifiers()] == ["notifier.pagerduty"]
