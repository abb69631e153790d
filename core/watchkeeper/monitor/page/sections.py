"""The parts of a page below its head: performance over time, what drifted, and every measurement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.plural import counted
from watchkeeper.domain.verdict import Finding, Status
from watchkeeper.monitor.estimation.names import estimate_of
from watchkeeper.monitor.measuring import DRIFT_EVIDENCE
from watchkeeper.monitor.told_values import value_told
from watchkeeper.monitor.watched_performance import RISK_EVIDENCE

from .distributions import distribution_chart
from .illustration import Illustration
from .lines import At, Limit, Line, line_chart
from .shapes import Shape

if TYPE_CHECKING:
    from watchkeeper.monitor.result import CheckResult

_MOST_FEATURES: Final = 30
"""Pictures of more would be slow to open; the table of measurements has all."""
_ALARM: Final = Limit(1.0, "an alarm is raised when the evidence of all columns adds up to 1")
_RISK_ALARM: Final = Limit(1.0, "an alarm is raised at 1")
_RISK_RAISED: Final = "an alarm was raised when the evidence reached 1; it stays open until the mean loss has come back"


def performance(result: CheckResult, drawn: Illustration) -> str:
    """Each metric over time with its limits: realised and estimated on one timeline."""
    figures = [_metric_figure(result, drawn, one) for one in _metrics(result)]
    figures.append(_risk_figure(result, drawn))
    shown = "".join(figure for figure in figures if figure)
    if not shown:
        return ""
    legend = (
        '<p class="legend quiet"><span><i class="key line now"></i>realised</span><span><i class="key line estimate">'
        '</i>estimated without outcomes</span><span><i class="key line alert"></i>limit</span>'
        "<span>shaded: 95 % interval</span></p>"
    )
    return f'<section aria-label="Performance"><h2>Performance</h2>{legend}<div class="grid">{shown}</div></section>'


def drift(result: CheckResult, drawn: Illustration) -> str:
    """Each column that is not well: its distribution over the reference's, and its evidence over time."""
    concerning: dict[str, list[Finding]] = {}
    for finding in result.verdict.findings:
        label = _feature_of(finding)
        if finding.status is not Status.OK and label is not None:
            concerning.setdefault(label, []).append(finding)
    cards = [_feature_card(result, drawn, name, found) for name, found in list(concerning.items())[:_MOST_FEATURES]]
    if not cards:
        return ""
    left_out = len(concerning) - len(cards)
    more = f'<p class="quiet">{counted(left_out, "more column")} in the table of findings.</p>' if left_out > 0 else ""
    legend = (
        '<p class="legend quiet"><span><i class="key fill-before"></i>reference</span><span><i class="key fill-after">'
        '</i>this window</span><span><i class="key line alert"></i>limit</span></p>'
    )
    return (
        f'<section aria-label="Columns"><h2>Columns that are not as usual</h2>{legend}{"".join(cards)}{more}</section>'
    )


