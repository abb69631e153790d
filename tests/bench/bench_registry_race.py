"""Eight processes promote at once, again and again: how many win each round, and how long a round takes.

Run ``python tests/bench/bench_registry_race.py``. Every process has a version of its own in staging and promotes it on
the generation that all of them saw; exactly one may win, whatever the timing.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from watchkeeper.clock import SystemClock
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.model import Stage
from watchkeeper.registry import Registry
from watchkeeper_plugins.storage.sqlite_store.options import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage


class Text:
    """A model that is a text."""

    def handles(self, model: Any) -> bool:
        return isinstance(model, str)

    def save(self, model: Any, into: Any) -> dict[str, str]:
        into.write(model.encode())
        return {}

    def load(self, source: Any, record: Any) -> str:
        return str(source.read().decode())


def opened(folder: Path, actor: str) -> Registry:
    return Registry(SqliteStorage(SqliteOptions(f"sqlite:///{folder}")), {"text": Text()}, SystemClock(), actor)


def racer(folder: Path, me: int, orders: Connection) -> None:
    registry = opened(folder, f"racer {me}")
    while (order := orders.recv()) is not None:
        ref, generation = order
        try:
            registry.promote(ref, Stage.PRODUCTION, expect=generation)
        except Conflict as error:
            orders.send((False, str(error)))
        else:
            orders.send((True, ""))


def staged(registry: Registry, text: str) -> str:
    return registry.promote(registry.register(text, "race").ref, Stage.STAGING).ref


def main() -> None:
    """Run the rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=8)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "watch"
        registry = opened(folder, "referee")
        lines, others = zip(*(multiprocessing.Pipe() for _ in range(asked.processes)), strict=True)
        context = multiprocessing.get_context("spawn")
        workers = [
            context.Process(target=racer, args=(folder, at, other), daemon=True) for at, other in enumerate(others)
        ]
        for worker in workers:
            worker.start()
        refs = [staged(registry, f"racer {at}") for at in range(asked.processes)]
        winners: Counter[int] = Counter()
        took: list[float] = []
        for round_ in range(asked.rounds):
            generation = registry.history("race")[-1].generation if round_ % 100 == 0 else generation + 2  # noqa: F821
            start = time.perf_counter()
            for line, ref in zip(lines, refs, strict=True):
                line.send((ref, generation))
            won = [line.recv() for line in lines]
            took.append((time.perf_counter() - start) * 1e3)
            (winner,) = [at for at, (is_won, _) in enumerate(won) if is_won]
            assert registry.get("race@production").ref == refs[winner]
            assert all("moved" in told for is_won, told in won if not is_won)
            winners[winner] += 1
            refs[winner] = staged(registry, f"racer {winner} round {round_}")
        for line in lines:
            line.send(None)
        assert [change.generation for change in registry.history("race")] == [
            *range(1, asked.processes + 2 * asked.rounds + 1)
        ]
        assert registry.verify().status == "OK"
        print(f"{asked.rounds} rounds of {asked.processes} processes: one winner in each, generations without a gap")
        print(
            f"a round takes {statistics.median(took):.2f} ms; wins by process {sorted(winners.values(), reverse=True)}"
        )


if __name__ == "__main__":
    main()
