"""Whether an object keeps a plugin kind's Protocol: what `isinstance` does not look at is looked at here."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from watchkeeper.contracts.plugin import Kind

from .boundary import Crash, contained

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def protocol_of(kind: Kind, found: object = None) -> type:
    """The Protocol that what ``build`` of a plugin of this kind returned, `found`, must satisfy.

    A drift plugin has one of three shapes: what can `begin` watches streams, what can `fit` compares all columns of a
    window at once, everything else one by one.
    """
    from watchkeeper.contracts import drift, executor, explainer, metric, notifier, storage, weighting
    from watchkeeper.contracts import format as format_contract

    if kind is Kind.DRIFT and callable(contained(lambda: getattr(found, "begin", None))):
        return drift.StreamDetector
    if kind is Kind.DRIFT and callable(contained(lambda: getattr(found, "fit", None))):
        return drift.TableDetector
    return {
        Kind.METRIC: metric.Metric,
        Kind.DRIFT: drift.DriftDetector,
        Kind.WEIGHTING: weighting.Weighting,
        Kind.EXPLAINER: explainer.Explainer,
        Kind.NOTIFIER: notifier.Notifier,
        Kind.STORAGE: storage.Storage,
        Kind.FORMAT: format_contract.Format,
        Kind.EXECUTOR: executor.ExecutorProvider,
    }[kind]


def protocol_breaches(found: object, protocol: type) -> tuple[str, ...]:
    """Each way in which `found` does not keep `protocol`: a member that is missing, or cannot be called as promised."""
    if inspect.isclass(found):
        return (f"build returned the class {found.__name__}, expected an object: call it",)
    return tuple(breach for name in _members(protocol) for breach in _member_breaches(found, protocol, name))


def _members(protocol: type) -> list[str]:
    """Names that the Protocol declares; Python before 3.13 has no public function for it."""
    declared = {**getattr(protocol, "__annotations__", {}), **vars(protocol)}
    return [name for name in declared if not name.startswith("_")]


def _member_breaches(found: object, protocol: type, name: str) -> Iterator[str]:
    member = contained(lambda: getattr(found, name))
    if isinstance(member, Crash):
        is_missing = isinstance(member.error, AttributeError)
        yield f"{name} is missing" if is_missing else f"reading {name} raised {member.told}"
        return
    promised = vars(protocol).get(name)
    if not callable(promised):
        return
    if not callable(member):
        yield f"{name} is {type(member).__name__}, expected a method"
    elif inspect.iscoroutinefunction(member):
        yield f"{name} is async, expected a plain method"
    else:
        yield from _call_breaches(name, promised, member)


def _call_breaches(name: str, promised: Any, member: Any) -> Iterator[str]:
    """A call with only the required arguments, then one with the others by name: bound, not made."""
    try:
        taken = inspect.signature(member)
    except (TypeError, ValueError):
        return  # a compiled function may have no signature to look at
    parameters = [found for found in inspect.signature(promised).parameters.values() if found.kind not in _VARIADIC][1:]
    required = [found.name for found in parameters if found.default is found.empty]
    optional = [found.name for found in parameters if found.default is not found.empty]
    for keywords in ([], optional):
        try:
            taken.bind(*required, **dict.fromkeys(keywords))
        except TypeError as error:
            yield f"{name}({', '.join([*required, *(f'{key}=' for key in keywords)])}) cannot be called: {error}"
            return
