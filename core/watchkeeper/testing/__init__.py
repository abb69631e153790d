"""Contract suites for plugin authors, and fakes for tests.

>>> from watchkeeper.testing import ExecutorContract
>>> class TestMine(ExecutorContract):
...     '''With a pytest fixture ``subject``, each of the contract's checks is a test.'''
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from watchkeeper.contracts.plugin import Kind

if TYPE_CHECKING:
    from .clock import FakeClock
    from .drift import DriftContract
    from .executor import ExecutorContract
    from .explainer import ExplainerContract
    from .format import FormatContract
    from .memory import MemoryStorage
    from .metric import MetricContract
    from .notifier import NotifierContract
    from .running import CheckResult, Outcome, check
    from .storage import StorageContract
    from .weighting import WeightingContract

__all__ = [
    "CheckResult",
    "DriftContract",
    "ExecutorContract",
    "ExplainerContract",
    "FakeClock",
    "FormatContract",
    "MemoryStorage",
    "MetricContract",
    "NotifierContract",
    "Outcome",
    "StorageContract",
    "WeightingContract",
    "check",
    "contract_of",
]

_MODULES = {
    "CheckResult": "running",
    "FakeClock": "clock",
    "MemoryStorage": "memory",
    "Outcome": "running",
    "check": "running",
    **{f"{kind.value.capitalize()}Contract": kind.value for kind in Kind},
}


def contract_of(kind: Kind) -> type:
    """The class that a plugin of this kind must pass: `MetricContract` for a metric."""
    contract: type = getattr(import_module(f"{__name__}.{kind.value}"), f"{kind.value.capitalize()}Contract")
    return contract


def __getattr__(name: str) -> Any:
    # each suite imports what it needs to make samples; nobody should wait for the suites of other kinds
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
