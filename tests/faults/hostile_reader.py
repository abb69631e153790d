"""Reads hostile texts as rules and templates in a process of its own, and tells time, memory and what they tried.

Run ``python hostile_reader.py CORPUS``: each line of the corpus is a JSON object with ``kind`` (rule or template) and a
text in pieces, ``before``, ``repeat`` as many ``times``, ``after``. Prints one JSON object.
"""

import json
import math
import resource
import signal
import sys
import threading
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

from watchkeeper.alerting import Rule, parsed
from watchkeeper.alerting.measured import Measured
from watchkeeper.alerting.outcome import outcomes
from watchkeeper.alerting.recovery import check_recovery
from watchkeeper.alerting.summaries import summary_of, words_of
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window

KNOWN = ("accuracy", "samples", "recall", "ks")
CONDITION = parsed("accuracy < 0.8 and samples >= 10 and recall < 2")
REPEATS = 3
HANG_SECONDS = 10
HARMLESS = ("compile", "exec", "object.__getattr__", "code.__new__", "function.__new__", "sys._getframe")
"""What reading a template does: jinja2 makes Python code of it. None of these reaches anything outside."""

tried = []
watching = threading.Event()


def watch(event, arguments):
    """An audit hook: what a text makes the interpreter do that reaches outside."""
    if watching.is_set() and not event.startswith(HARMLESS):
        tried.append(f"{event} {str(arguments)[:80]}")


def check():
    window = Window(0, 1)
    found = [
        Measurement("accuracy", Value.of(0.61), "m" * 300, "1.0.0", window),
        Measurement("samples", Value.of(512), "m" * 300, "1.0.0", window),
        Measurement("recall", Value.undefined("no positives " * 30), "m" * 300, "1.0.0", window),
    ]
    labels = [{"feature": f"f{at}" * 50} for at in range(20)]
    found += [Measurement("ks", Value.of(0.9), "m" * 300, "1.0.0", window, one, {"threshold": 0.2}) for one in labels]
    (outcome,) = outcomes(Rule(name="r", condition=CONDITION, no_data="alert"), "m" * 300, Measured(found))
    return outcome


OUTCOME = check()


def digest(kind, text):
    """Read the text and use it; what becomes of it in words."""
    try:
        if kind == "rule":
            condition = parsed(text, KNOWN)
            for other in (condition, CONDITION):
                with suppress(ConfigError):
                    check_recovery(other, condition)
            values = ([0.5], [None], [0.0], [-1e308], [math.nextafter(0, 1)])
            return [condition.truth(one * len(condition.series)) for one in values]
        said = summary_of(text, CONDITION).of(OUTCOME)
        beside = words_of(text, CONDITION)
        return [said, beside if isinstance(beside, str) else beside.beside(OUTCOME, None, ())]
    except ConfigError as refusal:
        return str(refusal)


def measured(kind, text):
    """(seconds of processor time, the best of three; most bytes at a time; what came of it)."""
    times, answer = [], None
    signal.setitimer(signal.ITIMER_REAL, HANG_SECONDS)
    for _ in range(REPEATS):
        watching.set()
        began = time.process_time()
        answer = digest(kind, text)
        times.append(time.process_time() - began)
        watching.clear()
    tracemalloc.start()
    digest(kind, text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return min(times), peak, answer


def main():
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    for warming in (
        "{{ model }}{% for one in features %}{{ one.number|fixed }}{% endfor %}",
        "{{ model|percent }}",
        "{{ '\\x41' }}",
    ):
        digest("template", warming)  # imports jinja2, and what it imports when something fails
    sys.addaudithook(watch)
    found = []
    for entry in entries:
        text = entry.get("before", "") + entry.get("repeat", "") * entry.get("times", 0) + entry.get("after", "")
        seconds, peak, answer = measured(entry["kind"], text)
        longest = max((len(str(part)) for part in answer), default=0) if isinstance(answer, list) else len(answer)
        is_refused = isinstance(answer, str)
        found.append([entry["kind"], text[:60], seconds, peak, longest, is_refused])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"texts": found, "tried": sorted(set(tried)), "most_kb": grown}))


if __name__ == "__main__":
    main()
