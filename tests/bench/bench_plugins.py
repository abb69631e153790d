"""What the plugin loader costs: the scan, the first plugin, the border around a call; ratios of medians of one run.

The baselines are what the standard library and pluggy do: reading all entry points, and calling a hook.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import distributions, entry_points

import pluggy

from watchkeeper import hookspecs
from watchkeeper.hookspecs import GROUP, hookimpl
from watchkeeper.plugins import Plugins, attempt
from watchkeeper.testing.entry_points import entry_points_of


def median_us(work: Callable[[], object], repeats: int, calls: int = 1) -> float:
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        taken.append((time.perf_counter() - start) / calls)
    return statistics.median(taken) * 1e6


class Observer:
    """Does nothing, as cheaply as can be."""

    @hookimpl
    def watchkeeper_alert_changed(self, alert: object) -> None:
        return None


def scan() -> None:
    installed = sum(1 for _ in distributions())
    ours = median_us(lambda: Plugins().names("metric"), 15)
    theirs = median_us(lambda: entry_points(group=GROUP), 15)
    print(f"names of a kind, {installed} distributions   {ours / 1e3:7.2f} ms   {ours / theirs:5.2f}x entry_points()")


def fresh_ms(work: str) -> float:
    """Median of 5 fresh interpreters: an import is only slow the first time."""
    program = (
        "import time; from watchkeeper.plugins import Plugins; plugins = Plugins(); start = time.perf_counter(); "
        f"plugins.{work}; print(time.perf_counter() - start)"
    )
    taken = [float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(5)]
    return statistics.median(taken) * 1e3


def first_plugin() -> None:
    every = fresh_ms("rows()")
    for kind, name in (("weighting", "equal"), ("metric", "accuracy")):
        one = fresh_ms(f"get({kind!r}, {name!r})")
        print(f"{f'{kind}.{name}, imported alone':38}{one:7.1f} ms   {one / every:5.2f}x loading and trying all")


def border() -> None:
    work = object
    plain = median_us(work, 15, 20_000)
    guarded = median_us(lambda: attempt("metric.x", "m", work), 15, 20_000)
    print(
        f"attempt() around a call               {guarded:7.3f} us   {guarded - plain:5.3f} us more than the call alone"
    )


def observers(count: int) -> None:
    plugins = Plugins(entry_points_of("mine", {f"observer.o{at}": Observer() for at in range(count)}))
    shared = pluggy.PluginManager("watchkeeper")
    shared.add_hookspecs(hookspecs)
    for _ in range(count):
        shared.register(Observer())
    apart = median_us(lambda: plugins.tell("watchkeeper_alert_changed", alert=None), 15, 2_000)
    together = median_us(lambda: shared.hook.watchkeeper_alert_changed(alert=None), 15, 2_000)
    ratio = f"{apart / together:5.2f}x one hook call that loses all when one raises"
    print(f"telling {count:2} observers apart             {apart:7.1f} us   {ratio}")


if __name__ == "__main__":
    gc.disable()
    scan()
    first_plugin()
    border()
    observers(1)
    observers(10)
