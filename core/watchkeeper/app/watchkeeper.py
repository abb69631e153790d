"""Watchkeeper: one project, its models, its store and its alerts, as Python code sees it."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from watchkeeper.domain.ensemble import Weights
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.explanation import Explanation
from watchkeeper.domain.verdict import Failure
from watchkeeper.registry.deployments import Deployment
from watchkeeper.registry.report import Report

from .assembly import acted_on
from .checks import Checks
from .deploying import advanced_deployments
from .explaining import explained
from .large import compacted, tidied
from .notifying import Notifying
from .noting import Noting
from .past import Past
from .reporting import reported
from .weighing import reweighed


class Watchkeeper(Noting, Checks, Past, Notifying):
    """One project. Make one with `watchkeeper.open`; two in one process do not see each other.

    >>> import watchkeeper as wk
    >>> with wk.open("watchkeeper.toml") as watch:  # doctest: +SKIP
    ...     ids = watch.log("momentum", features, predictions)
    ...     watch.record_outcomes("momentum", ids, outcomes)
    ...     result = watch.check("momentum")
    """

    def acting_as(self, actor: str) -> Self:
        """The same project for somebody else who acts: their roles count, and the logs name them.

        Who calls it vouches for the name. Stores, recorders and threads are shared: close the first one alone.
        """
        return type(self)(acted_on(self._systems, actor))

    def tidy(self, budget_seconds: float = 1.0) -> tuple[Failure, ...]:
        """Merge each model's hourly roll-ups, and let the store compact and expire, for about this long.

        What went wrong is returned and logged; the rest was done, and the next call tries again.
        """
        return tidied(self._systems, budget_seconds)

    def compact(self, budget_seconds: float = 1.0) -> Failure | None:
        """Let the store compact and expire, for about this long: what each flush brought becomes larger chunks.

        Windows are read several times faster then. What went wrong is returned and logged; the next call tries again.
        """
        return compacted(self._systems, budget_seconds)

    def compliance_report(self, model: str) -> Report:
        """What can be proved about a model, under the headings of SR 11-7 and of the EU AI Act's Annex IV."""
        return reported(self.registry, self.alerting, self._systems.storage, model)

    def advance_deployments(self) -> tuple[Deployment, ...]:
        """Move every deployment on as far as the measurements of its versions let it."""
        self._systems.recorder.flush()
        return advanced_deployments(self._systems)

    def reweigh(self, ensemble: str) -> Weights:
        """Learn the members' weights from their latest outcomes and store them."""
        self._systems.recorder.flush()
        return reweighed(self._systems, ensemble)

    def explain(self, model: str, rows: Any = None, *, explainer: str = "surrogate") -> Explanation:
        """Explain rows (the latest window's when left out) by the registered version in production, or the latest."""
        self._systems.recorder.flush()
        return explained(self._systems, model, rows, explainer)

    def close(self) -> None:
        """Flush and release everything; may be called twice."""
        self._systems.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except StoreError:
            if not isinstance(error, StoreError):  # else that one has told why the store cannot be used
                raise
