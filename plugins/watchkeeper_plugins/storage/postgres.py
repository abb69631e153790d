"""The store for many hosts: one schema of a PostgreSQL database.

Examples
--------
>>> options = PostgresOptions("postgresql://desk:secret@db.example/trading?schema=desk")
>>> options.place, options.schema
('postgresql://db.example/trading', 'desk')
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.contracts.storage import Storage
from watchkeeper.hookspecs import hookimpl

from .postgres_store.options import PostgresOptions

__all__ = ["PostgresOptions", "build", "watchkeeper_storages"]


def build(options: PostgresOptions) -> Storage:
    """Open the store that `options.url` names, creating its schema and tables where there are none."""
    from .postgres_store.store import PostgresStorage

    return PostgresStorage(options)


@hookimpl
def watchkeeper_storages() -> Iterable[Plugin]:
    """Offer the PostgreSQL store."""
    yield Plugin(
        Kind.STORAGE,
        "postgresql",
        build,
        PostgresOptions,
        summary="A PostgreSQL database: many processes on many hosts",
        extra="postgres",
        modules=("psycopg",),
    )
