"""Who may do what to which model: a table of grants, and nothing without one once there are any."""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

import attrs

from .errors import NotAllowed


class Role(StrEnum):
    """What somebody is for a model; what each may do stands in `ALLOWED`."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Action(StrEnum):
    """What can be done to a model's versions and alerts."""

    VIEW = "view"
    REGISTER = "register"
    CHECK = "check"
    PROMOTE = "promote"
    ROLL_BACK = "roll back"
    ALIAS = "alias"
    DEPLOY = "deploy"
    SIGN = "sign"
    APPROVE = "approve"
    HOLD = "hold"
    DELETE = "delete"
    HANDLE_ALERTS = "handle the alerts of"


_OPERATES: Final = frozenset(
    {
        Action.VIEW,
        Action.REGISTER,
        Action.CHECK,
        Action.PROMOTE,
        Action.ROLL_BACK,
        Action.ALIAS,
        Action.DEPLOY,
        Action.SIGN,
        Action.HANDLE_ALERTS,
    }
)
ALLOWED: Final = {
    Role.VIEWER: frozenset({Action.VIEW}),
    Role.OPERATOR: _OPERATES,
    Role.APPROVER: frozenset({Action.VIEW, Action.APPROVE}),
    Role.ADMIN: frozenset(Action),
}
"""An operator cannot approve and an approver cannot promote: who wants both needs both grants, or admin."""


@attrs.frozen
class Grant:
    """A role for somebody on some models; patterns as in file names, ``*`` and ``?``, upper and lower case differ."""

    who: str
    role: Role
    models: tuple[str, ...] = ("*",)

    def covers(self, actor: str, action: Action, model: str) -> bool:
        """Whether this grant alone allows it."""
        return (
            action in ALLOWED[self.role]
            and fnmatchcase(actor, self.who)
            and any(fnmatchcase(model, pattern) for pattern in self.models)
        )


@attrs.frozen
class Access:
    """The grants of a project. Without any, everybody may do everything; with some, what none of them covers is denied.

    Examples
    --------
    >>> access = Access((Grant("ada", Role.OPERATOR, ("fx-*",)),))
    >>> access.allows("ada", Action.PROMOTE, "fx-carry"), access.allows("ada", Action.PROMOTE, "rates")
    (True, False)
    """

    grants: tuple[Grant, ...] = ()

    def allows(self, actor: str, action: Action, model: str) -> bool:
        """Whether somebody may."""
        return not self.grants or any(grant.covers(actor, action, model) for grant in self.grants)

    def require(self, actor: str, action: Action, model: str) -> None:
        """Pass, or a NotAllowed that names the roles which would allow it."""
        if self.allows(actor, action, model):
            return
        roles = " or ".join(role for role in Role if action in ALLOWED[role])
        held = sorted({grant.role for grant in self.grants if fnmatchcase(actor, grant.who)})
        raise NotAllowed(
            f"{actor!r} may not {action} {model!r}: that takes the role {roles} for it, and {actor!r} has "
            f"{', '.join(held) or 'no role at all'}{' for other models or actions' if held else ''}; ask an admin for "
            "a grant in the configuration's [roles]"
        )
