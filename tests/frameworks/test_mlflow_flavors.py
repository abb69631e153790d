"""Models of every flavor that MLflow writes: their bytes taken over, or a sentence that says what to do."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from framework_models import Net

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.registry import Registry
from watchkeeper.registry.mlflow import Imported, imported
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper_plugins.formats import keras as keras_format
from watchkeeper_plugins.formats import lightgbm as lightgbm_format
from watchkeeper_plugins.formats import onnx as onnx_format
from watchkeeper_plugins.formats import torch as torch_format
from watchkeeper_plugins.formats import xgboost as xgboost_format

mlflow = pytest.importorskip("mlflow")
pytest.importorskip("sqlalchemy")
pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
TRUTH = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)
PACKAGES = ["mlflow-skinny"]


@pytest.fixture(autouse=True)
def _experiment(tmp_path: Path) -> Any:
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    place = (tmp_path / "artifacts").as_uri()
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("desk", artifact_location=place))
    yield
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


@pytest.fixture
def registry() -> Registry:
    modules = {
        "keras": keras_format,
        "lightgbm": lightgbm_format,
        "onnx": onnx_format,
        "torch": torch_format,
        "xgboost": xgboost_format,
    }
    formats = {name: module.build(NoOptions()) for name, module in modules.items()}
    return Registry(MemoryStorage(), formats, FakeClock(), "ada")


def logged(flavor: str, model: Any, **told: Any) -> None:
    with mlflow.start_run():
        getattr(mlflow, flavor).log_model(
            model, name="model", registered_model_name="line", pip_requirements=PACKAGES, **told
        )


def taken_over(registry: Registry, folder: Path) -> Imported:
    (one,) = imported(registry, folder / "mlflow.db", folder / "artifacts")
    return one


@pytest.mark.parametrize("file", ["ubj", "json"])
def test_an_estimator_of_xgboost_comes_as_the_class_it_was(registry: Registry, tmp_path: Path, file: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=2).fit(ROWS, TRUTH)
    logged("xgboost", model, model_format=file)
    assert taken_over(registry, tmp_path).problem == ""
    found = registry.load("line@1.0.0")
    assert type(found) is xgboost.XGBClassifier
    np.testing.assert_array_equal(found.predict_proba(ROWS), model.predict_proba(ROWS))
    assert registry.get("line@1.0.0").environment["xgboost"] == xgboost.__version__


def test_a_booster_of_xgboost_comes_as_a_booster(registry: Registry, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.train({"max_depth": 2}, xgboost.DMatrix(ROWS, TRUTH), 5)
    logged("xgboost", model)
    assert taken_over(registry, tmp_path).problem == ""
    rows = xgboost.DMatrix(ROWS)
    np.testing.assert_array_equal(registry.load("line@1.0.0").predict(rows), model.predict(rows))


def test_a_booster_of_lightgbm_comes_as_a_booster(registry: Registry, tmp_path: Path) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(ROWS, TRUTH), 5)
    logged("lightgbm", model)
    assert taken_over(registry, tmp_path).problem == ""
    np.testing.assert_allclose(registry.load("line@1.0.0").predict(ROWS), model.predict(ROWS))


def test_an_onnx_model_comes_with_its_operators(registry: Registry, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    logged("onnx", onnx_line(), save_as_external_data=False)
    assert taken_over(registry, tmp_path).problem == ""
    assert registry.load("line@1.0.0") == onnx_line()


def test_a_keras_model_comes_as_its_archive(registry: Registry, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    logged("keras", model)
    assert taken_over(registry, tmp_path).problem == ""
    np.testing.assert_allclose(registry.load("line@1.0.0").predict(ROWS), model.predict(ROWS), rtol=1e-6)


def test_an_exported_program_of_torch_comes_as_it_is(registry: Registry, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = Net(inputs=3, hidden=4).eval()
    signature = mlflow.models.infer_signature(ROWS, model(torch.tensor(ROWS)).detach().numpy())
    logged("pytorch", model, serialization_format="pt2", input_example=ROWS, signature=signature)
    assert taken_over(registry, tmp_path).problem == ""
    found = registry.load("line@1.0.0").module()
    torch.testing.assert_close(found(torch.tensor(ROWS)), model(torch.tensor(ROWS)))


def test_a_pickle_of_torch_is_left_out_with_a_sentence(registry: Registry, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    logged("pytorch", Net(inputs=3, hidden=4), serialization_format="pickle")
    one = taken_over(registry, tmp_path)
    assert one.ref is None
    assert "data/model.pth" in one.problem
    assert "of the flavor pytorch; expected one of model.skops" in one.problem
    assert "load it with MLflow and register the model" in one.problem
    assert registry.models() == ()


def onnx_line() -> Any:
    from onnx import TensorProto, helper

    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 3])
    sums = helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["n", 1])
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [3, 1], [1.0, 2.0, 3.0])
    node = helper.make_node("MatMul", ["rows", "weights"], ["sums"])
    graph = helper.make_graph([node], "line", [rows], [sums], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
