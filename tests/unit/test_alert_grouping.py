"""One message for what belongs together: what joins, what waits, what does not."""

import re

import attrs
import pytest

from watchkeeper.alerting import Alerting, Grouping, Matcher, Rule, parsed
from watchkeeper.alerting.standing import standing_now, states
from watchkeeper.domain.alert import Delivery, Severity
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.plain import notification_of, plain_notification
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.domain.wording import block
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers import pagerduty, slack
from watchkeeper_plugins.notifiers.mail_message import mail

SECOND = 1_000_000


class Receiver:
    def __init__(self):
        self.notifications = []
        self.answers = []

    def send(self, notification):
        self.notifications.append(notification)
        if self.answers:
            raise self.answers.pop(0)
        return Delivery("ops")

    def close(self):
        pass

    def told(self):
        """For each message the alerts in it, the main one first: ``rule@model state``."""
        return [
            [f"{one.rule}@{one.model} {one.state}" for one in (message.alert, *message.others)]
            for message in self.notifications
        ]


class Desk:
    def __init__(self, grouping, critical=()):
        self.clock = FakeClock()
        self.storage = MemoryStorage()
        self.receiver = Receiver()
        rules = [
            Rule(
                name=name,
                next_step=f"Do {name}." if name == "b" else "",
                link=f"https://wiki.example/{name}" if name == "b" else None,
                condition=parsed(f"{name} < 0.5"),
                receivers=("ops",),
                severity=Severity.CRITICAL if name in critical else Severity.WARNING,
            )
            for name in ("a", "b", "c")
        ]
        self.alerting = Alerting(self.storage, self.clock, rules, grouping=grouping)

    def check(self, model="m", **numbers):
        """0 fires, 1 does not."""
        measurements = [
            Measurement(name, Value.of(value), model, None, Window(0, 1)) for name, value in numbers.items()
        ]
        self.alerting.evaluate(model, measurements)

    def deliver(self, after_seconds=0):
        self.clock.advance(after_seconds)
        return self.alerting.deliver({"ops": self.receiver}, attempt)


def test_without_grouping_each_alert_has_its_own_message():
    desk = Desk(None)
    desk.check(a=0, b=0)
    desk.deliver()

    assert desk.receiver.told() == [["a@m firing"], ["b@m firing"]]


def test_what_one_check_finds_about_a_model_is_one_message():
    desk = Desk(Grouping())
    desk.check(a=0, b=0, c=0)
    desk.deliver()

    assert desk.receiver.told() == [["a@m firing", "b@m firing", "c@m firing"]]
    assert desk.alerting.outbox.waiting() == ()


def test_the_most_serious_alert_leads():
    desk = Desk(Grouping(), critical={"b"})
    desk.check(a=0, b=0)
    desk.deliver()

    assert desk.receiver.told() == [["b@m firing", "a@m firing"]]
    assert desk.receiver.notifications[0].measurements[0].name == "b"


def test_of_each_alert_the_message_says_what_to_do():
    desk = Desk(Grouping(), critical={"c"})
    desk.check(a=0, b=0, c=0)
    desk.deliver()

    (message,) = desk.receiver.notifications
    told = block(message)
    assert "⚠ WARNING b: m: b 0 < 0.5 (next: Do b.; runbook: https://wiki.example/b)\n" in told
    assert "⚠ WARNING a: m: a 0 < 0.5\n" in told
    assert message.next_step == "", "of c, which leads"
    assert notification_of(plain_notification(message)) == message


def test_who_leads_later_keeps_what_belongs_beside_it():
    desk = Desk(Grouping(wait_us=60 * SECOND), critical=())
    desk.check(a=0, b=0)
    desk.check(a=1, b=0)
    desk.deliver(60)

    (message,) = desk.receiver.notifications
    assert (message.alert.rule, message.next_step, message.link) == ("b", "Do b.", "https://wiki.example/b")
    assert [other.rule for other in message.others] == ["a"]


