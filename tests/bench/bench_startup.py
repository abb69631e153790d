"""CPU time of `watchkeeper --help` beside a typer program that says hello; the median of many runs of each in turn."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HELLO = """
import typer

app = typer.Typer()


@app.command()
def hello(name: str = "world") -> None:
    \"\"\"Say hello.\"\"\"
    print(f"hello {name}")


@app.command()
def bye() -> None:
    \"\"\"Say goodbye.\"\"\"


app()
"""
RUNS = 15


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "hello.py"
        script.write_text(HELLO, encoding="utf-8")
        ours, theirs = [], []
        for _ in range(RUNS):
            ours.append(cpu_seconds([sys.executable, "-m", "watchkeeper", "--help"]))
            theirs.append(cpu_seconds([sys.executable, str(script), "--help"]))
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    ms = statistics.median(ours) * 1000, statistics.median(theirs) * 1000
    print(f"watchkeeper --help {ms[0]:.0f} ms, hello --help {ms[1]:.0f} ms")
    print(f"ratio of CPU time {ratio:.2f} (asked: at most 2.5)")


if __name__ == "__main__":
    main()
