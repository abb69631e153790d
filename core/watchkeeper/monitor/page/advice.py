"""What to do about the worst finding: the rule's own next step, or one for its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.monitor.naming import ALL_FEATURES, OUTCOME, PREDICTION

_OF_SUBJECT: Final[Mapping[str, str]] = {
    "arrival": "See whether what predicts still runs, and logs with the right times.",
    "samples": "Wait for more rows; a `window` that is shorter than `min_rows` never has enough.",
    "ids": "See whether the same rows were logged twice.",
    "rows": "See whether what feeds the model delivers rows twice, or the same row again and again.",
    "refused": "See what logs such rows: they are in no window.",
    "reference": "Give a reference that ends before the model was watched.",
    "schema": "See what writes these rows: their columns are not the reference's.",
    PREDICTION: "See which features drifted too; if none did, look at the latest deployment.",
    OUTCOME: "What is to be predicted has moved: compare the metrics before and after, and retrain when they fell.",
    ALL_FEATURES: "Features moved against one another: see what feeds them, and retrain when it will stay.",
}
_PERFORMANCE: Final = "Look for a new version, changed inputs or a changed world, in this order; go back or retrain."
_OUTCOMES: Final = "Record the outcomes that are known, with `watchkeeper outcomes`; until then the estimates count."
_NO_REFERENCE: Final = "the reference does not tell"
_LONGER: Final = "Give a longer reference: what is usual is learned from its windows."
_FEATURE: Final = (
    "See what feeds it: a join, a source, a release. When the change will stay, retrain on rows that have it."
)


def next_step(finding: Finding) -> str:
    """One sentence; "" for what is well, or when the finding says it all."""
    if finding.status is Status.OK:
        return ""
    if finding.next_step:
        return finding.next_step
    if finding.subject == "performance":
        return _OUTCOMES if finding.status is Status.UNKNOWN else _PERFORMANCE
    if finding.status is Status.UNKNOWN and _NO_REFERENCE in finding.sentence:
        return _LONGER
    is_of_feature = any("feature" in one.labels for one in finding.measurements)
    return _OF_SUBJECT.get(finding.subject, _FEATURE if is_of_feature else "")
