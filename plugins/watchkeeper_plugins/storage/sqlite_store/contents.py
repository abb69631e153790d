"""What a SQLite store holds, counted from its lists without reading the rows."""

from __future__ import annotations

import json
from collections import defaultdict

from watchkeeper.contracts.storage import Namespace
from watchkeeper.contracts.storage_contents import HeldLog, HeldNamespace, HeldSeries, Inventory

from .database import Database
from .days import Days
from .directory import all_series


def inventory(state: Database, days: Days) -> Inventory:
    """Everything but blobs, sorted by name."""
    counted: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for name in days.names():
        database = days.file(name)
        if database is not None:
            _count_rows(database, counted)
    with state.snapshot() as connection:
        namespaces = connection.execute(
            "SELECT name, fields, count(*) FROM document JOIN namespace ON namespace.id = document.namespace"
            " GROUP BY namespace.id"
        ).fetchall()
        logs = connection.execute("SELECT name, number FROM log_head WHERE number > 0").fetchall()
    return Inventory(
        series=tuple(HeldSeries(*names, *sizes) for names, sizes in sorted(counted.items())),
        namespaces=tuple(
            HeldNamespace(Namespace(name, tuple(json.loads(fields))), count)
            for name, fields, count in sorted(namespaces)
        ),
        logs=tuple(HeldLog(name, number) for name, number in sorted(logs)),
    )


def _count_rows(database: Database, counted: defaultdict[tuple[str, str], list[int]]) -> None:
    """Add the rows and bytes of a day's live chunks to those of the days before."""
    with database.snapshot() as connection:
        sizes = {
            number: (rows, size)
            for number, rows, size in connection.execute(
                "SELECT series, sum(rows), sum(narrow_bytes + wide_bytes) FROM chunk WHERE retired_us IS NULL"
                " GROUP BY series"
            )
        }
        for series in all_series(connection, database.path):
            rows, size = sizes.get(series.number, (0, 0))
            if rows:
                total = counted[series.stream, series.key]
                total[0] += rows
                total[1] += size
