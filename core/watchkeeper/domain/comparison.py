"""One column's reference and current values, with the sorting and counting that drift detectors share."""

from __future__ import annotations

import attrs

from .table import Column


@attrs.frozen(eq=False, slots=False)
class Comparison:
    """A column of the current window beside the reference it was fitted on."""

    current: Column
