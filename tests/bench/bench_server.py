"""The HTTP service with 10,000 open alerts: processor time a request, and acknowledgements a second.

Run ``python tests/bench/bench_server.py``; it starts ``watchkeeper serve`` in a process of its own and asks it from
this one. The service's processor time is the system's count for that process, all of its threads. For comparison:
/healthz is what HTTP and a thread cost, a call in Python what the answer itself costs.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

from watchkeeper.app import open_project
from watchkeeper.app.alert_pages import AlertFilter, alert_page
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.plain import plain_alert
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window

MODELS, RULES = 10, 1_000
PROJECT = '[project]\nname = "bench"\nstorage = "sqlite:///watch"\npresets = false\n'
MODEL = """[models.model-{}]
task = "score"
reference = "reference.csv"
columns = {{ time = "ts", prediction = "p", features = ["x"] }}
window = "1h"
"""
RULE = """[rules.rule-{}]
when = "drift_share > 0.5"
severity = "{}"
labels = {{ desk = "d{}" }}
"""
SERVE = "from watchkeeper.cli.main import main; main()"
TICK = os.sysconf("SC_CLK_TCK")


def fill(folder):
    """10,000 open alerts of 1,000 rules, each with its entry in the log."""
    parts = [PROJECT, *(MODEL.format(at) for at in range(MODELS))]
    parts += [RULE.format(at, "critical" if at % 100 == 0 else "warning", at % 7) for at in range(RULES)]
    (folder / "watchkeeper.toml").write_text("".join(parts), encoding="utf-8")
    (folder / "reference.csv").write_text("ts,p,x\n2026-01-01,0.5,1.0\n", encoding="utf-8")
    with open_project(folder / "watchkeeper.toml") as watch:
        for model in watch.models:
            watch.alerting.evaluate(model, [Measurement("drift_share", Value.of(0.9), model, None, Window(0, 1))])


@contextmanager
def served(folder):
    """The process and its address."""
    words = [sys.executable, "-u", "-c", SERVE, "serve", "--port", "0"]
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, re.search(r"http://[0-9.:]+", process.stderr.readline())[0]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def processor_seconds(process):
    """User and system time of all of a process's threads."""
    fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def ask(process, client, what, path, times=200):
    """Mean processor time of the service, and of a wait here."""
    client.get(path).raise_for_status()
    began, wall = processor_seconds(process), time.perf_counter()
    for _ in range(times):
        client.get(path).raise_for_status()
    cpu, wall = processor_seconds(process) - began, time.perf_counter() - wall
    print(f"{what:<36} {cpu / times * 1_000:8.2f} ms processor time   {wall / times * 1_000:8.2f} ms until answered")


def walk(process, client):
    """Every page of a hundred, one after the other."""
    began, after, pages, found = processor_seconds(process), "", 0, set()
    while after is not None:
        page = client.get(f"/api/v1/alerts?limit=100{after}").raise_for_status().json()
        found |= {one["fingerprint"] for one in page["alerts"]}
        pages += 1
        after = f"&after={page['next']}" if page["next"] else None
    cpu = processor_seconds(process) - began
    each = cpu / pages * 1_000
    print(f"{f'all {pages} pages, each':<36} {each:8.2f} ms processor time   ({len(found)} alerts)")
    return sorted(found)


def acknowledge(process, url, fingerprints, clients=8):
    """Each client acknowledges its share, one after the other."""

    def work(share):
        with httpx.Client(base_url=url, timeout=60) as client:
            for fingerprint in share:
                client.post(f"/api/v1/alerts/{fingerprint}/acknowledge", json={"comment": "on it"}).raise_for_status()

    threads = [threading.Thread(target=work, args=(fingerprints[at::clients],)) for at in range(clients)]
    began, wall = processor_seconds(process), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu, wall = processor_seconds(process) - began, time.perf_counter() - wall
    count = len(fingerprints)
    what = f"{count} acknowledged by {clients} clients"
    print(f"{what:<36} {cpu / count * 1_000:8.2f} ms processor time   {count / wall:.0f} a second")


def python(folder):
    """The same page without HTTP."""
    with open_project(folder / "watchkeeper.toml") as watch:
        alert_page(watch.alerting, AlertFilter(), 100)
        began = time.process_time()
        for _ in range(50):
            [plain_alert(alert) for alert in alert_page(watch.alerting, AlertFilter(), 100).alerts]
        print(f"{'the first 100, in Python':<36} {(time.process_time() - began) / 50 * 1_000:8.2f} ms processor time")
        fingerprints = [alert.fingerprint for alert in watch.alerting.alerts(limit=100)]
        began, wall = time.process_time(), time.perf_counter()
        for fingerprint in fingerprints:
            watch.alerting.acknowledge(fingerprint, "ada")
        cpu, wall = time.process_time() - began, time.perf_counter() - wall
        print(
            f"{'acknowledged in Python, one by one':<36} {cpu * 10:8.2f} ms processor time   {100 / wall:.0f} a second"
        )


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder)
        with served(folder) as (process, url), httpx.Client(base_url=url, timeout=60) as client:
            ask(process, client, "/healthz", "/healthz")
            ask(process, client, "the first 100 of 10,000", "/api/v1/alerts?limit=100")
            fingerprints = walk(process, client)
            ask(process, client, "critical ones: 100 of 10,000", "/api/v1/alerts?severity=critical", 50)
            ask(process, client, "by label: the first 100", "/api/v1/alerts?match=desk=d3", 50)
            ask(process, client, "groups by model", "/api/v1/alerts/groups", 50)
            ask(process, client, "one with its history", f"/api/v1/alerts/{fingerprints[0]}", 20)
            ask(process, client, "one without", f"/api/v1/alerts/{fingerprints[0]}?last=0")
            acknowledge(process, url, fingerprints[:1_000])
        python(folder)


if __name__ == "__main__":
    main()
