"""What a caller may see: the models for which they have a role, or all of them where nobody has any."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from watchkeeper.alerting.permission import EVERY_MODEL, model_of
from watchkeeper.alerting.silences import Silence
from watchkeeper.app.watchkeeper import Watchkeeper
from watchkeeper.domain.access import Action
from watchkeeper.domain.alert import Alert
from watchkeeper.domain.errors import NotFound


def sight(watch: Watchkeeper) -> Callable[[str], bool] | None:
    """Whether a model may be seen; None: every model may. Each model is asked about once."""
    acting = watch.registry.acting
    if not acting.access.grants:
        return None
    return cache(lambda model: acting.access.allows(acting.actor, Action.VIEW, model))


def seen_alert(watch: Watchkeeper, wanted: str) -> Alert:
    """The alert with that fingerprint, or its beginning; a NotFound tells the same of one that may not be seen."""
    sees = sight(watch)
    if sees is None:
        return watch.alerting.alert(wanted)
    try:
        found = watch.alerting.alert(wanted)
    except NotFound:  # its words have the fingerprints of others
        found = None
    if found is None or not sees(found.model):
        raise NotFound(f"{wanted!r} is no fingerprint of an alert that you may see, nor the beginning of only one")
    return found


def seen_silence(watch: Watchkeeper, wanted: str) -> Silence:
    """The silence with that id; a NotFound tells the same of one that may not be seen."""
    if sight(watch) is None:
        return watch.alerting.silences.get(wanted)
    try:
        found = watch.alerting.silences.get(wanted)
    except NotFound:
        found = None
    if found is None or not sees_silence(watch, found):
        raise NotFound(f"there is no silence {wanted!r} that you may see")
    return found


def sees_silence(watch: Watchkeeper, silence: Silence) -> bool:
    """Those of models that the caller may see, and those that are about no single model."""
    sees, model = sight(watch), model_of(silence.matchers)
    return sees is None or model == EVERY_MODEL or sees(model)
