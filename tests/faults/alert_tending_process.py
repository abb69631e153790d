"""A process that tells what a silence held back, and dies of SIGKILL at a named point of its second commit, or lives.

The points are those of `alert_failpoint_process`. Prints how many alerts it told, at the end.
"""

import argparse

from alert_failpoint_process import Death, Mortal, die_within_transactions

from watchkeeper.alerting import Alerting, Rule, parsed
from watchkeeper.clock import SystemClock
from watchkeeper_plugins.storage import sqlite

ALERTS = 250


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("point")
    given = parser.parse_args()
    death = Death(given.point)
    die_within_transactions(death)
    rules = [Rule(name=f"r{at}", condition=parsed("x > 0"), receivers=("ops",)) for at in range(ALERTS)]
    storage = Mortal(sqlite.build(sqlite.SqliteOptions(given.store)), death)
    alerting = Alerting(storage, SystemClock(), rules)
    print(sum(len(alerting.tend()) for _ in range(3)), flush=True)
    storage.close()


if __name__ == "__main__":
    main()
