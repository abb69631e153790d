"""What is sent later than it was meant tells how things stand by then, and opens nothing that nobody closes."""

import json
import random

import pytest

from watchkeeper.alerting import Alerting, Grouping, Rule, parsed
from watchkeeper.alerting.letters import Letter
from watchkeeper.domain.alert import AlertState, Delivery
from watchkeeper.domain.errors import DeliveryDelayed, DeliveryRefused, UsageError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.http_receiver import Answer, HttpReceiver
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper.testing.notifier import sample_notification
from watchkeeper_plugins.notifiers import pagerduty


class PagerDuty:
    """Keeps incidents as the service does: an event of one that is not open opens it only when it is a trigger."""

    def __init__(self):
        self.status = 202
        self.open = {}
        self.opened = 0

    def __call__(self, request):
        if self.status != 202:
            return Answer(self.status)
        event = json.loads(request.body)
        key, action = event["dedup_key"], event["event_action"]
        if action == "trigger":
            self.opened += key not in self.open
            self.open[key] = "triggered"
        elif key in self.open and action == "resolve":
            del self.open[key]
        elif key in self.open:
            self.open[key] = "acknowledged"
        return Answer(202)


class Told:
    """Refuses or delays as it is told to, then accepts."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.notifications = []

    def send(self, notification):
        self.notifications.append(notification)
        if self.answers:
            raise self.answers.pop(0)
        return Delivery("told")

    def close(self):
        pass

    @property
    def states(self):
        return [notification.alert.state.value for notification in self.notifications]


class Desk:
    def __init__(self, notifiers, fallback=None, grouping=None, names=("r",)):
        self.clock = FakeClock()
        self.storage = MemoryStorage()
        self.notifiers = notifiers
        self.fallback = fallback
        rules = [
            Rule(name=name, condition=parsed(f"accuracy{at or ''} < 0.8"), receivers=("ops",))
            for at, name in enumerate(names)
        ]
        self.alerting = Alerting(self.storage, self.clock, rules, grouping=grouping)
        self.outbox = self.alerting.outbox

    def check(self, *numbers):
        found = [
            Measurement(f"accuracy{at or ''}", Value.of(number), "momentum", None, Window(0, 1))
            for at, number in enumerate(numbers)
        ]
        self.alerting.evaluate("momentum", found)

    def deliver(self, after_seconds=1.0):
        self.clock.advance(after_seconds)
        rng = random.Random(1)  # noqa: S311 - spreads retries
        return self.alerting.courier(self.notifiers, attempt, rng=rng, fallback=self.fallback).deliver()

    def send_again(self):
        for letter in self.outbox.dead_letters():
            self.outbox.send_again(letter.key, self.clock.now_us(), by="ada")


@pytest.fixture
def service():
    found = PagerDuty()
    with HttpReceiver(found) as receiver:
        notifier = pagerduty.build(pagerduty.Options("R0UT1NG", url=receiver.url))
        found.notifier = notifier
        yield found
        notifier.close()


def undelivered(service):
    """A desk whose alert fires, and whose service has refused to hear of it."""
    desk = Desk({"ops": service.notifier})
    service.status = 400
    desk.check(0.6)
    desk.deliver()
    return desk


def test_a_firing_that_is_sent_again_after_its_end_opens_no_incident(service):
    desk = undelivered(service)
    service.status = 202
    desk.check(0.9)
    desk.deliver()

    desk.send_again()
    report = desk.deliver()

    assert len(report.delivered) == 1
    assert (service.open, service.opened) == ({}, 0)


def test_a_firing_that_is_sent_again_while_it_lasts_opens_its_incident(service):
    desk = undelivered(service)
    service.status = 202

    desk.send_again()
    desk.deliver()

    assert list(service.open.values()) == ["triggered"]
    desk.check(0.9)
    desk.deliver()
    assert service.open == {}


def test_what_ends_after_it_was_asked_to_be_sent_again_and_before_it_is_sent_opens_nothing(service):
    desk = undelivered(service)
    desk.send_again()
    service.status = 503
    desk.deliver()
    desk.check(0.9)
    service.status = 202

    for _ in range(5):
        desk.deliver(60)

    assert (service.open, service.opened) == ({}, 0)


def test_what_ends_while_it_is_sent_again_is_closed_though_its_end_was_told_before(service):
    class Slow:
        """The end of the alert is told before this attempt arrives."""

        def send(self, notification):
            if notification.alert.state is AlertState.FIRING and service.status == 202:
                desk.check(0.9)
                desk.deliver()
            return service.notifier.send(notification)

        def close(self):
            pass

    desk = Desk({"ops": Slow()})
    service.status = 400
    desk.check(0.6)
    desk.deliver()
    service.status = 202
    desk.send_again()
    desk.deliver()
    assert service.opened == 1, "the end has overtaken the beginning"

    desk.deliver()

    assert service.open == {}
    assert desk.outbox.waiting() == ()


def test_it_says_what_it_was_and_since_when_it_is_over():
    ops = Told(DeliveryRefused("404"))
    desk = Desk({"ops": ops})
    desk.check(0.6)
    desk.deliver()
    desk.clock.advance(3_600)
    desk.check(0.9)
    desk.deliver()
    desk.send_again()
    desk.deliver()

    told = ops.notifications[-1]
    assert told.alert.state is AlertState.RESOLVED
    assert told.alert.summary == ops.notifications[0].alert.summary
    assert told.key == ops.notifications[0].key
    assert told.reason == (
        "it comes late: this was firing at 2008-09-15T00:00:00Z, and is resolved since 2008-09-15T01:00:01Z"
    )
    assert told.next_step == ""


def test_what_somebody_has_acknowledged_meanwhile_is_told_as_that():
    ops = Told(DeliveryRefused("404"))
    desk = Desk({"ops": ops})
    desk.check(0.6)
    desk.deliver()
    (alert,) = desk.alerting.alerts()
    desk.alerting.acknowledge(alert.fingerprint, "ada", "on it")
    desk.send_again()
    desk.deliver()

    told = ops.notifications[-1].alert
    assert (told.state, told.by, told.comment) == (AlertState.ACKNOWLEDGED, "ada", "on it")


def test_an_earlier_firing_is_over_though_the_alert_fires_anew(service):
    desk = undelivered(service)
    service.status = 202
    desk.check(0.9)
    desk.deliver()
    desk.check(0.6)
    desk.deliver()
    (now_open,) = service.open

    desk.send_again()
    desk.deliver()

    assert list(service.open) == [now_open]
    assert service.opened == 1


def test_of_a_message_about_several_alerts_what_still_fires_leads():
    ops = Told(DeliveryRefused("404"))
    desk = Desk({"ops": ops}, grouping=Grouping(("model",)), names=("first", "second"))
    desk.check(0.6, 0.6)
    desk.deliver()
    lead, (other,) = ops.notifications[0].alert, ops.notifications[0].others
    desk.check(*((0.9, 0.6) if lead.rule == "first" else (0.6, 0.9)))
    desk.deliver()
    desk.send_again()
    desk.deliver()

    told = ops.notifications[-1]
    assert [(one.rule, one.state.value) for one in (told.alert, *told.others)] == [
        (other.rule, "firing"),
        (lead.rule, "resolved"),
    ]
    assert told.measurements == ()


def test_what_nothing_tells_whether_it_is_still_so_is_not_sent_again():
    desk = Desk({"ops": Told(DeliveryRefused("404"))})
    now = desk.clock.now_us()
    desk.outbox.write(Letter("ops", sample_notification("stuck"), now, now))
    desk.deliver()

    with pytest.raises(
        UsageError,
        match=r"'stuck' says of 2008-11-01T00:00:00Z: accuracy of momentum is 0.61, below 0.8; nothing tells whether "
        "that is still so, and it is not sent again: `watchkeeper doctor` shows how things are",
    ):
        desk.send_again()
    assert [letter.key for letter in desk.outbox.dead_letters()] == ["stuck"]


def test_the_end_of_what_nothing_is_kept_of_can_be_sent_again():
    ops = Told(DeliveryRefused("404"))
    desk = Desk({"ops": ops})
    now = desk.clock.now_us()
    desk.outbox.write(Letter("ops", sample_notification("over", state=AlertState.RESOLVED), now, now))
    desk.deliver()
    desk.send_again()

    assert len(desk.deliver().delivered) == 1


def test_the_fallback_hears_of_the_end_as_of_the_beginning(service):
    desk = Desk({"ops": Told(DeliveryRefused("404")), "pager": service.notifier}, fallback="pager")
    desk.check(0.6)
    desk.deliver()
    desk.deliver()
    assert list(service.open.values()) == ["triggered"]

    desk.check(0.9)
    desk.deliver()
    desk.deliver()

    assert service.open == {}
    assert desk.outbox.waiting() == ()


def test_the_fallback_hears_of_an_end_that_cannot_be_delivered_either_and_hears_it_once():
    mail = Told(DeliveryDelayed("503", retry_after_seconds=60.0))
    desk = Desk({"ops": Told(DeliveryRefused("404"), DeliveryRefused("404")), "mail": mail}, fallback="mail")
    desk.check(0.6)
    desk.deliver()
    desk.deliver()
    desk.check(0.9)
    for _ in range(4):
        desk.deliver(61)

    assert mail.states == ["firing", "resolved", "resolved"], "delayed; by then it was over; and the end itself"


def test_the_fallback_of_what_has_ended_before_it_was_given_up_opens_nothing(service):
    ops = Told(*[DeliveryDelayed("503")] * 2000)
    desk = Desk({"ops": ops, "pager": service.notifier}, fallback="pager")
    desk.check(0.6)
    desk.deliver()
    desk.check(0.9)
    desk.deliver(86_400)
    desk.deliver()

    assert ops.states == ["firing", "firing", "resolved"], "the last attempt with the beginning is after a day"
    assert (service.open, service.opened) == ({}, 0)
