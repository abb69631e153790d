"""The charts of a page: what is drawn is what was measured, and nothing that was not."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.profile import profile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.page.axes import number_axis, short_number, time_axis
from watchkeeper.monitor.page.distributions import distribution_chart
from watchkeeper.monitor.page.illustration import Illustration
from watchkeeper.monitor.page.lines import MOST_POINTS, At, Limit, Line, line_chart
from watchkeeper.monitor.page.sections import performance
from watchkeeper.monitor.page.shapes import OTHERS, UNSEEN, shape_of

HOUR_US = 3_600_000_000
finite = st.floats(allow_nan=False, allow_infinity=False)


def line(*numbers, step_us=HOUR_US, interval=None):
    return Line("realised", "now", tuple(At(at * step_us, number, interval) for at, number in enumerate(numbers)))


def parsed(chart):
    return ET.fromstring(chart)  # noqa: S314 - our own drawing


def of_class(chart, look):
    return [one for one in parsed(chart).iter() if one.get("class") == look]


@given(st.lists(finite, min_size=1, max_size=50))
def test_every_number_lies_inside_the_chart_and_larger_ones_are_higher(numbers):
    axis = number_axis(numbers)
    places = [axis.at(number) for number in sorted(numbers)]
    assert all(axis.end <= place <= axis.start for place in places)
    assert places == sorted(places, reverse=True)


@given(st.lists(st.floats(0.0, 1e300), min_size=1, max_size=50))
def test_evidence_has_an_axis_whatever_it_is(numbers):
    axis = number_axis([*numbers, 1.0], may_be_logarithmic=True)
    assert 0 < len(axis.ticks) <= 12
    assert all(axis.end <= axis.at(number) <= axis.start for number in [*numbers, *axis.ticks])


def test_ticks_are_round_numbers():
    assert number_axis([0.41, 0.93]).ticks == pytest.approx([0.4, 0.6, 0.8])
    assert number_axis([1e-3, 1e3], may_be_logarithmic=True).ticks == pytest.approx([1e-3, 1e-1, 10.0, 1000.0])


def test_one_time_is_in_the_middle():
    axis = time_axis([5 * HOUR_US])
    assert axis.at(5 * HOUR_US) == pytest.approx((axis.start + axis.end) / 2)


@pytest.mark.parametrize(
    ("number", "told"),
    [(0.0, "0"), (0.65, "0.65"), (12400.0, "12,400"), (1e9, "1e+09"), (0.1 + 0.2, "0.3"), (-1e-7, "-1e-07")],
)
def test_numbers_are_short(number, told):
    assert short_number(number) == told


def test_nothing_measured_draws_nothing():
    assert line_chart("rmse", [Line("realised", "now", ())], [Limit(1.0, "rule")]) == ""


def test_a_line_is_broken_where_nothing_was_measured():
    points = tuple(At(at * HOUR_US, 1.0) for at in [*range(10), *range(100, 110)])
    chart = line_chart("rmse", [Line("realised", "now", points)])
    assert len(of_class(chart, "line now")) == 2


def test_a_limit_is_drawn_where_it_is_and_told_to_those_who_do_not_see_it():
    chart = line_chart("rmse", [line(0.0, 2.0)], [Limit(1.0, "rule error-rose: > 1")])
    (limit,) = of_class(chart, "limit alert")
    low, high = of_class(chart, "line now")[0].get("points").split()
    middle = (float(low.split(",")[1]) + float(high.split(",")[1])) / 2
    assert float(limit.get("y1")) == pytest.approx(middle, abs=0.1)
    assert "rule error-rose: > 1" in parsed(chart).get("aria-label")
    assert parsed(chart).get("role") == "img"


def test_intervals_are_drawn_as_a_band():
    (band,) = of_class(line_chart("rmse", [line(0.5, 0.6, interval=(0.1, 0.9))]), "band now")
    assert len(band.get("points").split()) == 4


def test_peaks_survive_thinning():
    numbers = [0.0] * 5000
    numbers[3333] = 1.0
    chart = line_chart("rmse", [line(*numbers)])
    points = of_class(chart, "line now")[0].get("points").split()
    assert len(points) <= MOST_POINTS + 1
    heights = [float(point.split(",")[1]) for point in points]
    assert heights.count(min(heights)) == 1 < heights.count(max(heights))


def test_a_shape_is_the_histogram_of_both():
    rng = np.random.default_rng(3)
    before, now = rng.normal(size=20_000), rng.normal(1.0, 0.5, size=5_000)
    shape = shape_of(ReferenceColumn.fit("x", before), now)
    edges = [-np.inf, *shape.edges[1:-1], np.inf]
    assert shape.reference == pytest.approx(np.histogram(before, edges)[0] / 20_000, abs=0.005)
    # cells are narrow where the reference is: a few hold much of a window that lies elsewhere
    assert shape.window == pytest.approx(np.histogram(now, edges)[0] / 5_000, abs=0.02)
    assert sum(shape.window) == pytest.approx(1.0) == sum(shape.reference)


@pytest.mark.parametrize(
    "now",
    [
        np.zeros(5),
        np.array([np.inf, -np.inf, 1.0]),
        np.full(3, 1e308),
        np.array([np.nan, 2.0]),
        np.array([1], dtype=np.int64),
        np.array([True, False]),
    ],
    ids=["all equal", "infinite", "huge", "missing", "one integer", "bool"],
)
def test_odd_columns_are_drawn_or_left_out_and_never_fail(now):
    for before in (np.arange(100.0), np.zeros(100), np.array([-1e308, 1e308])):
        shape = shape_of(ReferenceColumn.fit("x", before), now)
        if shape is not None:
            assert sum(shape.window) == pytest.approx(1.0)
            parsed(distribution_chart("x", shape))


def test_nothing_to_compare_has_no_shape():
    reference = ReferenceColumn.fit("x", np.arange(10.0))
    assert shape_of(reference, np.full(3, np.nan)) is None
    assert shape_of(reference, Categories.of(["a"])) is None
    assert shape_of(ReferenceColumn.fit("x", np.full(3, np.inf)), np.full(3, np.inf)) is None


def test_a_profile_has_the_shape_of_its_rows():
    reference = ReferenceColumn.fit("x", np.arange(1000.0))
    now = np.arange(500.0)
    assert shape_of(reference, profile(now, reference.cells)) == shape_of(reference, now)


def test_categories_are_told_most_changed_first_with_those_never_seen():
    labels = [name for name in "abcdefghijkl" for _ in range(10)]
    shape = shape_of(ReferenceColumn.fit("venue", Categories.of(labels)), Categories.of(["l"] * 6 + ["new", None]))
    assert shape.labels[0] == "l"
    assert shape.labels[-2:] == (OTHERS, UNSEEN)
    assert shape.window[0] == pytest.approx(6 / 7)
    assert shape.window[-1] == pytest.approx(1 / 7)
    assert sum(shape.reference) == pytest.approx(1.0)
    assert shape.missing == (0.0, pytest.approx(1 / 8))


def test_names_cannot_leave_the_picture():
    name = "</title><script>alert(1)</script>"
    shape = shape_of(ReferenceColumn.fit(name, Categories.of([name, "b"])), Categories.of([name]))
    for chart in (distribution_chart(name, shape), line_chart(name, [line(1.0)], [Limit(1.0, name)])):
        assert "<script" not in chart
        assert {one.tag for one in parsed(chart).iter()} <= {
            "svg", "title", "g", "text", "rect", "line", "polyline", "polygon", "circle",
        }  # fmt: skip


def test_charts_ask_for_nothing_from_elsewhere():
    chart = line_chart("rmse", [line(1.0, 2.0)])
    assert not re.search(r"https?:|url\(|href|script", chart)


def test_a_single_point_has_its_own_time_below_it_and_no_stretch_of_time_that_was_not_measured():
    chart = line_chart("rmse", [Line("realised", "now", (At(13 * HOUR_US, 0.4),))])
    below = [one for one in parsed(chart).iter() if one.tag.endswith("text") and "1970" in (one.text or "")]
    assert [one.text for one in below] == ["1970-01-01 13:00"]
    assert below[0].get("text-anchor") == "middle"


@pytest.mark.parametrize(
    ("is_open", "size", "drawn"), [(1.0, 0.68, False), (1.0, 3.0, True), (0.0, 0.68, True)], ids=["open", "above", "no"]
)
def test_the_limit_of_performance_evidence_is_drawn_where_it_decides(is_open, size, drawn):
    details = {"usual": 0.1, "limit": 0.2, "open": is_open}
    found = Measurement("risk_evidence", Value.of(size), "m", None, Window(0, HOUR_US, 500), details=details)
    result = SimpleNamespace(
        measurements=[found],
        measurement=lambda name: found if name == found.name else None,
        verdict=SimpleNamespace(findings=()),
    )
    told = performance(result, Illustration())
    assert ("an alarm is raised at 1" in told) is drawn
    assert ("an alarm was raised when the evidence reached 1" in told) is not drawn
