"""The checks that every drift detector of streams must pass."""

from __future__ import annotations

import json
import warnings

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.drift import DriftStream, StreamDetector, StreamValues

_ROWS = 3000
_CHANGE = 2000


def sample_stream(values: StreamValues, *, seed: int = 0) -> NDArray[np.float64]:
    """3,000 values whose mean rises after 2,000: errors from .1 to .9, numbers by five sds."""
    rng = np.random.default_rng(seed)
    is_late = np.arange(_ROWS) >= _CHANGE
    if values is StreamValues.ERRORS:
        return (rng.random(_ROWS) < np.where(is_late, 0.9, 0.1)).astype(np.float64)
    return rng.normal(size=_ROWS) + 5.0 * is_late


class StreamContract:
    """Subclass it in your tests and give a fixture ``subject``: the detector, as `build` returns it."""

    def test_it_begins_a_stream(self, subject: StreamDetector) -> None:
        assert isinstance(subject, StreamDetector), f"a stream detector has values and begin(), found {subject!r}"
        assert subject.values in StreamValues, f"values is one of {list(StreamValues)}, found {subject.values!r}"
        stream = subject.begin()
        assert isinstance(stream, DriftStream), f"a stream has update_many() and to_record(), found {stream!r}"

    def test_a_large_change_is_signalled_soon_after_it(self, subject: StreamDetector) -> None:
        found = subject.begin().update_many(sample_stream(subject.values))
        late = found[found >= _CHANGE]
        assert len(late), f"a large change at {_CHANGE} was not signalled; signals at {found.tolist()}"
        assert late[0] < _CHANGE + 500, f"a large change at {_CHANGE} was first signalled at {late[0]}"

    def test_signals_are_ascending_positions(self, subject: StreamDetector) -> None:
        found = subject.begin().update_many(sample_stream(subject.values))
        assert found.dtype.kind == "i", f"positions are integers, found {found.dtype}"
        assert bool(np.all(np.diff(found) > 0)), f"positions ascend, found {found.tolist()}"

    def test_it_does_not_matter_in_how_many_calls_the_values_come(self, subject: StreamDetector) -> None:
        values = sample_stream(subject.values)
        whole = subject.begin().update_many(values)
        for size in (1, 7, 1000):
            stream = subject.begin()
            pieces = [stream.update_many(values[at : at + size]) + at for at in range(0, len(values), size)]
            found = np.concatenate(pieces)
            assert found.tolist() == whole.tolist(), f"in pieces of {size}: {found.tolist()}, in one: {whole.tolist()}"

    def test_a_record_goes_through_json_and_goes_on(self, subject: StreamDetector) -> None:
        values = sample_stream(subject.values)
        whole = subject.begin().update_many(values)
        for cut in (0, 50, 1500, _CHANGE + 3):
            stream = subject.begin()
            first = stream.update_many(values[:cut])
            again = subject.begin(json.loads(json.dumps(stream.to_record())))
            found = [*first.tolist(), *(again.update_many(values[cut:]) + cut).tolist()]
            assert found == whole.tolist(), f"stored after {cut}: {found}, in one go: {whole.tolist()}"

    def test_two_streams_do_not_see_each_other(self, subject: StreamDetector) -> None:
        values = sample_stream(subject.values)
        first, second = subject.begin(), subject.begin()
        first.update_many(values[_CHANGE:])
        found = second.update_many(values)
        assert found.tolist() == subject.begin().update_many(values).tolist(), "a second stream saw the first's values"

    def test_values_that_are_not_finite_are_passed_over(self, subject: StreamDetector) -> None:
        values = sample_stream(subject.values)
        whole = subject.begin().update_many(values)
        holes = np.insert(values, [10, 100, 2500], [np.nan, np.inf, -np.inf])
        places = np.flatnonzero(np.isfinite(holes))
        found = subject.begin().update_many(holes)
        assert found.tolist() == places[whole].tolist(), f"with holes {found.tolist()}, without {whole.tolist()}"

    def test_no_values_are_no_signals(self, subject: StreamDetector) -> None:
        stream = subject.begin()
        assert len(stream.update_many(np.empty(0))) == 0, "no values gave a signal"
        assert len(stream.update_many(np.full(10, np.nan))) == 0, "missing values gave a signal"

    def test_values_that_are_all_the_same_are_no_change(self, subject: StreamDetector) -> None:
        found = subject.begin().update_many(np.zeros(5000))
        assert len(found) == 0, f"5,000 zeros gave signals at {found.tolist()}"

    def test_a_single_value_is_no_change(self, subject: StreamDetector) -> None:
        for value in (0.0, 1.0):
            found = subject.begin().update_many(np.array([value]))
            assert len(found) == 0, f"a single {value} gave a signal"

    def test_errors_throughout_are_taken(self, subject: StreamDetector) -> None:
        stream = subject.begin()
        found = stream.update_many(np.ones(2000))
        assert found.dtype.kind == "i", f"positions are integers, found {found.dtype}"
        json.dumps(stream.to_record())

    def test_the_dtype_does_not_matter(self, subject: StreamDetector) -> None:
        plain = (sample_stream(StreamValues.ERRORS) > 0.5).astype(np.float64)
        expected = subject.begin().update_many(plain).tolist()
        for dtype in (np.float32, np.int64, np.int8, np.bool_):
            found = subject.begin().update_many(plain.astype(dtype)).tolist()
            assert found == expected, f"as {np.dtype(dtype)} {found}, as float64 {expected}"

    def test_huge_numbers_do_not_raise(self, subject: StreamDetector) -> None:
        if subject.values is not StreamValues.NUMBERS:
            return
        for size in (5e-324, 1e150, 1.7e308):
            values = np.tile([size, -size, 0.0, size], 500)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                stream = subject.begin()
                found = stream.update_many(values)
                json.dumps(stream.to_record())
            assert found.dtype.kind == "i", f"positions are integers, found {found.dtype}"

    def test_the_values_are_not_written_into(self, subject: StreamDetector) -> None:
        values = sample_stream(subject.values)
        values.flags.writeable = False
        subject.begin().update_many(values)
