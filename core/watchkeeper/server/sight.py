"""What a caller may see: the models for which they have a role, or all of them where nobody has any."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from watchkeeper.app.watchkeeper import Watchkeeper
from watchkeeper.domain.access import Action


def sight(watch: Watchkeeper) -> Callable[[str], bool] | None:
    """Whether a model may be seen; None: every model may. Each model is asked about once."""
    acting = watch.registry.acting
    if not acting.access.grants:
        return None
    return cache(lambda model: acting.access.allows(acting.actor, Action.VIEW, model))


def require_sight(watch: Watchkeeper, model: str) -> None:
    """Pass, or a NotAllowed that names the roles which would allow it."""
    watch.registry.acting.require(Action.VIEW, model)
