"""What to do about a finding: the rule's own words, or those for its kind."""

from __future__ import annotations

import pytest

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.domain.window import Window
from watchkeeper.monitor.page.advice import next_step

OF_FEATURE = Measurement("ks", Value.of(0.5), "m", None, Window(0, 1), {"feature": "vol10"})


@pytest.mark.parametrize(
    ("finding", "told"),
    [
        (Finding(Status.OK, "performance", "well"), ""),
        (Finding(Status.ALERT, "error-rose", "alert", next_step="Call Ann."), "Call Ann."),
        (Finding(Status.UNKNOWN, "performance", "0 of 9 rows"), "Record the outcomes"),
        (Finding(Status.WARN, "performance", "fell"), "go back or retrain"),
        (
            Finding(Status.UNKNOWN, "vol10", "the reference does not tell what is usual", (OF_FEATURE,)),
            "longer reference",
        ),
        (Finding(Status.WARN, "vol10", "drifted", (OF_FEATURE,)), "See what feeds it"),
        (Finding(Status.WARN, "prediction", "drifted", (OF_FEATURE,)), "latest deployment"),
        (Finding(Status.UNKNOWN, "arrival", "silent"), "still runs"),
        (Finding(Status.WARN, "my-rule", "holds"), ""),
    ],
    ids=lambda one: one.subject + " " + one.status if isinstance(one, Finding) else "",
)
def test_advice_fits_the_finding(finding, told):
    step = next_step(finding)
    assert told in step
    assert bool(told) is bool(step)
