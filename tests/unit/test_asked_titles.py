"""A measurement can be asked for by the title that tables show."""

from __future__ import annotations

import pytest

from watchkeeper.domain.measurement import Measurement, title_of
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.estimation.timeline import timeline
from watchkeeper.monitor.history import keep_measurements, kept_measurements
from watchkeeper.monitor.titles import is_asked, name_asked, spellings
from watchkeeper.testing.memory import MemoryStorage

WINDOW = Window(10, 20, 5)
SEGMENTS = ("shaken", "venue=LSE", "A, B", 'the "large"', "a{b}")


def measured(name, **labels):
    return Measurement(name, Value.of(0.5), "spx", None, WINDOW, labels)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_title_is_accepted_exactly_as_it_is_shown(segment):
    storage = MemoryStorage()
    made = [measured("accuracy"), *(measured("accuracy", segment=one) for one in SEGMENTS)]
    keep_measurements(storage, "spx", made, now_us=100)
    wanted = measured("accuracy", segment=segment)
    assert [found for _, found in kept_measurements(storage, "spx", wanted.title)] == [wanted]


@pytest.mark.parametrize(
    "asked",
    [
        "cells{predicted=up, truth=down}",
        'cells{predicted="up", truth="down"}',
        "cells{truth='down',predicted=up}",
        " cells { predicted = up , truth = down } ",
    ],
)
def test_quotes_spaces_and_the_labels_order_do_not_matter(asked):
    assert is_asked(measured("cells", truth="down", predicted="up"), asked)
    assert not is_asked(measured("cells", truth="up", predicted="up"), asked)
    assert name_asked(asked) == "cells"


def test_a_name_stands_for_all_that_have_it():
    assert is_asked(measured("accuracy", segment="shaken"), "accuracy")
    assert not is_asked(measured("accuracy", segment="shaken"), "recall")


@pytest.mark.parametrize("asked", ["ks", "ks{", "ks{feature}", "ks{feature=a", 'ks{="a"}'])
def test_what_does_not_read_as_labels_means_itself_alone(asked):
    assert spellings(asked) == {asked}


def test_no_labels_are_none():
    assert title_of("ks", {}) == "ks"
    assert "ks" in spellings("ks{}")


def test_a_timeline_can_be_that_of_a_segment():
    made = [
        measured("accuracy"),
        measured("accuracy", segment="shaken"),
        measured("estimated_accuracy", segment="shaken"),
        measured("estimated_accuracy"),
    ]
    (whole,) = timeline(made, "accuracy")
    assert (whole.realised, whole.estimated) == (made[0], made[3])
    (part,) = timeline(made, 'accuracy{segment="shaken"}')
    assert (part.realised, part.estimated) == (made[1], made[2])
