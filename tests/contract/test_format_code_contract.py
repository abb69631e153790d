"""Pickle and joblib keep the format contract, and look up nothing that the record does not name."""

import io
import os
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from watchkeeper.contracts.format import Format
from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.errors import DataError, IntegrityError
from watchkeeper.testing.format import FormatContract, SampleModel
from watchkeeper_plugins.formats import joblib, python_pickle

ROWS = np.arange(12.0).reshape(6, 2)


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("false",)

    def predict(self, rows: Any) -> Any:
        return rows


class CodeContract(FormatContract):
    def models(self) -> Sequence[SampleModel]:
        return [SampleModel(LinearRegression().fit(ROWS, ROWS.sum(1)), lambda model: model.predict(ROWS))]

    def stranger(self) -> bytes:
        return pickle.dumps(Bomb())


class TestPickleFormat(CodeContract):
    @pytest.fixture
    def subject(self) -> Format:
        return python_pickle.build(NoOptions())


class TestJoblibFormat(CodeContract):
    @pytest.fixture
    def subject(self) -> Format:
        return joblib.build(NoOptions())


@pytest.mark.parametrize("module", [python_pickle, joblib], ids=["pickle", "joblib"])
def test_a_name_that_the_record_does_not_have_is_never_looked_up(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "system", lambda command: pytest.fail("it was run"))
    subject = module.build(NoOptions())
    record = subject.save(LinearRegression().fit(ROWS, ROWS.sum(1)), io.BytesIO())
    with pytest.raises(IntegrityError, match=r"asks for posix\.system, which its record does not name"):
        subject.load(io.BytesIO(b"\x80\x04\x8c\x05posix\x8c\x06system\x93."), record)


@pytest.mark.parametrize("module", [python_pickle, joblib], ids=["pickle", "joblib"])
def test_what_cannot_be_pickled_is_told(module: Any) -> None:
    class Local:
        def predict(self, rows: Any) -> Any:
            return rows

    with pytest.raises(DataError, match="Local cannot be"):
        module.build(NoOptions()).save(Local(), io.BytesIO())


@pytest.mark.parametrize("module", [python_pickle, joblib], ids=["pickle", "joblib"])
def test_the_framework_is_in_the_record_for_the_environment_check(module: Any) -> None:
    import sklearn

    record = module.build(NoOptions()).save(LinearRegression().fit(ROWS, ROWS.sum(1)), io.BytesIO())
    assert record["scikit-learn"] == sklearn.__version__
