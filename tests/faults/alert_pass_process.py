"""A process that checks one model, makes one pass over the outbox and dies of SIGKILL, on a clock that a test sets.

``after-send`` dies when the receiver has accepted and nothing is noted yet, ``after-pass`` when all is noted.
"""

import argparse
import os
import random
import signal

from watchkeeper.alerting import Alerting, Rule, parsed
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper_plugins.notifiers import webhook
from watchkeeper_plugins.storage import sqlite


class Mortal:
    """A notifier whose process dies when the receiver has accepted."""

    def __init__(self, notifier):
        self._notifier = notifier

    def send(self, notification):
        self._notifier.send(notification)
        die()

    def close(self):
        self._notifier.close()


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("url")
    parser.add_argument("now_us", type=int)
    parser.add_argument("point", choices=("after-send", "after-pass"))
    given = parser.parse_args()
    storage = sqlite.build(sqlite.SqliteOptions(given.store))
    notifiers = {name: webhook.build(webhook.Options(f"{given.url}/{name}")) for name in ("ops", "mail")}
    if given.point == "after-send":
        notifiers = {name: Mortal(notifier) for name, notifier in notifiers.items()}
    rule = Rule(name="accuracy-fell", condition=parsed("accuracy < 0.8"), receivers=("ops",))
    alerting = Alerting(storage, FakeClock(given.now_us), [rule])
    alerting.evaluate("momentum", [Measurement("accuracy", Value.of(0.6), "momentum", None, Window(0, 1))])
    courier = alerting.courier(notifiers, attempt, rng=random.Random(1), fallback="mail")  # noqa: S311 - spreads retries
    for receiver in notifiers:
        courier.deliver_to(receiver)
    die()


if __name__ == "__main__":
    main()
