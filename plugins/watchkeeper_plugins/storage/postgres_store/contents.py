"""What a PostgreSQL store holds, counted from its tables without reading the rows."""

from __future__ import annotations

import json

from watchkeeper.contracts.storage import Namespace
from watchkeeper.contracts.storage_contents import HeldLog, HeldNamespace, HeldSeries, Inventory

from .layout import Connection
from .server import Server


def inventory(server: Server) -> Inventory:
    """Everything but blobs, sorted by name, as it was at one moment."""
    return server.read_together(_counted)


def _counted(connection: Connection) -> Inventory:
    series = connection.execute(
        "SELECT s.stream, s.key, sum(c.rows)::bigint, sum(c.narrow_bytes + c.wide_bytes)::bigint"
        " FROM series s JOIN chunk c ON c.series = s.id WHERE c.retired_at IS NULL GROUP BY s.id"
    ).fetchall()
    namespaces = connection.execute(
        "SELECT n.name, n.fields, count(*) FROM document d JOIN namespace n ON n.id = d.namespace GROUP BY n.id"
    ).fetchall()
    logs = connection.execute("SELECT name, number FROM log_head WHERE number > 0").fetchall()
    return Inventory(
        series=tuple(HeldSeries(*row) for row in sorted(series)),
        namespaces=tuple(
            HeldNamespace(Namespace(name, tuple(json.loads(fields))), count)
            for name, fields, count in sorted(namespaces)
        ),
        logs=tuple(HeldLog(*row) for row in sorted(logs)),
    )
