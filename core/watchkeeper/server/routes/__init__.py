"""Every route: one module for each subject, with its ``ROUTES``; a new one is named here."""

from watchkeeper.server.route import Route

from . import alerts, groups, handling, health, silences

ROUTES: tuple[Route, ...] = (
    *health.ROUTES,
    *groups.ROUTES,
    *alerts.ROUTES,
    *handling.ROUTES,
    *silences.ROUTES,
)
"""The first that fits is taken: ``/alerts/groups`` stands before ``/alerts/{fingerprint}``."""