def test_why_one_of_the_others_is_told_is_said():
    desk = Desk(Grouping(), critical={"c"})
    desk.alerting.silences.add(
        [Matcher.parse("rule!=c")], desk.clock.now_us() + 60 * SECOND, by="ada", comment="backfill"
    )
    desk.check(a=0)
    desk.clock.advance(60)
    desk.check(a=0, c=0)
    desk.deliver()

    (message,) = desk.receiver.notifications
    assert "a: m: a 0 < 0.5 (why now: until now it was silenced by ada until 2008-09-15T00:01:00Z: backfill)" in block(
        message
    )
    own = [(one.alert.rule, one.reason[:20]) for one in pagerduty.each_alert(message)]
    assert own == [("c", ""), ("a", "until now it was sil")]


def test_what_begins_and_what_is_over_go_together_and_the_open_one_leads():
    desk = Desk(Grouping())
    desk.check(a=0)
    desk.deliver(1)
    desk.check(a=1, b=0)
    desk.deliver(1)

    assert desk.receiver.told() == [["a@m firing"], ["b@m firing", "a@m resolved"]]


def test_another_model_is_another_message():
    desk = Desk(Grouping(("model",), wait_us=5 * SECOND))
    desk.check(a=0)
    desk.check(model="n", a=0)
    desk.deliver(5)

    assert sorted(desk.receiver.told()) == [["a@m firing"], ["a@n firing"]]


def test_groups_can_be_made_by_other_labels():
    desk = Desk(Grouping(("rule",), wait_us=5 * SECOND))
    desk.check(a=0, b=0)
    desk.check(model="n", a=0)
    desk.deliver(5)

    assert sorted(desk.receiver.told()) == [["a@m firing", "a@n firing"], ["b@m firing"]]


def test_a_message_waits_for_more():
    desk = Desk(Grouping(wait_us=10 * SECOND))
    desk.check(a=0)
    assert desk.deliver(5).delivered == ()
    desk.check(a=0, b=0)
    assert desk.deliver(4).delivered == ()
    desk.deliver(1)

    assert desk.receiver.told() == [["a@m firing", "b@m firing"]], "ten seconds after the first, not after the last"


def test_the_next_message_about_a_group_keeps_a_distance():
    desk = Desk(Grouping(interval_us=60 * SECOND))
    desk.check(a=0)
    desk.deliver()
    desk.clock.advance(10)
    desk.check(a=0, b=0)
    desk.clock.advance(10)
    desk.check(a=0, b=0, c=0)

    assert desk.deliver(39).delivered == ()
    desk.deliver(1)

    assert desk.receiver.told() == [["a@m firing"], ["b@m firing", "c@m firing"]]


def test_a_critical_alert_waits_for_nothing_and_takes_along_what_waits():
    desk = Desk(Grouping(wait_us=60 * SECOND, interval_us=600 * SECOND), critical={"c"})
    desk.check(a=0)
    desk.check(a=0, c=0)
    desk.deliver()

    assert desk.receiver.told() == [["c@m firing", "a@m firing"]]


def test_the_end_of_a_critical_alert_can_wait():
    desk = Desk(Grouping(interval_us=60 * SECOND), critical={"a"})
    desk.check(a=0)
    desk.deliver()
    desk.check(a=1)

    assert desk.deliver(59).delivered == ()
    assert len(desk.deliver(1).delivered) == 1


def test_what_begins_and_ends_while_the_message_waits_is_told_once_as_over():
    desk = Desk(Grouping(wait_us=60 * SECOND))
    desk.check(a=0)
    desk.check(a=1)
    desk.deliver(60)

    assert desk.receiver.told() == [["a@m resolved"]]


def test_what_has_been_tried_does_not_change_any_more():
    desk = Desk(Grouping())
    desk.receiver.answers = [DeliveryDelayed("503", retry_after_seconds=10.0)]
    desk.check(a=0)
    desk.deliver()
    desk.check(a=0, b=0)
    desk.deliver(20)
    desk.deliver(20)

    keys = [notification.key for notification in desk.receiver.notifications]
    assert desk.receiver.told() in (
        [["a@m firing"], ["a@m firing"], ["b@m firing"]],
        [["a@m firing"], ["b@m firing"], ["a@m firing"]],
    )
    assert len(set(keys)) == 2, "a retry is the same message with the same key"


