"""600 alerts, 40 SIGKILLs, a receiver that misbehaves: what is lost, what comes twice; five runs and one without kills.

Run ``python tests/bench/bench_alert_kills.py [alerts] [kills] [runs]``.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

from test_delivery_kill import run


def main():
    alerts, kills, runs = (int(given) for given in (sys.argv[1:] + ["600", "40", "5"][len(sys.argv) - 1 :]))
    for seed, killed in [(0, 0), *((seed, kills) for seed in range(1, runs + 1))]:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            result = run(Path(folder) / "watch", alerts, killed, seed)
        print(
            f"{result.kills:>3} kills: lost {alerts - result.told}, extra {result.extra} (stalled {result.stalled}), "
            f"before Retry-After {result.too_early}, left {result.left}, {time.perf_counter() - began:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
