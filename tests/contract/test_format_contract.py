"""The built-in formats against the contract of formats."""

import io
import unittest
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from watchkeeper.contracts.format import Format
from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.testing.format import FormatContract, SampleModel
from watchkeeper_plugins.formats import sklearn as sklearn_format

_INPUTS, _TRUTH = load_breast_cancer(return_X_y=True)


class TestSklearn(FormatContract):
    @pytest.fixture
    def subject(self) -> Format:
        return sklearn_format.build(NoOptions())

    def models(self) -> Sequence[SampleModel]:
        scaled = _INPUTS / _INPUTS.max(axis=0)
        models = [
            make_pipeline(StandardScaler(), LogisticRegression()),
            GradientBoostingClassifier(n_estimators=5, random_state=0),
            HistGradientBoostingClassifier(max_iter=5, random_state=0),
            RandomForestClassifier(n_estimators=5, random_state=0),
            KNeighborsClassifier(),
            GaussianNB(),
        ]
        return [SampleModel(model.fit(scaled, _TRUTH), lambda m: m.predict_proba(scaled)) for model in models]

    def stranger(self) -> bytes:
        kept = io.BytesIO()
        sklearn_format.build(NoOptions()).save(FunctionTransformer(np.log1p), kept)
        return kept.getvalue()


class Bare(FormatContract):
    """As ``watchkeeper plugins check`` runs it: without models."""


def test_without_models_the_checks_that_need_them_are_skipped() -> None:
    subject = sklearn_format.build(NoOptions())
    Bare().test_bytes_of_something_else_are_refused(subject)
    with pytest.raises(unittest.SkipTest, match=r"the contract class gives no models\(\)"):
        Bare().test_a_loaded_model_answers_as_the_saved_one(subject)
    with pytest.raises(unittest.SkipTest, match=r"the contract class gives no stranger\(\)"):
        Bare().test_what_the_record_does_not_name_is_refused(subject)
