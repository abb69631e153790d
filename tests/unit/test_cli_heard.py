"""What `watchkeeper run` says about notifications that do not arrive."""

import pytest

from watchkeeper.alerting import DeliveryReport, Undelivered
from watchkeeper.cli.heard import Heard
from watchkeeper.domain.alert import Delivery


@pytest.fixture
def desk():
    class Desk:
        def __init__(self):
            self.said, self.seconds = [], 0.0
            self.heard = Heard(self.said.append, lambda: self.seconds)

        def missed(self, *missed):
            self.heard(DeliveryReport(undelivered=tuple(Undelivered(*one) for one in missed)))

    return Desk()


def test_a_reason_is_said_once_however_often_it_is_tried(desk):
    desk.missed(("ops", "a", "503", False), ("ops", "b", "503", False))
    desk.missed(("ops", "a", "503", False))
    desk.missed(("ops", "a", "timeout", False), ("mail", "a", "503", False))

    assert desk.said == [
        "not delivered to ops, tried again later: 503",
        "not delivered to ops, tried again later: timeout",
        "not delivered to mail, tried again later: 503",
    ]


def test_a_reason_that_lasts_is_said_again_after_ten_minutes(desk):
    for _ in range(25):
        desk.missed(("ops", "a", "503", False))
        desk.seconds += 60

    assert len(desk.said) == 3


def test_what_is_given_up_is_always_said(desk):
    desk.missed(("ops", "a", "404", True), ("ops", "b", "404", True))

    assert desk.said == ["given up, not delivered to ops: 404; `watchkeeper alerts dead`"] * 2


def test_what_arrives_is_not_talked_about(desk):
    desk.heard(DeliveryReport(delivered=(Delivery("ops"),)))
    desk.heard.tell_dead(0)

    assert desk.said == []


def test_what_was_given_up_earlier_is_told_at_the_start(desk):
    desk.heard.tell_dead(3)

    assert desk.said == ["3 notifications were given up earlier: `watchkeeper alerts dead` lists them"]
