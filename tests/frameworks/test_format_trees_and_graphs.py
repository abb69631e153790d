"""XGBoost, LightGBM and ONNX: what their own libraries write."""

import io
import json

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from sklearn.datasets import load_breast_cancer  # noqa: E402 - only where the others are
from sklearn.linear_model import LogisticRegression  # noqa: E402 - the same

from watchkeeper.contracts.plugin import NoOptions  # noqa: E402 - the same
from watchkeeper.domain.errors import DataError, IntegrityError  # noqa: E402 - the same
from watchkeeper.testing.format import FormatContract, SampleModel  # noqa: E402 - the same
from watchkeeper_plugins.formats import lightgbm as lightgbm_format  # noqa: E402 - the same
from watchkeeper_plugins.formats import onnx as onnx_format  # noqa: E402 - the same
from watchkeeper_plugins.formats import sklearn as sklearn_format  # noqa: E402 - the same
from watchkeeper_plugins.formats import xgboost as xgboost_format  # noqa: E402 - the same

INPUTS, TRUTH = load_breast_cancer(return_X_y=True)
INPUTS = INPUTS[:, :6].astype(np.float32)


def classifier() -> object:
    return xgboost.XGBClassifier(n_estimators=5, max_depth=3, random_state=0).fit(INPUTS, TRUTH)


class TestXgboostFormat(FormatContract):
    @pytest.fixture
    def subject(self) -> object:
        return xgboost_format.build(NoOptions())

    def models(self) -> list[SampleModel]:
        booster = xgboost.train({"max_depth": 3}, xgboost.DMatrix(INPUTS, TRUTH), 5)
        regressor = xgboost.XGBRegressor(n_estimators=5).fit(INPUTS, TRUTH)
        return [
            SampleModel(classifier(), lambda model: model.predict_proba(INPUTS[:20])),
            SampleModel(regressor, lambda model: model.predict(INPUTS[:20])),
            SampleModel(booster, lambda model: model.predict(xgboost.DMatrix(INPUTS[:20]))),
        ]


class TestLightgbmFormat(FormatContract):
    @pytest.fixture
    def subject(self) -> object:
        return lightgbm_format.build(NoOptions())

    def models(self) -> list[SampleModel]:
        rows = lightgbm.Dataset(INPUTS, TRUTH)
        booster = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, rows, 5)
        return [SampleModel(booster, lambda model: model.predict(INPUTS[:20]))]


def converted() -> object:
    from skl2onnx import to_onnx

    return to_onnx(LogisticRegression(max_iter=5000).fit(INPUTS, TRUTH), INPUTS[:1])


def run(model: object) -> object:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: INPUTS[:20]})[0]


def with_operator(name: str) -> object:
    node = onnx.helper.make_node(name, ["x"], ["y"])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node], "g", [value("x", onnx.TensorProto.FLOAT, [2])], [value("y", onnx.TensorProto.FLOAT, [2])]
    )
    return onnx.helper.make_model(graph)


class TestOnnxFormat(FormatContract):
    @pytest.fixture
    def subject(self) -> object:
        return onnx_format.build(NoOptions())

    def models(self) -> list[SampleModel]:
        return [SampleModel(converted(), run)]

    def stranger(self) -> bytes:
        return with_operator("Neg").SerializeToString()


def test_estimators_of_these_libraries_are_left_to_their_own_formats() -> None:
    skops = sklearn_format.build(NoOptions())
    assert not skops.handles(classifier())
    assert not skops.handles(lightgbm.LGBMClassifier())
    assert skops.handles(LogisticRegression())


def test_an_estimator_that_is_not_fitted_is_refused() -> None:
    with pytest.raises(DataError, match="XGBClassifier is not fitted"):
        xgboost_format.build(NoOptions()).save(xgboost.XGBClassifier(), io.BytesIO())


def test_a_record_with_somebody_elses_class_builds_nothing() -> None:
    with pytest.raises(IntegrityError, match=r"the record names os\.system, which is no class of xgboost"):
        xgboost_format.build(NoOptions()).load(io.BytesIO(b"{}"), {"class": "os.system"})


def test_an_onnx_model_with_weights_in_other_files_is_refused() -> None:
    model = converted()
    tensor = model.graph.initializer.add()
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros(3, np.float32), "elsewhere"))
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../secret"
    tensor.data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(DataError, match="keeps elsewhere in other files, which would not be verified"):
        onnx_format.build(NoOptions()).save(model, io.BytesIO())


def test_a_lightgbm_record_of_another_model_is_refused() -> None:
    subject = lightgbm_format.build(NoOptions())
    rows = lightgbm.Dataset(INPUTS, TRUTH)
    kept = io.BytesIO()
    record = subject.save(lightgbm.train({"verbose": -1, "num_threads": 1}, rows, 3), kept)
    with pytest.raises(DataError, match="the model has 3 trees, its record says 4"):
        subject.load(io.BytesIO(kept.getvalue()), {**record, "trees": json.dumps(4)})
