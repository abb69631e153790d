"""When models are checked: on a grid, without drift; of what was missed the last is made up for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.app.schedule import Schedule


def run(schedule, now_us, rounds, *, takes_us=0):
    """The times at which models were checked, by model; each round takes `takes_us`."""
    found: dict[str, list[int]] = {}
    for _ in range(rounds):
        now_us += schedule.wait_us(now_us)
        due = schedule.due(now_us)
        for model in due:
            found.setdefault(model, []).append(now_us)
        schedule.begun(due, now_us)
        now_us += takes_us
    return found


def test_every_model_is_due_at_the_beginning():
    assert Schedule({"a": 10, "b": 60}).due(7) == ("a", "b")


def test_checks_stay_on_the_grid_however_long_they_take():
    assert run(Schedule({"a": 10}), 7, 5, takes_us=3) == {"a": [7, 10, 20, 30, 40]}


def test_a_check_that_ends_a_little_after_the_next_one_was_due_costs_no_whole_step():
    assert run(Schedule({"a": 10}), 0, 4, takes_us=11) == {"a": [0, 11, 22, 33]}


def test_a_late_check_is_followed_by_one_on_the_grid():
    schedule = Schedule({"a": 10})
    schedule.begun(["a"], 0)
    schedule.begun(["a"], 13)
    assert schedule.wait_us(14) == 6


def test_of_several_that_were_missed_one_is_made_up_for():
    assert run(Schedule({"a": 10}), 0, 4, takes_us=25) == {"a": [0, 25, 50, 75]}


def test_models_have_steps_of_their_own():
    assert run(Schedule({"a": 10, "b": 25}), 0, 6) == {"a": [0, 10, 20, 30, 40], "b": [0, 25]}


def test_a_clock_that_is_set_back_makes_nobody_wait_longer_than_its_step():
    schedule = Schedule({"a": 10})
    schedule.begun(["a"], 1_000_000)
    assert schedule.wait_us(500) <= 10


def test_without_models_there_is_nothing_to_wait_for():
    assert Schedule({}).wait_us(5) == 0


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 1000), min_size=1, max_size=5),
    st.integers(0, 10**15),
    st.lists(st.integers(0, 500), min_size=1, max_size=30),
)
def test_no_point_of_the_grid_is_taken_twice(every, now_us, takes):
    schedule = Schedule(every)
    schedule.begun(schedule.due(now_us), now_us)
    seen: dict[str, int] = dict.fromkeys(every, -1)
    for taken in takes:
        now_us += schedule.wait_us(now_us)
        due = schedule.due(now_us)
        assert due
        for model in due:
            point = now_us // every[model]
            assert point > seen[model]
            seen[model] = point
        schedule.begun(due, now_us)
        now_us += taken
