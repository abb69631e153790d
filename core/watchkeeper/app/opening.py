"""Opening a project: its configuration is read, who acts is found out, and the systems are assembled."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from watchkeeper.clock import Clock, SystemClock
from watchkeeper.plugins import Plugins

from .assembly import assembled
from .identity import TOKEN_VARIABLE, identified
from .mistakes import loaded_whole
from .watchkeeper import Watchkeeper


def open_project(
    path: str | Path = "watchkeeper.toml",
    *,
    plugins: Plugins | None = None,
    clock: Clock | None = None,
    actor: str | None = None,
    token: str | None = None,
) -> Watchkeeper:
    """Open the project that a configuration file describes; ``watchkeeper.open`` is this function.

    Parameters
    ----------
    clock
        What time it is; the system's when left out. A replay passes its own.
    actor
        Who acts, for roles and the audit log; whom the token proves, or the operating system's user when left out.
    token
        Proves that somebody of ``[identities]`` acts; that of the variable ``WATCHKEEPER_TOKEN`` when left out. Without
        one, nothing proves who acts.

    Raises
    ------
    ConfigError
        Every mistake in the file, a line each.
    NotAllowed
        The token is nobody's, or a name that takes one comes without it.
    StoreError
        The store cannot be opened.
    """
    known = plugins or Plugins()
    loaded = loaded_whole(os.fspath(path), known, os.environ)
    identities = {name: one.sha256 for name, one in loaded.config.identities.items()}
    who = identified(identities, actor, token or os.environ.get(TOKEN_VARIABLE), getpass.getuser)
    return Watchkeeper(assembled(loaded, known, clock or SystemClock(), who))
