"""What a check found, ready to be read by a person or a program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from watchkeeper.domain.alert import Alert
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.verdict import Status, Verdict
from watchkeeper.domain.window import Window

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .page.illustration import Illustration


@attrs.frozen
class CheckResult:
    """One model in one window. In a notebook it shows itself as a card."""

    model: str
    version: str | None
    window: Window | None
    verdict: Verdict
    measurements: tuple[Measurement, ...] = ()
    alerts: tuple[Alert, ...] = ()
    """Alerts whose state this check changed."""
    illustration: Illustration | None = attrs.field(default=None, eq=False, repr=False)
    """What its page draws beside the numbers; see `Watchkeeper.illustrated`."""

    @property
    def status(self) -> Status:
        """OK, WARN, ALERT or UNKNOWN."""
        return self.verdict.status

    def measurement(self, name: str, **labels: str) -> Measurement | None:
        """The first measurement of that name whose labels include `labels`."""
        return next(
            (
                found
                for found in self.measurements
                if found.name == name and all(found.labels.get(key) == value for key, value in labels.items())
            ),
            None,
        )

    def table(self, *, verbose: bool = True) -> RenderableType:
        """A rich table, worst first; ``rich.print(result.table())``. Without `verbose` what is well is counted."""
        from .rendering import rich_table

        return rich_table(self, verbose=verbose)

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        from .rendering import plain

        return plain(self)

    def to_html(self, path: str | Path | None = None) -> str:
        """One self-contained page; also written to `path` when given.

        Earlier windows and distributions are drawn where the result is an illustrated one.
        """
        from .html import page

        text = page([self])
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def _repr_html_(self) -> str:
        from .html import card

        return card(self)
