"""Hostile texts: processor time and memory of the worst of the corpus, rules and templates apart.

Run ``python tests/bench/bench_hostile_texts.py``.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

FAULTS = Path(__file__).parents[1] / "faults"


def main():
    command = [sys.executable, str(FAULTS / "hostile_reader.py"), str(FAULTS / "hostile_texts.jsonl")]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout)
    print(f"{'':10} {'texts':>6} {'refused':>8} {'median ms':>10} {'worst ms':>9} {'most MB':>8}   worst text")
    for kind in ("rule", "template"):
        found = [one for one in told["texts"] if one[0] == kind]
        seconds = [one[2] for one in found]
        worst = max(found, key=lambda one: one[2])
        print(
            f"{kind:10} {len(found):6} {sum(one[5] for one in found):8} {statistics.median(seconds) * 1e3:10.2f} "
            f"{worst[2] * 1e3:9.1f} {max(one[3] for one in found) / 1e6:8.2f}   {worst[1]!r}"
        )
    print(f"asked for: at most 100 ms and 50 MB; the whole process {told['most_kb'] / 1e3:.0f} MB")
    print(f"reached outside: {told['tried'] or 'nothing'}")


if __name__ == "__main__":
    main()
