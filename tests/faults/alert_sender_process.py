"""A process to be killed: raises alerts, one a model, and delivers them, until there is nothing left to do.

Prints the number of each alert after it is stored, and ``done`` at the end.
"""

import argparse
import random

from watchkeeper.alerting import Alerting, Patience, Rule, Sender, parsed
from watchkeeper.clock import SystemClock
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper_plugins.notifiers import webhook
from watchkeeper_plugins.storage import sqlite

PATIENCE = Patience(first_seconds=0.1, longest_seconds=0.5, lease_seconds=3.0)
TIMEOUT_SECONDS = 0.3
SENDERS = 4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("url")
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    given = parser.parse_args()
    storage = sqlite.build(sqlite.SqliteOptions(given.store))
    notifier = webhook.build(webhook.Options(given.url, timeout_seconds=TIMEOUT_SECONDS))
    rule = Rule(name="accuracy-fell", condition=parsed("accuracy < 0.8"), receivers=("ops",))
    alerting = Alerting(storage, SystemClock(), [rule])
    courier = alerting.courier({"ops": notifier}, attempt, rng=random.Random(), patience=PATIENCE)  # noqa: S311 - chance
    sender = Sender(courier, threads=SENDERS, poll_seconds=0.05)
    sender.start()
    for at in range(given.first, given.count):
        model = f"model-{at}"
        alerting.evaluate(model, [Measurement("accuracy", Value.of(0.6), model, None, Window(0, 1))])
        print(at, flush=True)
    while alerting.outbox.waiting(limit=1):
        alerting.outbox.wait(0, 0.05)
    sender.stop()
    storage.close()
    print("done", flush=True)


if __name__ == "__main__":
    main()
