"""The bill of materials against the schema that CycloneDX publishes."""

import json

import numpy as np
import pytest

from watchkeeper.domain.model import Stage, Task, Version, VersionNumber
from watchkeeper.domain.table import Table
from watchkeeper.registry import training_data_of
from watchkeeper.registry.bill_of_materials import bill_of_materials

schema = pytest.importorskip("cyclonedx.schema")


def version(**fields: object) -> Version:
    known = {
        "model": "momentum",
        "number": VersionNumber(1, 0, 0),
        "stage": Stage.STAGING,
        "format": "sklearn",
        "digest": "ab" * 32,
        "size": 10,
        "created_us": 1_221_436_800_000_000,
        "created_by": "ada",
    }
    return Version(**{**known, **fields})


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(version(), id="nothing is known"),
        pytest.param(
            version(
                task=Task.CLASSIFICATION,
                metrics={"auc": 0.61},
                parameters={"depth": "3"},
                environment={"python": "3.11.7", "numpy": "2.4.6", "torch": "2.13.0+cpu"},
                features=("ret1", "vol10"),
                code="f00ba4",
                training_data=training_data_of(Table({"x": np.arange(3.0)}), source="desk"),
                card={
                    "intended use": "sizing",
                    "users": "the desk",
                    "limitations": "liquid markets",
                    "ethical considerations": "none known",
                },
            ),
            id="everything is known",
        ),
    ],
)
def test_it_fits_the_schema_of_version_1_6(one: Version) -> None:
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(json.dumps(bill_of_materials(one))) is None
