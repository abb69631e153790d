"""A process that logs rows for ever and says each id once `log` has returned, until somebody kills it."""

import os
import sys
from pathlib import Path

from watchkeeper.clock import SystemClock
from watchkeeper.monitor.recorder import Recorder
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build


def main(folder, journal, number):
    storage = build(SqliteOptions(f"sqlite:///{folder}/watch"))
    recorder = Recorder(storage, SystemClock(), flush_seconds=0.02, journal=Path(journal) if journal else None)
    recorder.declare("spx", ("ret1", "vol10"))
    recorder.start()
    at = 0
    while True:
        name = f"{number}-{at}"
        if at % 7:
            recorder.log("spx", (float(at), 2.0), 0.5, ids=name)
        else:
            recorder.log("spx", [[float(at), 2.0]], [0.5], ids=[name])
        # one write() of a short line: it is in the pipe before the next row begins, whenever the kill comes
        os.write(1, f"{name}\n".encode())
        at += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
