"""One project as each part of `Watchkeeper` sees it: its systems, its configuration and its clock."""

from __future__ import annotations

from watchkeeper.config.schema import Config

from .assembly import Systems


class Project:
    """The systems of one project."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems
        self.registry = systems.registry
        self.alerting = systems.alerting
        self.ensembles = systems.ensembles

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self._systems.config

    @property
    def models(self) -> tuple[str, ...]:
        """The configured models' names."""
        return tuple(self.config.models)

    @property
    def actor(self) -> str:
        """Who acts, for roles and the logs."""
        return self.registry.acting.actor

    def now_us(self) -> int:
        """What time it is for this project: UTC, microseconds since 1970."""
        return self._systems.clock.now_us()