def test_the_end_does_not_overtake_the_beginning_in_groups_either():
    desk = Desk(Grouping())
    desk.receiver.answers = [DeliveryDelayed("503", retry_after_seconds=60.0)]
    desk.check(a=0, b=0)
    desk.deliver()
    desk.check(a=1, b=0)

    assert desk.deliver(30).delivered == ()
    desk.deliver(60)
    desk.deliver(1)

    assert desk.receiver.told()[1:] == [["a@m firing", "b@m firing"], ["a@m resolved"]]


def test_each_receiver_has_its_own_message():
    desk = Desk(Grouping())
    rules = [Rule(name=name, condition=parsed(f"{name} < 0.5"), receivers=("ops", name)) for name in ("a", "b")]
    alerting = Alerting(desk.storage, desk.clock, rules, grouping=Grouping())
    alerting.evaluate("m", [Measurement(name, Value.of(0), "m", None, Window(0, 1)) for name in ("a", "b")])

    letters = alerting.outbox.waiting()

    assert {(letter.receiver, 1 + len(letter.notification.others)) for letter in letters} == {
        ("ops", 2),
        ("a", 1),
        ("b", 1),
    }


def test_a_grouped_message_survives_the_store():
    other = sample_notification().alert
    notification = attrs.evolve(sample_notification(), others=(other, attrs.evolve(other, rule="b")))

    assert notification_of(plain_notification(notification)) == notification


def test_a_reader_sees_ten_of_the_others_and_how_many_more_there_are():
    others = tuple(attrs.evolve(sample_notification().alert, rule=f"rule-{at}") for at in range(13))

    text = block(attrs.evolve(sample_notification(), others=others))

    assert "also      ⚠ WARNING rule-0: accuracy of momentum is 0.61, below 0.8" in text
    assert "rule-9" in text
    assert "rule-10" not in text
    assert "and 3 more" in text


def test_pagerduty_opens_an_incident_for_each_alert():
    other = attrs.evolve(sample_notification().alert, fingerprint="other")
    with HttpReceiver(lambda _request: Answer(202)) as receiver:
        notifier = pagerduty.build(pagerduty.Options("R", url=receiver.url))
        notifier.send(attrs.evolve(sample_notification(), others=(other,)))
        notifier.close()
        keys = [re.search(rb'"dedup_key": "([^"]+)"', request.body)[1] for request in receiver.requests]

    assert keys == [b"5f1d0c2e-1222819200000000", b"other-1222819200000000"]


def test_slack_leaves_a_message_about_several_alerts_as_it_is():
    other = attrs.evolve(sample_notification().alert, fingerprint="other")
    with HttpReceiver() as receiver:
        receiver.answer = lambda _request: Answer(200, body=b'{"ok": true, "channel": "C", "ts": "1"}')
        notifier = slack.build(slack.Options(token="t", channel="#ops", api_url=receiver.url))  # noqa: S106 - a test's
        delivery = notifier.send(attrs.evolve(sample_notification(), others=(other,), thread="C:1"))
        notifier.close()

    assert delivery.thread is None
    assert receiver.requests[0].path.endswith("/chat.postMessage")
    assert b"thread_ts" not in receiver.requests[0].body


@pytest.mark.parametrize("name", ["wait_us", "interval_us"])
def test_a_negative_wait_is_refused(name):
    with pytest.raises(ConfigError, match=f"grouping: {name}: expected at least 0, found -1"):
        Grouping(**{name: -1})


