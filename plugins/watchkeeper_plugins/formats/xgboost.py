"""XGBoost models in the library's own binary JSON: trees and numbers, no pickle.

Example
-------
>>> build(NoOptions()).handles("no model")
False
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, BinaryIO

import attrs

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.errors import DataError, IntegrityError
from watchkeeper.hookspecs import hookimpl

from .complaints import first_line
from .naming import FROM_ELSEWHERE, class_named, name_of, recorded


@attrs.frozen
class XgboostFormat:
    """Saves a ``Booster``, or an estimator of ``xgboost.sklearn``."""

    def handles(self, model: Any) -> bool:
        """Whether it is a booster or one of the library's estimators; imports nothing."""
        xgboost = sys.modules.get("xgboost")
        return xgboost is not None and isinstance(model, xgboost.Booster | xgboost.XGBModel)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        """Write the trees.

        Raises
        ------
        DataError
            The estimator is not fitted, or of a class of somebody else's.
        """
        import xgboost

        name = name_of(type(model))
        if not name.startswith("xgboost."):
            raise DataError(f"{name} is not a class of xgboost itself; save its booster: model.get_booster()")
        try:
            booster = model if isinstance(model, xgboost.Booster) else model.get_booster()
        except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
            raise DataError(f"{name} is not fitted: {first_line(error)}") from error
        into.write(bytes(booster.save_raw("ubj")))
        return {"class": name, "xgboost": xgboost.__version__}

    def adopt(
        self,
        source: BinaryIO,
        into: BinaryIO,
        trusted: Collection[str] = (),  # noqa: ARG002 - nothing in such a file asks for trust
    ) -> Mapping[str, str]:
        """Take over a file that XGBoost wrote, in JSON or UBJSON; a booster, unless the record is told more.

        Raises
        ------
        DataError
            It is neither, such as the binary layout of XGBoost before 3.
        """
        import xgboost

        data = source.read()
        _read_into(xgboost.Booster(), data)
        into.write(data)
        return {"class": "xgboost.core.Booster", "xgboost": FROM_ELSEWHERE}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        """The booster or estimator.

        Raises
        ------
        IntegrityError
            The record names a class that is not xgboost's own.
        DataError
            It is no model in binary JSON.
        """
        name = recorded(record, "class")
        if not name.startswith("xgboost."):
            raise IntegrityError(f"the record names {name}, which is no class of xgboost: nothing was built")
        model = class_named(name)()
        _read_into(model, source.read())
        return model


def build(options: NoOptions) -> XgboostFormat:  # noqa: ARG001 - there is nothing to set
    """Make the format; xgboost is imported at the first save or load."""
    return XgboostFormat()


def _read_into(model: Any, data: bytes) -> None:
    import xgboost

    if not (data.startswith(b"{") and data.endswith(b"}")):
        raise DataError("these bytes are no XGBoost model: expected JSON or binary JSON from { to }")
    try:
        model.load_model(bytearray(data))
    except (xgboost.core.XGBoostError, ValueError, TypeError, LookupError) as error:
        raise DataError(f"these bytes are no XGBoost model: {first_line(error)}") from error


@hookimpl
def watchkeeper_formats() -> Iterable[Plugin]:
    """XGBoost's own format."""
    yield Plugin(
        Kind.FORMAT,
        "xgboost",
        build,
        NoOptions,
        summary="XGBoost boosters and estimators in binary JSON",
        extra="xgboost",
        modules=("xgboost",),
    )
