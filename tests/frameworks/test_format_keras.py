"""Keras: archives in safe mode."""

import io
import json
import zipfile

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:::tensorflow", "ignore:::keras", "ignore::DeprecationWarning")
pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from watchkeeper.contracts.plugin import NoOptions  # noqa: E402 - only where keras is
from watchkeeper.domain.errors import DataError, IntegrityError  # noqa: E402 - the same
from watchkeeper.testing.format import FormatContract, SampleModel  # noqa: E402 - the same
from watchkeeper_plugins.formats.keras import KerasFormat, build  # noqa: E402 - the same

ROWS = np.linspace(-2, 2, 24, dtype=np.float32).reshape(6, 4)


def trained() -> object:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(ROWS, ROWS.sum(1), epochs=2, verbose=0)
    return model


def functional() -> object:
    keras.utils.set_random_seed(2)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, "tanh")(inputs)
    return keras.Model(inputs, keras.layers.Concatenate()([inputs, hidden]))


def told(model: object) -> object:
    return model.predict(ROWS, verbose=0)


def saved(model: object) -> tuple[bytes, dict[str, str]]:
    kept = io.BytesIO()
    record = dict(build(NoOptions()).save(model, kept))
    return kept.getvalue(), record


def changed(archive: bytes, **replaced: str) -> bytes:
    """The archive with other classes in its configuration."""
    rewritten = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as found, zipfile.ZipFile(rewritten, "w") as written:
        for name in found.namelist():
            data = found.read(name)
            if name == "config.json":
                for old, new in replaced.items():
                    data = data.replace(f'"{old}"'.encode(), f'"{new}"'.encode())
            written.writestr(name, data)
    return rewritten.getvalue()


class TestKerasFormat(FormatContract):
    @pytest.fixture
    def subject(self) -> KerasFormat:
        return build(NoOptions())

    def models(self) -> list[SampleModel]:
        return [SampleModel(trained(), told), SampleModel(functional(), told)]

    def stranger(self) -> bytes:
        return changed(saved(trained())[0], Dense="Lambda")


def test_a_lambda_layer_is_refused_at_the_save() -> None:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Lambda(lambda rows: rows * 2)])
    with pytest.raises(DataError, match="Sequential cannot be read back once saved"):
        saved(model)


def test_an_archive_that_asks_for_another_class_builds_nothing() -> None:
    data, record = saved(trained())
    with pytest.raises(IntegrityError, match="Lambda, which its record does not"):
        build(NoOptions()).load(io.BytesIO(changed(data, Dense="Lambda")), record)


def test_the_time_of_saving_is_not_in_the_bytes() -> None:
    with zipfile.ZipFile(io.BytesIO(saved(functional())[0])) as found:
        assert json.loads(found.read("metadata.json"))["date_saved"] == ""


def test_an_archive_of_keras_itself_is_taken_over() -> None:
    archive, _ = saved(functional())
    into = io.BytesIO()
    record = build(NoOptions()).adopt(io.BytesIO(archive), into)
    found = build(NoOptions()).load(io.BytesIO(into.getvalue()), record)
    np.testing.assert_allclose(told(found), told(functional()), rtol=1e-6)


def test_an_archive_with_a_class_of_somebody_elses_is_taken_over_only_by_its_name() -> None:
    archive, _ = saved(trained())
    foreign = changed(archive, **{"keras.layers": "elsewhere.layers"})
    name = "elsewhere.layers.Dense"
    with pytest.raises(IntegrityError, match=r"the archive asks for .*elsewhere\.layers\.Dense.*, which is not Keras'"):
        build(NoOptions()).adopt(io.BytesIO(foreign), io.BytesIO())
    names = [name, "elsewhere.layers.InputLayer"]
    record = build(NoOptions()).adopt(io.BytesIO(foreign), io.BytesIO(), trusted=names)
    assert name in json.loads(record["classes"])
