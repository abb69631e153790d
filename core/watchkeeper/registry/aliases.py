"""Names of one's own for versions, such as champion: pointers that are moved in one commit with their audit entry."""

from __future__ import annotations

import attrs

from watchkeeper.contracts.storage import Delete, Put
from watchkeeper.domain.access import Action
from watchkeeper.domain.errors import Conflict, NotFound
from watchkeeper.domain.model import Version, checked_name

from .acting import Acting, unchanged
from .records import ALIASES
from .refs import checked_alias


@attrs.frozen(eq=False)
class Aliases:
    """A model's aliases; a version that has one cannot be deleted."""

    acting: Acting

    def of(self, model: str) -> dict[str, str]:
        """The versions by alias: ``{"champion": "m@1.4.0"}``."""
        self.acting.require(Action.VIEW, checked_name(model))
        return self.acting.catalogue.aliases(model)

    def set(self, ref: str, alias: str, *, expect: str | None = None) -> Version:
        """Point an alias at a version.

        Parameters
        ----------
        expect
            The version that it must point at now, as ``m@1.3.0``; "" for none; None: whatever it is.

        Raises
        ------
        Conflict
            It points elsewhere, or somebody moved it at this moment; nothing was changed.
        """
        version, document = self.acting.found(ref, Action.ALIAS)
        key = f"{version.model}/{checked_alias(alias)}"
        before = self.acting.storage.get(ALIASES, key)
        points_at = "" if before is None else str(before.value["ref"])
        if expect is not None and points_at != expect:
            raise self._moved(key, points_at)
        pointer = {
            "model": version.model,
            "alias": alias,
            "ref": version.ref,
            "by": self.acting.actor,
            "at_us": self.acting.clock.now_us(),
        }
        try:
            self.acting.storage.commit(
                [
                    unchanged(document),
                    Put(
                        ALIASES,
                        key,
                        pointer,
                        {"model": version.model, "ref": version.ref},
                        0 if before is None else before.revision,
                    ),
                    self.acting.entry("alias", version.ref, alias=alias, before=points_at),
                ]
            )
        except Conflict as error:
            found = self.acting.storage.get(ALIASES, key)
            raise self._moved(key, "" if found is None else str(found.value["ref"])) from error
        return version

    def remove(self, model: str, alias: str) -> None:
        """Take an alias away; NotFound when there is none of that name."""
        self.acting.require(Action.ALIAS, checked_name(model))
        key = f"{model}/{checked_alias(alias)}"
        found = self.acting.storage.get(ALIASES, key)
        if found is None:
            known = ", ".join(self.acting.catalogue.aliases(model)) or "none"
            raise NotFound(f"{model} has no alias {alias!r}; it has {known}")
        self.acting.storage.commit(
            [
                Delete(ALIASES, key, found.revision),
                self.acting.entry("remove alias", found.value["ref"], alias=alias),
            ]
        )

    def _moved(self, key: str, points_at: str) -> Conflict:
        model, _, alias = key.partition("/")
        return Conflict(
            f"the alias {model}@{alias} was not moved: it points at {points_at or 'no version'} now; look again and "
            "decide again"
        )