def test_messages_whose_alerts_change_places_do_not_wait_for_each_other():
    desk = Desk(Grouping(("version",), wait_us=60 * SECOND))
    desk.alerting = Alerting(
        desk.storage,
        desk.clock,
        [Rule(name="a", condition=parsed("a < 0.5"), receivers=("ops",), repeat_us=20 * SECOND)],
        grouping=Grouping(("version",), wait_us=60 * SECOND),
    )

    def check(model, version):
        desk.alerting.evaluate(model, [Measurement("a", Value.of(0.0), model, version, Window(0, 1))])

    check("m", "1")
    check("n", "2")
    desk.clock.advance(30)
    check("m", "2")
    check("n", "1")

    for _ in range(5):
        desk.deliver(60)

    assert desk.alerting.outbox.waiting() == ()
    assert {told for message in desk.receiver.told() for told in message} == {"a@m firing", "a@n firing"}


def test_what_still_fires_leads_when_the_leading_alert_is_over_before_the_message_is_sent():
    desk = Desk(Grouping(("model",), wait_us=600 * SECOND))
    desk.check(a=0, b=0)
    desk.clock.advance(60)
    desk.check(a=1, b=0)

    desk.deliver(600)

    assert desk.receiver.told() == [["b@m firing", "a@m resolved"]]
    assert desk.receiver.notifications[0].measurements == ()


def twice(desk):
    """It fires and that is told; its end waits, and so does the next firing; give the message about both."""
    desk.check(a=0)
    desk.deliver()
    for value in (1, 0):
        desk.clock.advance(60)
        desk.check(a=value)
    desk.deliver(600)
    return desk.receiver.notifications[-1]


def test_the_end_of_a_firing_and_the_next_firing_are_told_side_by_side():
    desk = Desk(Grouping(interval_us=600 * SECOND))
    message = twice(desk)
    desk.check(a=1)
    desk.deliver(600)

    assert desk.receiver.told() == [["a@m firing"], ["a@m firing", "a@m resolved"], ["a@m resolved"]]
    first, (again, ended), last = (
        [one.since_us for one in (message.alert, *message.others)] for message in desk.receiver.notifications
    )
    assert (first, last) == ([ended], [again])
    told = mail(message, "watchkeeper@example", ["ops@example"], "").get_body(("plain",)).get_content()
    assert "⚠ WARNING a: m: a 0 < 0.5" in told
    assert "RESOLVED a: m: " in told
    assert notification_of(plain_notification(message)) == message


def test_every_incident_is_closed_that_was_opened_though_messages_wait():
    desk = Desk(Grouping(interval_us=600 * SECOND))
    twice(desk)
    desk.check(a=1)
    desk.deliver(600)

    events = [
        (event["dedup_key"], event["event_action"])
        for message in desk.receiver.notifications
        for event in (pagerduty.event(one, "key") for one in pagerduty.each_alert(message))
    ]
    opened = [key for key, action in events if action == "trigger"]
    closed = [key for key, action in events if action == "resolve"]
    assert len(set(opened)) == 2
    assert sorted(opened) == sorted(closed)


def test_slack_says_of_each_firing_how_it_stands():
    content = slack.message(twice(Desk(Grouping(interval_us=600 * SECOND))))

    assert content["text"].startswith("⚠ WARNING a")
    assert "RESOLVED a" in content["blocks"][1]["text"]["text"]


def test_what_belongs_beside_a_firing_does_not_stand_beside_its_earlier_one():
    desk = Desk(Grouping(interval_us=600 * SECOND))
    desk.check(b=0)
    desk.deliver()
    for value in (1, 0):
        desk.clock.advance(60)
        desk.check(b=value)
    desk.check(a=0, b=0)
    desk.deliver(600)

    message = desk.receiver.notifications[-1]
    beside = {(other.rule, other.state): message.beside(other).next_step for other in message.others}
    assert {**beside, ("b", message.alert.state): message.next_step}["b", "firing"] == "Do b."
    assert beside["b", "resolved"] == ""


def test_late_news_of_two_firings_tells_how_each_stands():
    desk = Desk(Grouping(interval_us=600 * SECOND))
    message = twice(desk)
    desk.check(a=1)

    now = standing_now(message, desk.storage)
    assert sorted(states(now).items()) == [
        (alert.firing, "resolved") for alert in sorted([message.alert, *message.others], key=lambda one: one.since_us)
    ]
