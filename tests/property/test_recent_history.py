"""The last measurements of a history are those of the whole history, whatever is left unbuilt."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor import recent_history
from watchkeeper.monitor.estimation.timeline import values_of
from watchkeeper.monitor.history import keep_measurements, kept_measurements
from watchkeeper.monitor.recent_history import Wanted, last_measurements, measured
from watchkeeper.testing.memory import MemoryStorage

NAMES = ("accuracy", "ks", "samples")

checks = st.lists(
    st.tuples(
        st.integers(0, 8),  # when
        st.tuples(st.integers(0, 6), st.integers(1, 3), st.integers(1, 2)),  # the window: start, length, rows
        st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([None, "a", "b"])), max_size=5, unique=True),
        st.sampled_from([None, "1.0.0", "2.0.0"]),
        st.integers(0, 3),
    ),
    max_size=12,
)
questions = st.builds(
    Wanted,
    names=st.sampled_from([None, ("accuracy",), ("ks", "samples"), ("nothing",), ("ks{feature=a}", "samples")]),
    version=st.sampled_from([None, "1.0.0"]),
    after_us=st.sampled_from([None, 2, 5]),
    until_us=st.sampled_from([None, 4, 7]),
)


def stored(made):
    storage = MemoryStorage()
    for now_us, (start, length, rows), named, version, number in sorted(made, key=lambda one: one[0]):
        window = Window(start, start + length, rows)
        labels = [(name, {} if feature is None else {"feature": feature}) for name, feature in named]
        found = [Measurement(name, Value.of(number), "m", version, window, label) for name, label in labels]
        keep_measurements(storage, "m", found, now_us)
    return storage


def is_wanted(one, wanted):
    return (
        (wanted.names is None or one.name in wanted.names or one.title in wanted.names)
        and wanted.version in (None, one.version)
        and (wanted.after_us is None or one.window.end_us > wanted.after_us)
        and (wanted.until_us is None or one.window.end_us <= wanted.until_us)
    )


@pytest.mark.parametrize("every", [False, True], ids=["by window", "as made"])
@settings(max_examples=150, deadline=None)
@given(made=checks, wanted=questions, limit=st.integers(1, 12))
def test_the_last_ones_are_those_of_the_whole_history(every, made, wanted, limit):
    storage = stored(made)
    whole = [one for _, one in kept_measurements(storage, "m") if is_wanted(one, wanted)]
    found = last_measurements(storage, "m", wanted, limit, by_window=not every)
    assert values_of(found, every=every)[-limit:] == values_of(whole, every=every)[-limit:]


@settings(max_examples=50, deadline=None)
@given(made=checks)
def test_what_there_is_is_told_without_building_it(made):
    storage = stored(made)
    whole = [one for _, one in kept_measurements(storage, "m")]
    found = measured(storage, "m")
    if not whole:
        assert found is None
    else:
        ends = [one.window.end_us for one in whole]
        assert found.names == {one.name for one in whole}
        assert (found.first_end_us, found.last_end_us) == (min(ends), max(ends))


def test_of_a_long_history_only_the_end_is_built(monkeypatch):
    storage = MemoryStorage()
    for hour in range(50):
        window = Window(hour, hour + 1, 1)
        keep_measurements(storage, "m", [Measurement(name, Value.of(1), "m", None, window) for name in NAMES], hour)
    built = []

    def counting(table, model, rows):
        built.append(len(rows))
        return measurements_of(table, model, rows)

    measurements_of = recent_history.measurements_of
    monkeypatch.setattr(recent_history, "measurements_of", counting)
    found = last_measurements(storage, "m", Wanted(), 4)
    assert [one.window.end_us for one in found] == [49, 49, 49, 50, 50, 50]
    assert built == [6]


def test_nothing_kept_is_nothing_found():
    assert last_measurements(MemoryStorage(), "m", Wanted(), 3) == []
    assert measured(MemoryStorage(), "m") is None
