"""MLflow itself writes what we import, and reads what we export."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.model import Stage
from watchkeeper.domain.policy import Policy, Signer
from watchkeeper.registry import Registry
from watchkeeper.registry.envelopes import SigningKey, new_key
from watchkeeper.registry.mlflow import exported, imported
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper_plugins.formats import python_pickle
from watchkeeper_plugins.formats import sklearn as sklearn_format

mlflow = pytest.importorskip("mlflow")
pytest.importorskip("sqlalchemy")
pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = np.arange(12.0).reshape(6, 2)


def line(slope: float) -> LinearRegression:
    return LinearRegression().fit(ROWS, ROWS.sum(1) * slope)


@pytest.fixture
def client(tmp_path: Path) -> Any:
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    address = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    place = (tmp_path / "artifacts").as_uri()
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("desk", artifact_location=place))
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    new_key(tmp_path / "key")
    key = SigningKey.read(tmp_path / "key", "ada")
    formats = {"pickle": python_pickle.build(NoOptions()), "sklearn": sklearn_format.build(NoOptions())}
    policy = Policy(signers={"ada": Signer(key.public, may_run_code=True)})
    return Registry(MemoryStorage(), formats, FakeClock(), "ada", policy=policy, signs_with=lambda: key)


def logged(slope: float, serialization: str) -> None:
    with mlflow.start_run():
        mlflow.log_metric("rmse", slope / 10)
        mlflow.log_param("slope", slope)
        mlflow.sklearn.log_model(
            line(slope),
            name="model",
            registered_model_name="line",
            serialization_format=serialization,
            pip_requirements=["scikit-learn"],
        )


def test_a_registry_that_mlflow_wrote_is_taken_over(client: Any, registry: Registry, tmp_path: Path) -> None:
    logged(1.0, "skops")
    logged(2.0, "cloudpickle")
    client.set_registered_model_alias("line", "champion", "1")
    client.set_model_version_tag("line", "2", "desk", "fx")
    client.transition_model_version_stage("line", "2", "Production")
    found = list(imported(registry, tmp_path / "mlflow.db", tmp_path / "artifacts"))
    assert [(one.ref, one.problem) for one in found] == [("line@1.0.0", ""), ("line@2.0.0", "")]
    for number in (1, 2):
        theirs = mlflow.sklearn.load_model(f"models:/line/{number}")
        assert registry.load(f"line@{number}.0.0").predict(ROWS) == pytest.approx(theirs.predict(ROWS))
    assert registry.get("line@champion").metrics == {"rmse": 0.1}
    assert "desk=fx" in registry.get("line@production").tags
    assert registry.get("line@1.0.0").environment["scikit-learn"]


def test_mlflow_reads_and_registers_what_we_export(client: Any, registry: Registry, tmp_path: Path) -> None:
    for slope in (1.0, 3.0):
        version = registry.register(line(slope), "line", metrics={"rmse": slope})
        registry.promote(version.ref, Stage.STAGING)
    registry.register(line(5.0), "line", save_as="pickle")
    registry.aliases.set("line@1.1.0", "champion")
    client.create_registered_model("line")
    for one in exported(registry, "line", tmp_path / "out"):
        assert one.folder is not None
        client.create_model_version("line", one.folder.as_uri())
        ours = registry.load(one.ref)
        assert mlflow.pyfunc.load_model(str(one.folder)).predict(ROWS) == pytest.approx(ours.predict(ROWS))
    assert mlflow.sklearn.load_model("models:/line/2").coef_ == pytest.approx(registry.load("line@champion").coef_)


def test_roles_are_those_of_an_independent_library() -> None:
    casbin = pytest.importorskip("casbin")
    from itertools import product

    from watchkeeper.domain.access import ALLOWED, Access, Action, Grant, Role

    grants = (
        Grant("ada", Role.OPERATOR, ("fx-*",)),
        Grant("bob", Role.APPROVER, ("*",)),
        Grant("root", Role.ADMIN),
        Grant("eve", Role.VIEWER, ("fx-carry", "rates-?")),
    )
    model = casbin.Model()
    model.load_model_from_text(
        "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n"
        "[policy_effect]\ne = some(where (p.eft == allow))\n"
        "[matchers]\nm = r.sub == p.sub && globMatch(r.obj, p.obj) && r.act == p.act\n"
    )
    oracle = casbin.Enforcer(model)
    for grant in grants:
        for pattern, action in product(grant.models, ALLOWED[grant.role]):
            oracle.add_policy(grant.who, pattern, str(action))
    access = Access(grants)
    for who, action, name in product(
        ("ada", "bob", "root", "eve", "nobody"), Action, ("fx-carry", "fx-x", "rates-1", "rates-12", "other")
    ):
        assert access.allows(who, action, name) == oracle.enforce(who, name, str(action)), (who, action, name)
