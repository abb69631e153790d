"""watchkeeper keeps watch over machine-learning models in production.

>>> import watchkeeper as wk
>>> wk.Status.UNKNOWN.value
'UNKNOWN'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .app import Watchkeeper, open_project
    from .app import open_project as open  # noqa: A004 - wk.open(...) reads like the builtin it resembles
    from .contracts.plugin import Kind, NoOptions, Plugin
    from .domain.alert import Alert, AlertState, Notification, Severity
    from .domain.errors import WatchkeeperError
    from .domain.measurement import Measurement
    from .domain.model import Stage, Task, Version
    from .domain.value import Value
    from .domain.verdict import Failure, Finding, Status, Verdict
    from .domain.window import Window
    from .hookspecs import hookimpl
    from .monitor.result import CheckResult

# importing watchkeeper runs nothing else: each name loads its module when it is first asked for
_HOME: Final = {
    "Watchkeeper": "app",
    "open_project": "app",
    "Kind": "contracts.plugin",
    "NoOptions": "contracts.plugin",
    "Plugin": "contracts.plugin",
    "Alert": "domain.alert",
    "AlertState": "domain.alert",
    "Notification": "domain.alert",
    "Severity": "domain.alert",
    "WatchkeeperError": "domain.errors",
    "Measurement": "domain.measurement",
    "Stage": "domain.model",
    "Task": "domain.model",
    "Version": "domain.model",
    "Value": "domain.value",
    "Failure": "domain.verdict",
    "Finding": "domain.verdict",
    "Status": "domain.verdict",
    "Verdict": "domain.verdict",
    "Window": "domain.window",
    "hookimpl": "hookspecs",
    "CheckResult": "monitor.result",
}

__all__ = [
    "Alert",
    "AlertState",
    "CheckResult",
    "Failure",
    "Finding",
    "Kind",
    "Measurement",
    "NoOptions",
    "Notification",
    "Plugin",
    "Severity",
    "Stage",
    "Status",
    "Task",
    "Value",
    "Verdict",
    "Version",
    "Watchkeeper",
    "WatchkeeperError",
    "Window",
    "hookimpl",
    "open",
    "open_project",
]


def __getattr__(name: str) -> Any:
    if name == "open":
        return import_module(".app", __name__).open_project
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
