"""LightGBM boosters in the library's own text: trees and numbers, no pickle.

Example
-------
>>> build(NoOptions()).handles("no model")
False
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, BinaryIO, Final

import attrs

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.errors import DataError
from watchkeeper.hookspecs import hookimpl

from .complaints import first_line
from .naming import FROM_ELSEWHERE, recorded

_BEGINS: Final = b"tree\n"


@attrs.frozen
class LightgbmFormat:
    """Saves a ``Booster``; of an estimator, register ``model.booster_``."""

    def handles(self, model: Any) -> bool:
        """Whether it is a booster; imports nothing."""
        lightgbm = sys.modules.get("lightgbm")
        return lightgbm is not None and isinstance(model, lightgbm.Booster)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        """Write the trees."""
        import lightgbm

        text = model.model_to_string(num_iteration=-1)
        into.write(text.encode())
        return {"trees": str(model.num_trees()), "lightgbm": lightgbm.__version__}

    def adopt(
        self,
        source: BinaryIO,
        into: BinaryIO,
        trusted: Collection[str] = (),  # noqa: ARG002 - nothing in such a file asks for trust
    ) -> Mapping[str, str]:
        """Take over a file that LightGBM wrote; a booster.

        Raises
        ------
        DataError
            It is no model in LightGBM's text.
        """
        data = source.read()
        booster = _booster(data)
        into.write(data)
        return {"trees": str(booster.num_trees()), "lightgbm": FROM_ELSEWHERE}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        """The booster.

        Raises
        ------
        DataError
            It is no model in LightGBM's text, or has another number of trees than its record says.
        """
        trees = recorded(record, "trees")
        booster = _booster(source.read())
        if str(booster.num_trees()) != trees:
            raise DataError(f"the model has {booster.num_trees()} trees, its record says {trees}")
        return booster


def build(options: NoOptions) -> LightgbmFormat:  # noqa: ARG001 - there is nothing to set
    """Make the format; lightgbm is imported at the first save or load."""
    return LightgbmFormat()


def _booster(data: bytes) -> Any:
    if not data.startswith(_BEGINS) or b"\nend of trees\n" not in data or not data.endswith(b"\n"):
        raise DataError("these bytes are no LightGBM model: expected its text from 'tree' to the last line's end")
    import lightgbm

    try:
        return lightgbm.Booster(model_str=data.decode())
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise DataError(f"these bytes are no LightGBM model: {first_line(error)}") from error


@hookimpl
def watchkeeper_formats() -> Iterable[Plugin]:
    """LightGBM's own format."""
    yield Plugin(
        Kind.FORMAT,
        "lightgbm",
        build,
        NoOptions,
        summary="LightGBM boosters as text",
        extra="lightgbm",
        modules=("lightgbm",),
    )
