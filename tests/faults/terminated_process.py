"""A process that logs rows for ever and says each id once `log` has returned; what it does at SIGTERM is given."""

import os
import signal
import sys

from watchkeeper.clock import SystemClock
from watchkeeper.monitor.recorder import Recorder
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build


def main(folder, answer, rows="1000", flushes=""):
    storage = build(SqliteOptions(f"sqlite:///{folder}/watch"))
    # nothing is flushed but by the end of the process, or by the loop
    recorder = Recorder(storage, SystemClock(), flush_seconds=3600.0)
    recorder.declare("spx", ("ret1", "vol10"))

    def leave(*_):
        raise SystemExit(0)

    def close(*_):
        recorder.stop()
        storage.close()
        os._exit(0)

    if answer != "default":
        signal.signal(signal.SIGTERM, {"leave": leave, "close": close}[answer])
    recorder.start()
    at = 0
    while True:
        # few system calls: most signals come while log() holds its lock
        names = [recorder.log("spx", (1.0, 2.0), 0.5, ids=str(at + offset)) for offset in range(int(rows))]
        at += len(names)
        if flushes:
            recorder.flush()
        os.write(1, f"{at}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
