"""Sends the notifications that are due: once, or all the time in the background."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from watchkeeper.alerting.caretaker import Caretaker
from watchkeeper.alerting.delivery import Courier
from watchkeeper.alerting.reports import DeliveryReport, Undelivered
from watchkeeper.alerting.sender import Sender
from watchkeeper.domain.alert import Delivery
from watchkeeper.domain.errors import NotFound
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.plugins.boundary import attempt

from .assembly import Systems
from .telling import limits_of


def delivered(systems: Systems) -> DeliveryReport:
    """What is due though no check comes, then one pass over the outbox; what fails is tried again, or tells why not."""
    systems.alerting.tend()
    return courier_of(systems).deliver()


@contextmanager
def delivering(systems: Systems, heard: Callable[[DeliveryReport], None] | None = None) -> Iterator[None]:
    """Inside, threads send what is due, take steps of escalations and tell what was held back; at the end both stop.

    `heard` is called with what each pass over the outbox did, from those threads.
    """
    sender = Sender(courier_of(systems), heard=heard)
    project = systems.config.project
    caretaker = Caretaker(
        systems.alerting,
        systems.clock,
        attempt,
        heart=None if project.heartbeat is None else systems.notifiers[project.heartbeat],
        watchdog=project.fallback,
        is_sending=lambda: sender.is_running,
    )
    try:
        sender.start()
        caretaker.start()
        systems.senders.append(sender)
        systems.caretakers.append(caretaker)
        yield
    finally:
        if sender in systems.senders:
            systems.senders.remove(sender)
            systems.caretakers.remove(caretaker)
        caretaker.stop()
        sender.stop()


def is_delivering(systems: Systems) -> bool:
    """Whether threads send what comes, and every one of them is alive."""
    return bool(systems.senders) and all(sender.is_running for sender in systems.senders)


def delivery_trouble(systems: Systems) -> str:
    """Why the last pass of somebody who sends, or tells what is due, came to nothing; "" when none did."""
    troubles = [*(one.trouble for one in systems.senders), *(one.trouble for one in systems.caretakers)]
    return next(filter(None, troubles), "")


def tried_out(systems: Systems, notifier: str) -> Delivery | Undelivered:
    """One notification that says it is a test, past the outbox; a NotFound when no notifier is called so."""
    if notifier not in systems.notifiers:
        known = tuple(systems.notifiers)
        there = f"the file has {', '.join(known)}" if known else "the file has no [notifiers]"
        raise NotFound(f"no notifier is called {notifier!r}; {there}{did_you_mean(notifier, known)}")
    return courier_of(systems).try_out(notifier)


def courier_of(systems: Systems) -> Courier:
    """What takes letters to the configured notifiers."""
    spread = random.Random()  # noqa: S311 - spreads retries
    fallback = systems.config.project.fallback
    limits = limits_of(systems.config)
    return systems.alerting.courier(systems.notifiers, attempt, rng=spread, fallback=fallback, limits=limits)
