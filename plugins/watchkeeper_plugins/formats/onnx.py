"""ONNX models as they are: a graph of operators and weights, with the operators' domains in the record.

Example
-------
>>> build(NoOptions()).handles("no model")
False
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, BinaryIO

import attrs

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.errors import DataError
from watchkeeper.hookspecs import hookimpl

from .complaints import first_line
from .naming import FROM_ELSEWHERE, recorded_json, unrecorded


@attrs.frozen
class OnnxFormat:
    """Saves an ``onnx.ModelProto``; run what is loaded with onnxruntime."""

    def handles(self, model: Any) -> bool:
        """Whether it is a ModelProto; imports nothing."""
        onnx = sys.modules.get("onnx")
        return onnx is not None and isinstance(model, onnx.ModelProto)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        """Write the model, checked.

        Raises
        ------
        DataError
            It is not valid, or keeps weights in other files.
        """
        import onnx

        data: bytes = model.SerializeToString(deterministic=True)
        _checked(data)
        into.write(data)
        return {"operators": json.dumps(sorted(_operators(model))), "onnx": onnx.__version__}

    def adopt(
        self,
        source: BinaryIO,
        into: BinaryIO,
        trusted: Collection[str] = (),  # noqa: ARG002 - nothing in such a file asks for trust
    ) -> Mapping[str, str]:
        """Take over a file with an ONNX model, checked; a DataError as for `save`."""
        data = source.read()
        model = _checked(data)
        into.write(data)
        return {"operators": json.dumps(sorted(_operators(model))), "onnx": FROM_ELSEWHERE}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        """The model, checked.

        Raises
        ------
        IntegrityError
            It uses an operator that the record does not name.
        DataError
            It is no valid model, or refers to other files.
        """
        allowed = recorded_json(record, "operators")
        model = _checked(source.read())
        strangers = _operators(model) - set(allowed)
        if strangers:
            raise unrecorded(f"the model uses {', '.join(sorted(strangers))}")
        return model


def build(options: NoOptions) -> OnnxFormat:  # noqa: ARG001 - there is nothing to set
    """Make the format; onnx is imported at the first save or load."""
    return OnnxFormat()


def _checked(data: bytes) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(data)
        elsewhere = [tensor.name for tensor in model.graph.initializer if tensor.external_data]
        if elsewhere:
            raise DataError(
                f"the model keeps {', '.join(elsewhere[:3])} in other files, which would not be verified: save it with "
                "its weights inside"
            )
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, ValueError, TypeError) as error:
        raise DataError(f"these bytes are no valid ONNX model: {first_line(error)}") from error
    return model


def _operators(model: Any) -> set[str]:
    """``domain:Operator`` of every node, in subgraphs too."""
    found: set[str] = set()
    waiting = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    while waiting:
        node = waiting.pop()
        found.add(f"{node.domain}:{node.op_type}")
        for attribute in node.attribute:
            waiting += attribute.g.node
            waiting += [inner for graph in attribute.graphs for inner in graph.node]
    return found


@hookimpl
def watchkeeper_formats() -> Iterable[Plugin]:
    """ONNX."""
    yield Plugin(
        Kind.FORMAT,
        "onnx",
        build,
        NoOptions,
        summary="ONNX models, every operator named",
        extra="onnx",
        modules=("onnx",),
    )
