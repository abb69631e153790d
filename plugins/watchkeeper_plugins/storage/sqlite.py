"""The default store: SQLite files in a folder, safe for many processes of one machine.

Examples
--------
>>> import tempfile
>>> from watchkeeper.contracts.storage import Namespace, Put
>>> notes = Namespace("notes", index=("by",))
>>> with tempfile.TemporaryDirectory() as folder:
...     store = build(SqliteOptions(f"sqlite:///{folder}/watch"))
...     receipt = store.commit([Put(notes, "first", {"text": "all well"}, {"by": "ada"})])
...     found = store.find(notes, {"by": "ada"})
...     store.close()
>>> receipt.revisions, found[0].value["text"]
((1,), 'all well')
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.contracts.storage import Storage
from watchkeeper.hookspecs import hookimpl

from .sqlite_store.options import SqliteOptions

__all__ = ["SqliteOptions", "build", "watchkeeper_storages"]


def build(options: SqliteOptions) -> Storage:
    """Open the store that `options.url` names, creating its folder where there is none."""
    from .sqlite_store.store import SqliteStorage

    return SqliteStorage(options)


@hookimpl
def watchkeeper_storages() -> Iterable[Plugin]:
    """Offer the SQLite store."""
    yield Plugin(
        Kind.STORAGE,
        "sqlite",
        build,
        SqliteOptions,
        summary="SQLite files in a folder: many processes, one machine, no server",
    )
