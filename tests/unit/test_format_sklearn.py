"""What the sklearn format keeps, refuses, and says."""

import io
import json
import subprocess
import sys
import threading
import zipfile
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.errors import DataError, IntegrityError
from watchkeeper_plugins.formats import sklearn as sklearn_format

FORMAT = sklearn_format.build(NoOptions())


class Custom(LogisticRegression):
    """A user's own estimator, in a module that can be imported."""


def saved(model: Any) -> tuple[bytes, dict[str, str]]:
    kept = io.BytesIO()
    record = FORMAT.save(model, kept)
    return kept.getvalue(), dict(record)


def fitted_tree(depth: int = 3) -> DecisionTreeRegressor:
    rng = np.random.default_rng(0)
    return DecisionTreeRegressor(max_depth=depth, random_state=0).fit(rng.normal(size=(200, 3)), rng.normal(size=200))


def test_the_record_names_every_type_in_the_archive() -> None:
    _, record = saved(fitted_tree())
    trusted = json.loads(record["trusted"])
    assert {"sklearn.tree._classes.DecisionTreeRegressor", "sklearn.tree._tree.Tree", "numpy.ndarray"} <= set(trusted)
    assert record["class"] == "sklearn.tree._classes.DecisionTreeRegressor"


def test_equal_models_give_equal_bytes() -> None:
    assert saved(fitted_tree())[0] == saved(fitted_tree())[0]


def test_a_loaded_model_gives_the_bytes_that_it_was_loaded_from() -> None:
    model = RandomForestClassifier(n_estimators=3, random_state=0).fit(np.eye(4), [0, 1, 0, 1])
    kept, record = saved(model)
    assert saved(FORMAT.load(io.BytesIO(kept), record))[0] == kept


def test_other_models_give_other_bytes() -> None:
    assert saved(fitted_tree(3))[0] != saved(fitted_tree(4))[0]


def test_the_archive_holds_no_pickle() -> None:
    kept, _ = saved(fitted_tree())
    with zipfile.ZipFile(io.BytesIO(kept)) as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"npy", "json"}


def test_an_estimator_of_an_importable_module_is_kept_and_named() -> None:
    kept, record = saved(Custom())
    assert f"{__name__}.Custom" in json.loads(record["trusted"])
    assert type(FORMAT.load(io.BytesIO(kept), record)) is Custom


def test_a_bound_method_is_kept_and_named() -> None:
    scaler = StandardScaler().fit(np.eye(3))
    kept, record = saved(FunctionTransformer(scaler.transform))
    assert "sklearn.preprocessing._data.StandardScaler.transform" in json.loads(record["trusted"])
    loaded = FORMAT.load(io.BytesIO(kept), record)
    np.testing.assert_array_equal(loaded.transform(np.eye(3)), scaler.transform(np.eye(3)))


@pytest.mark.parametrize("left_out", ["sklearn.tree._tree.Tree", "sklearn.tree._classes.DecisionTreeRegressor"])
def test_a_type_that_the_record_does_not_name_is_refused(left_out: str) -> None:
    kept, record = saved(fitted_tree())
    record["trusted"] = json.dumps([name for name in json.loads(record["trusted"]) if name != left_out])
    with pytest.raises(IntegrityError, match=rf"the archive holds {left_out}, which its record does not name.*nothing"):
        FORMAT.load(io.BytesIO(kept), record)


def test_a_function_that_the_record_does_not_name_is_never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    called = []
    monkeypatch.setattr(os, "system", called.append)
    kept, record = saved(FunctionTransformer(np.log1p))
    with zipfile.ZipFile(io.BytesIO(kept)) as archive:
        schema = archive.read("schema.json").decode()
    hostile = io.BytesIO()
    with zipfile.ZipFile(hostile, "w") as archive:
        archive.writestr("schema.json", schema.replace('"log1p"', '"system"').replace('"numpy"', '"os"'))
    hostile.seek(0)
    with pytest.raises(IntegrityError, match=r"os\.system"):
        FORMAT.load(hostile, record)
    assert called == []


