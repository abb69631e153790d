"""The checks that every format must pass."""

from __future__ import annotations

import io
import json
import sys
import unittest
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from watchkeeper.contracts.format import Format
from watchkeeper.domain.errors import DataError, IntegrityError

_CLOSE = 1e-12


@attrs.frozen
class SampleModel:
    """A model of the format's framework, and how to ask it for numbers."""

    model: Any
    predict: Callable[[Any], Any]
    """The numbers that a model gives for a few fixed rows; a loaded model must give the same."""


class FormatContract:
    """Subclass it in your tests and give a fixture ``subject``: the format, as `build` returns it.

    Override `models`, or everything that needs a model is skipped. Override `stranger` with bytes of your format
    that hold a type or code which the record of the first model does not name.
    """

    def models(self) -> Sequence[SampleModel]:
        """A few fitted models that the format handles."""
        return ()

    def stranger(self) -> bytes | None:
        """Bytes in the format that hold what no record names; None when the format cannot express such a thing."""
        return None

    def test_it_satisfies_the_protocol(self, subject: Format) -> None:
        assert isinstance(subject, Format), f"a format has handles(), save() and load(), found {type(subject).__name__}"

    def test_it_does_not_handle_what_is_no_model(self, subject: Format) -> None:
        for thing in (None, 3.0, "model", {}, [], object, object(), lambda: None):
            assert subject.handles(thing) is False, f"handles({thing!r}) is False for what is no model"

    def test_asking_whether_it_handles_something_imports_nothing(self, subject: Format) -> None:
        before = set(sys.modules)
        subject.handles(object())
        imported = sorted(set(sys.modules) - before)
        assert not imported, f"handles() imports nothing, found {', '.join(imported[:5])}"

    def test_bytes_of_something_else_are_refused(self, subject: Format) -> None:
        for wrong in (b"", b"\0", b"watchkeeper", b"PK\x03\x04", b"\x80\x04N.", bytes(range(256)) * 8):
            _refused(subject, wrong, {}, f"the bytes {wrong[:12]!r}")

    def test_it_handles_its_models(self, subject: Format) -> None:
        for sample in self._samples():
            assert subject.handles(sample.model) is True, f"handles({sample.model!r}) is True"

    def test_a_loaded_model_answers_as_the_saved_one(self, subject: Format) -> None:
        for sample in self._samples():
            kept, record = _saved(subject, sample.model)
            expected, found = (np.asarray(sample.predict(m)) for m in (sample.model, _loaded(subject, kept, record)))
            assert found.shape == expected.shape, f"{sample.model!r} answered {expected.shape}, loaded {found.shape}"
            assert np.allclose(found, expected, rtol=_CLOSE, atol=_CLOSE), f"{sample.model!r} answers differently"

    def test_a_record_survives_being_stored_as_json(self, subject: Format) -> None:
        for sample in self._samples():
            kept, record = _saved(subject, sample.model)
            texts: list[object] = [*record, *record.values()]
            assert all(isinstance(text, str) for text in texts), f"a record maps text to text, found {record!r}"
            sample.predict(_loaded(subject, kept, json.loads(json.dumps(record))))

    def test_saving_does_not_change_the_model(self, subject: Format) -> None:
        for sample in self._samples():
            before = np.asarray(sample.predict(sample.model)).copy()
            _saved(subject, sample.model)
            assert np.array_equal(before, np.asarray(sample.predict(sample.model))), "the model answers differently"

    def test_a_truncated_file_is_refused(self, subject: Format) -> None:
        for sample in self._samples():
            kept, record = _saved(subject, sample.model)
            for length in (1, len(kept) // 2, len(kept) - 1):
                _refused(subject, kept[:length], record, f"{length} of {len(kept)} bytes")

    def test_what_the_record_does_not_name_is_refused(self, subject: Format) -> None:
        foreign = self.stranger()
        if foreign is None:
            raise unittest.SkipTest("the contract class gives no stranger()")
        _, record = _saved(subject, self._samples()[0].model)
        try:
            _loaded(subject, foreign, record)
        except IntegrityError as error:
            told = str(error)
        else:
            raise AssertionError("bytes with a type that the record does not name must be an IntegrityError")
        assert told, "the error names what was not in the record, found an empty message"

    def _samples(self) -> Sequence[SampleModel]:
        found = self.models()
        if not found:
            raise unittest.SkipTest("the contract class gives no models()")
        return found


def _saved(subject: Format, model: Any) -> tuple[bytes, dict[str, str]]:
    kept = io.BytesIO()
    record = dict(subject.save(model, kept))
    assert kept.getvalue(), "save() writes the model, found no bytes"
    return kept.getvalue(), record


def _loaded(subject: Format, kept: bytes, record: dict[str, str]) -> Any:
    return subject.load(io.BytesIO(kept), record)


def _refused(subject: Format, kept: bytes, record: dict[str, str], what: str) -> None:
    try:
        _loaded(subject, kept, record)
    except (DataError, IntegrityError) as error:
        told = str(error)
    else:
        raise AssertionError(f"{what} must be a DataError or an IntegrityError, and a model was loaded")
    assert told, f"{what}: the error says what was found, found an empty message"
