"""Why a table detector has too few rows to compare."""

from __future__ import annotations

from watchkeeper.contracts.drift import Drift
from watchkeeper.domain.value import Value


def too_few_rows(reference: int, window: int) -> Drift | None:
    """Undefined with the reason when either side has too few rows for a test; None when both have enough.

    Parameters
    ----------
    reference
        Rows that the detector was fitted to: one says nothing of how much is usual.
    window
        Rows to compare: one is enough.
    """
    if reference <= 1:
        told = f"the reference has {reference} rows, at least 2 are needed to tell what is usual"
        return Drift(Value.undefined(told, samples=window))
    if not window:
        return Drift(Value.undefined("there are no rows in the window", samples=0))
    return None
