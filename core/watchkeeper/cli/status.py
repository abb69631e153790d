"""``status``: how every model stood when it was last checked."""

from __future__ import annotations

from .opening import opened
from .output import DEFAULT_CONFIG, AsJson, ConfigPath, show, show_json


def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """How every model stood when it was last checked, worst first; measures nothing."""
    import attrs
    from rich.markup import escape
    from rich.table import Table

    from watchkeeper.domain.errors import NothingToCheck
    from watchkeeper.domain.window import told_time
    from watchkeeper.monitor.rendering import COLOURS, ICONS

    with opened(config) as watch:
        found = watch.standings()
    if as_json:
        show_json([attrs.asdict(one) for one in found])
        return
    if not found:
        raise NothingToCheck("no model was checked yet; run `watchkeeper check`")
    table = Table()
    table.add_column("status", no_wrap=True)
    table.add_column("model", overflow="fold")
    for heading in ("since (UTC)", "checked (UTC)", "metrics", "drifted", "most serious finding"):
        table.add_column(heading)
    for one in found:
        metrics = ", ".join(f"{name} {number:.4g}" for name, number in one.metrics.items())
        share = "" if one.drift_share is None else f"{one.drift_share:.0%}"
        checked = told_time(one.checked_us)
        since = told_time(one.since_us) if one.since_us else ""
        row = (f"{ICONS[one.status]} {one.status}", one.model, since, checked, metrics, share, one.sentence)
        table.add_row(*(escape(text) for text in row), style=COLOURS[one.status] if one.status.value != "OK" else None)
    show(table)
