"""Equal shares: every member counts the same, whatever it has shown.

The benchmark that a strategy has to beat: with similar members and few rows, estimated weights usually do not.

Example
-------
>>> import numpy as np
>>> from watchkeeper.contracts.plugin import NoOptions
>>> from watchkeeper.domain.ensemble import MemberHistory
>>> nothing_yet = MemberHistory(("ewma", "har"), np.empty((0, 2)), np.empty(0), np.empty((0, 2)))
>>> build(NoOptions()).weights(nothing_yet).tolist()
[0.5, 0.5]

References
----------
J. M. Bates and C. W. J. Granger, "The combination of forecasts", Operational Research Quarterly 20 (1969) 451-468;
A. Timmermann, "Forecast combinations", Handbook of Economic Forecasting 1 (2006) 135-196, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.ensemble import MemberHistory
from watchkeeper.domain.errors import DataError
from watchkeeper.hookspecs import hookimpl


@attrs.frozen
class EqualWeighting:
    """1/k each. O(k); reads no rows, so it is defined before there are any."""

    def weights(self, history: MemberHistory) -> NDArray[np.float64]:
        """(k,) float64, all the same; a DataError when there are no members."""
        if not history.members:
            raise DataError("the ensemble has no members: expected at least one to give weight to")
        return np.full(len(history.members), 1.0 / len(history.members))


def build(options: NoOptions) -> EqualWeighting:  # noqa: ARG001 - there is nothing to set
    """Make the strategy."""
    return EqualWeighting()


@hookimpl
def watchkeeper_weightings() -> Iterable[Plugin]:
    """Equal shares."""
    yield Plugin(Kind.WEIGHTING, "equal", build, NoOptions, summary="Every member counts the same")