def measurements(result: CheckResult) -> str:
    """Every number of the window, folded away."""
    rows = "".join(_measurement_row(one) for one in result.measurements)
    if not rows:
        return ""
    return (
        f'<details><summary>All {counted(len(result.measurements), "measurement")}</summary><div class="wide"><table>'
        '<thead><tr><th scope="col">name</th><th scope="col">value</th><th scope="col">interval</th>'
        '<th scope="col">samples</th><th scope="col">details</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _metrics(result: CheckResult) -> list[str]:
    """The metrics of the window as a whole, estimated ones too, in their order."""
    names = [one.name for one in result.measurements if not one.labels]
    findings = {finding.measurements[0].name for finding in result.verdict.findings if _is_metric(finding)}
    unknown = {name for name in names if estimate_of(name) in names}
    return [name for name in dict.fromkeys(names) if name in findings | unknown]


def _is_metric(finding: Finding) -> bool:
    one = finding.measurements[0] if finding.measurements else None
    return one is not None and not one.labels and one.name == finding.subject and one.name != "samples"


def _metric_figure(result: CheckResult, drawn: Illustration, name: str) -> str:
    realised, estimated = result.measurement(name), result.measurement(estimate_of(name))
    points = drawn.points.get(name, ())
    lines = (
        Line("realised", "now", _at(point.realised for point in points) or _now(realised)),
        Line("estimated", "estimate", _at(point.estimated for point in points) or _now(estimated)),
    )
    limits = drawn.limits.get(name, ())
    chart = line_chart(name, lines, limits)
    against = "; ".join(limit.told for limit in limits) or "no limit: measured, not judged"
    told = ["not measured" if realised is None else value_told(realised)]
    if estimated is not None and estimated.value.number is not None:
        told.append(f"estimated {value_told(estimated)}")
    return _figure(name, ", ".join(told), chart, against)


def _risk_figure(result: CheckResult, drawn: Illustration) -> str:
    found = result.measurement(RISK_EVIDENCE)
    if found is None or found.value.number is None:
        return ""
    line = Line("evidence", "now", _series(drawn, found))
    # an open alarm is not ended by evidence below 1, so the limit would contradict it
    limits = [] if found.details.get("open") and line.points[-1].number < _RISK_ALARM.number else [_RISK_ALARM]
    chart = line_chart("evidence that performance fell", [line], limits, is_evidence=True)
    usual, limit = found.details.get("usual"), found.details.get("limit")
    told = f"{line.points[-1].number:.3g}"
    if usual is not None and limit is not None:
        told += f"; the mean loss was {usual:.4g} in the reference, and up to {limit:.4g} is no rise"
    return _figure("evidence that performance fell", told, chart, limits[0].told if limits else _RISK_RAISED)


def _figure(name: str, told: str, chart: str, caption: str) -> str:
    return (
        f'<figure class="card"><h3>{escape(name)}</h3><p class="quiet">{escape(told)}</p>{chart}'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _feature_card(result: CheckResult, drawn: Illustration, name: str, findings: Sequence[Finding]) -> str:
    told = "".join(f"<p>{escape(finding.sentence)}</p>" for finding in findings)
    charts = [_shape_figure(name, drawn.shapes.get(name)), *_over_time(result, drawn, name)]
    shown = "".join(charts)
    grid = f'<div class="grid">{shown}</div>' if shown else ""
    return f'<article class="card feature"><h3>{escape(name)}</h3>{told}{grid}</article>'


def _shape_figure(name: str, shape: Shape | None) -> str:
    if shape is None:
        return ""
    before, now = shape.missing
    missing = f"; missing {now:.1%}, in the reference {before:.1%}" if before or now else ""
    return f"<figure>{distribution_chart(name, shape)}<figcaption>rows by value{missing}</figcaption></figure>"


def _over_time(result: CheckResult, drawn: Illustration, name: str) -> list[str]:
    """The evidence, and the distance that is furthest beyond its edge."""
    charts = []
    of_feature = [one for one in result.measurements if one.labels == {"feature": name}]
    evidence = next((one for one in of_feature if one.name == DRIFT_EVIDENCE), None)
    if evidence is not None and evidence.value.number is not None:
        line = Line("evidence", "now", _series(drawn, evidence))
        chart = line_chart(f"{name}: evidence of drift", [line], [_ALARM], is_evidence=True)
        told = f"evidence of drift {line.points[-1].number:.3g}; {_ALARM.told}"
        charts.append(f"<figure>{chart}<figcaption>{escape(told)}</figcaption></figure>")
    distances = [one for one in of_feature if "threshold" in one.details and "effect" in one.details]
    furthest = max(distances, key=_excess, default=None)
    if furthest is not None and furthest.value.number is not None:
        edge = furthest.details["threshold"]
        told = f"{furthest.name} {furthest.value.number:.3g}, its edge is {edge:.3g}"
        line = Line(furthest.name, "now", _series(drawn, furthest))
        chart = line_chart(f"{name}: {furthest.name}", [line], [Limit(edge, f"edge {edge:.3g}")])
        charts.append(f"<figure>{chart}<figcaption>{escape(told)}</figcaption></figure>")
    return charts


def _excess(found: Measurement) -> float:
    """How many times its edge it is."""
    return (found.value.number or 0.0) / max(found.details["threshold"], 1e-12)


def _feature_of(finding: Finding) -> str | None:
    labels = [one.labels["feature"] for one in finding.measurements if "feature" in one.labels]
    return labels[0] if labels and finding.subject == labels[0] else None


def _at(found: Iterable[Measurement | None]) -> tuple[At, ...]:
    return tuple(
        At(one.window.end_us, one.value.number, one.value.interval)
        for one in found
        if one is not None and one.value.number is not None
    )


def _now(found: Measurement | None) -> tuple[At, ...]:
    return _at([found])


def _series(drawn: Illustration, found: Measurement) -> tuple[At, ...]:
    """What was kept of it up to this window; the number alone where nothing was."""
    return tuple(At(time_us, number) for time_us, number in drawn.series.get(found.title, ())) or _now(found)


def _measurement_row(found: Measurement) -> str:
    value = found.value
    number = f"{value.number:.6g}" if value.number is not None else f"undefined: {value.reason}"
    interval = f"{value.interval[0]:.4g} to {value.interval[1]:.4g}" if value.interval else ""
    details = ", ".join(f"{name} {number:.4g}" for name, number in found.details.items())
    samples = f"{value.samples:,}" if value.samples else ""
    return (
        f'<tr><td>{escape(found.title)}</td><td class="number">{escape(number)}</td><td>{interval}</td>'
        f'<td class="number">{samples}</td><td>{escape(details)}</td></tr>'
    )
