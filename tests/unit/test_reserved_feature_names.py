"""Features that bear the name of something else that is stored or measured are refused, as nothing would watch them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from watchkeeper.app.intake import reference_rows
from watchkeeper.config.reading import load
from watchkeeper.config.schema import ColumnsConfig, ModelConfig
from watchkeeper.domain.errors import ConfigError, DataError
from watchkeeper.domain.reserved_names import RESERVED_NAMES
from watchkeeper.domain.table import Table
from watchkeeper.plugins import Plugins


def written(folder: Path, columns: str) -> Path:
    file = folder / "watchkeeper.toml"
    file.write_text(f'[project]\nname = "p"\n[models.m]\ntask = "score"\ncolumns = {{ {columns} }}\nwindow = "1h"\n')
    return file


@pytest.mark.parametrize("role", ["features", "text"])
@pytest.mark.parametrize("name", RESERVED_NAMES)
def test_a_feature_named_like_what_is_stored_beside_it_is_refused_with_its_line(tmp_path, name, role):
    file = written(tmp_path, f'time = "ts", prediction = "p", {role} = ["x", "{name}"]')
    with pytest.raises(ConfigError) as refusal:
        load(file, Plugins())
    assert f'{file}:5: models.m.columns.{role}[1] is "{name}", a name that watchkeeper has' in str(refusal.value)


def test_columns_of_these_roles_may_have_these_names(tmp_path):
    roles = ", ".join(f'{role} = "{role}"' for role in ("time", "id", "prediction", "outcome"))
    assert load(written(tmp_path, f'{roles}, features = ["x"]'), Plugins()).config.models["m"].columns.time == "time"


def test_a_reference_whose_own_columns_would_be_such_features_is_refused():
    config = ModelConfig(task="score", columns=ColumnsConfig(time="ts", prediction="p"), window="1h")
    table = Table({"p": np.arange(3.0), "x": np.arange(3.0), "version": np.arange(3.0)})
    with pytest.raises(DataError) as refusal:
        reference_rows("m", config, table, "ref.parquet")
    assert str(refusal.value) == (
        "the column 'version' of ref.parquet would be a feature of model 'm', and watchkeeper has that name for "
        "something else, so that it could not be watched: rename it, leave it out by listing "
        "models.m.columns.features, or give it its role there"
    )