def test_a_method_that_the_record_does_not_name_is_refused() -> None:
    kept, record = saved(FunctionTransformer(StandardScaler().fit(np.eye(3)).transform))
    record["trusted"] = json.dumps([name for name in json.loads(record["trusted"]) if not name.endswith("transform")])
    with pytest.raises(IntegrityError, match=r"StandardScaler\.transform.*, which its record does not name"):
        FORMAT.load(io.BytesIO(kept), record)


def test_a_record_without_types_trusts_nothing() -> None:
    kept, _ = saved(LogisticRegression())
    with pytest.raises(IntegrityError, match="LogisticRegression, which its record does not name"):
        FORMAT.load(io.BytesIO(kept), {})


@pytest.mark.parametrize("trusted", ["not json", '"text"', "[1, 2]"])
def test_a_record_that_cannot_be_read_is_refused(trusted: str) -> None:
    kept, _ = saved(LogisticRegression())
    with pytest.raises(DataError, match="the record's 'trusted'"):
        FORMAT.load(io.BytesIO(kept), {"trusted": trusted})


def test_bytes_that_are_no_archive_are_refused() -> None:
    with pytest.raises(DataError, match="these bytes are not a skops archive: File is not a zip file"):
        FORMAT.load(io.BytesIO(b"nothing"), {"trusted": "[]"})


def test_an_archive_that_needs_a_class_which_is_not_here_is_refused() -> None:
    kept, record = saved(LogisticRegression())
    with zipfile.ZipFile(io.BytesIO(kept)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    moved = io.BytesIO()
    with zipfile.ZipFile(moved, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part.replace(b"sklearn.linear_model._logistic", b"elsewhere.models"))
    moved.seek(0)
    record["trusted"] = record["trusted"].replace("sklearn.linear_model._logistic", "elsewhere.models")
    with pytest.raises(DataError, match="cannot be read in this environment: No module named 'elsewhere'"):
        FORMAT.load(moved, record)


def test_a_function_without_a_name_is_refused_in_a_sentence() -> None:
    with pytest.raises(DataError, match=r"FunctionTransformer cannot be saved: .*<lambda> exists in this process only"):
        saved(FunctionTransformer(lambda rows: rows))


def test_a_class_of_the_main_script_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Custom, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Custom", Custom, raising=False)
    with pytest.raises(DataError, match=r"__main__\.Custom exists in this process only; define it by name in a module"):
        saved(Custom())


def test_a_part_that_cannot_be_saved_is_refused_in_a_sentence() -> None:
    model = LogisticRegression()
    model.source = (number for number in range(3))
    with pytest.raises(DataError, match="LogisticRegression cannot be saved: cannot pickle 'generator' object"):
        saved(model)


def test_a_part_that_cannot_be_read_back_is_refused_in_a_sentence() -> None:
    model = LogisticRegression()
    model.lock = threading.Lock()
    with pytest.raises(DataError, match=r"LogisticRegression cannot be read back once saved: .*lock"):
        saved(model)


def test_nothing_is_written_for_a_model_that_is_refused() -> None:
    kept = io.BytesIO()
    with pytest.raises(DataError):
        FORMAT.save(FunctionTransformer(lambda rows: rows), kept)
    assert kept.getvalue() == b""


def test_asking_who_handles_a_model_does_not_import_sklearn() -> None:
    program = (
        "import sys\n"
        "from watchkeeper_plugins.formats import sklearn as plugin\n"
        "from watchkeeper.contracts.plugin import NoOptions\n"
        "assert plugin.build(NoOptions()).handles(object()) is False\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'sklearn', 'skops', 'scipy', 'pandas'}))\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_seventh_byte_that_is_changed_is_refused_or_changes_nothing() -> None:
    """The registry's digest is what protects; the format alone must at least never fail otherwise than in words."""
    model = fitted_tree(2)
    kept, record = saved(model)
    expected = model.predict(np.zeros((1, 3)))
    for at in range(0, len(kept), 7):
        changed = bytearray(kept)
        changed[at] ^= 0x20
        try:
            loaded = FORMAT.load(io.BytesIO(bytes(changed)), record)
        except (DataError, IntegrityError):
            continue
        assert loaded.predict(np.zeros((1, 3))) == expected
