"""One model's check, whatever becomes of it: a failure is that model's own UNKNOWN, and the others go on."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from watchkeeper.domain.errors import Contended, WatchkeeperError
from watchkeeper.domain.verdict import Failure, Finding, Status, Verdict
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.standing import keep_standing
from watchkeeper.plugins.boundary import attempt

from .assembly import Systems


def isolated(systems: Systems, model: str, check: Callable[[], CheckResult], *, keep: bool) -> CheckResult:
    """What the check found, or UNKNOWN with the reason.

    Parameters
    ----------
    keep
        Whether a failure is kept as how the model stands, and told to its rules: they decide what no data means.
    """
    found = attempt("monitor", model, lambda: _checked(model, check))
    if isinstance(found, CheckResult) and found.window is not None:
        return found
    if isinstance(found, Contended):
        return _put_off(systems, _unknown(model, str(found)), keep=keep)
    result = found if isinstance(found, CheckResult) else _unknown(model, found.error, found)
    if keep:
        kept = attempt("monitor", model, lambda: _kept(systems, result))
        return kept if isinstance(kept, CheckResult) else result
    return result


def _checked(model: str, check: Callable[[], CheckResult]) -> CheckResult | Contended:
    try:
        return check()
    except Contended as error:
        return error
    except WatchkeeperError as error:
        return _unknown(model, str(error))


def _put_off(systems: Systems, result: CheckResult, *, keep: bool) -> CheckResult:
    """The result of a check whose alerts could not be written; its rules hear nothing, for there was data.

    The next round finds what this one did.
    """
    if keep:
        attempt("monitor", result.model, lambda: keep_standing(systems.storage, result, (), systems.clock.now_us()))
    return result


def _kept(systems: Systems, result: CheckResult) -> CheckResult:
    now_us = systems.clock.now_us()
    changed = systems.alerting.evaluate(result.model, (), now_us=now_us)
    keep_standing(systems.storage, result, (), now_us)
    return attrs.evolve(result, alerts=tuple(changed))


def _unknown(model: str, error: str, failure: Failure | None = None) -> CheckResult:
    finding = Finding(Status.UNKNOWN, model, f"{model} could not be checked: {error}")
    failures = () if failure is None else (failure,)
    return CheckResult(model, None, None, Verdict(Status.UNKNOWN, (finding,), failures))
