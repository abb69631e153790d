"""A process that dies of SIGKILL at a named point on the way of an alert from the rule to the receiver.

Raises an alert for each of three models, with two receivers each, and delivers them. The steps are ``commit`` (alert,
log entry and letters), ``lease``, ``send`` and ``mark``; the points ``before-``, ``within-`` and ``after-`` a step, at
its second occurrence, so that something is done already. ``none`` lives on. Prints ``done`` at the end.
"""

import argparse
import os
import random
import signal

from watchkeeper.alerting import Alerting, Patience, Rule, parsed
from watchkeeper.alerting.letters import OUTBOX
from watchkeeper.alerting.record import ALERTS
from watchkeeper.clock import SystemClock
from watchkeeper.contracts.storage import Delete, Put
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper_plugins.notifiers import webhook
from watchkeeper_plugins.storage import sqlite
from watchkeeper_plugins.storage.sqlite_store import documents

MODELS = ("carry", "momentum", "value")
OCCURRENCE = 2
PATIENCE = Patience(first_seconds=0.05, longest_seconds=0.1, lease_seconds=0.6, batch=2)


class Death:
    """Kills this process when a point is reached for the second time."""

    def __init__(self, point):
        self.point = point
        self.reached = 0
        self.step = None

    def reach(self, point):
        if point == self.point:
            self.reached += 1
            if self.reached == OCCURRENCE:
                os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """A store that can die around and within a commit."""

    def __init__(self, storage, death):
        self._storage = storage
        self._death = death

    def __getattr__(self, name):
        return getattr(self._storage, name)

    def commit(self, operations, *arguments, **settings):
        self._death.step = step_of(operations)
        self._death.reach(f"before-{self._death.step}")
        receipt = self._storage.commit(operations, *arguments, **settings)
        self._death.reach(f"after-{step_of(operations)}")
        return receipt


class MortalNotifier:
    """A notifier that can die before it sends, and after the receiver has accepted."""

    def __init__(self, notifier, death):
        self._notifier = notifier
        self._death = death

    def send(self, notification):
        self._death.reach("before-send")
        delivery = self._notifier.send(notification)
        self._death.reach("after-send")
        return delivery

    def close(self):
        self._notifier.close()


def step_of(operations):
    for one in operations:
        if isinstance(one, Put) and one.namespace == ALERTS:
            return "commit"
        if isinstance(one, Put) and one.namespace == OUTBOX and one.value["is_leased"]:
            return "lease"
        if isinstance(one, Delete) and one.namespace == OUTBOX:
            return "mark"
    return "other"


def die_within_transactions(death):
    """After the first write of a transaction, before the others and before its end."""
    for name in ("put", "delete"):
        real = getattr(documents, name)

        def mortal(connection, operation, real=real):
            found = real(connection, operation)
            death.reach(f"within-{death.step}")
            death.step = "other"
            return found

        setattr(documents, name, mortal)


def deliver(courier):
    """One receiver after the other, so that whoever dies was doing one thing."""
    for receiver in courier.notifiers:
        courier.deliver_to(receiver)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("url")
    parser.add_argument("point")
    given = parser.parse_args()
    death = Death(given.point)
    die_within_transactions(death)
    storage = Mortal(sqlite.build(sqlite.SqliteOptions(given.store)), death)
    notifiers = {
        name: MortalNotifier(webhook.build(webhook.Options(f"{given.url}/{name}")), death) for name in ("mail", "ops")
    }
    rule = Rule(name="accuracy-fell", condition=parsed("accuracy < 0.8"), receivers=tuple(notifiers))
    alerting = Alerting(storage, SystemClock(), [rule])
    courier = alerting.courier(notifiers, attempt, rng=random.Random(1), patience=PATIENCE)  # noqa: S311 - spreads retries
    for model in MODELS:
        alerting.evaluate(model, [Measurement("accuracy", Value.of(0.6), model, None, Window(0, 1))])
        deliver(courier)
    while alerting.outbox.waiting(limit=1):
        deliver(courier)
        alerting.outbox.wait(0, 0.02)
    storage.close()
    print("done", flush=True)


if __name__ == "__main__":
    main()
