"""A process that says something about every open alert, one after another, and again; prints how often it got in."""

import argparse

from watchkeeper.alerting import Alerting
from watchkeeper.clock import SystemClock
from watchkeeper_plugins.storage import sqlite


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("name")
    parser.add_argument("rounds", type=int)
    given = parser.parse_args()
    storage = sqlite.build(sqlite.SqliteOptions(given.store))
    alerting = Alerting(storage, SystemClock())
    fingerprints = [alert.fingerprint for alert in alerting.alerts() if alert.rule == "r"]
    print("begun", flush=True)
    said = [alerting.comment(one, given.name, f"{at}") for at in range(given.rounds) for one in fingerprints]
    print(len(said), flush=True)
    storage.close()


if __name__ == "__main__":
    main()
