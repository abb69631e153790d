"""PyTorch models as safetensors: weights alone, with the class and its arguments in the record; no pickle.

A module's class must be importable where it is loaded. What its constructor was given is read from the attribute
``init_arguments`` (a mapping that JSON can hold); without it the class is made without arguments. A program made by
`torch.export.export` holds its own graph and needs no class.

Example
-------
>>> build(NoOptions()).handles("no module")
False
"""

from __future__ import annotations

import io
import json
import struct
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any, BinaryIO, Final

import attrs

from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.errors import DataError, ExtraMissing, IntegrityError
from watchkeeper.hookspecs import hookimpl

from .complaints import first_line
from .naming import FROM_ELSEWHERE, class_named, name_of, recorded, recorded_json, unrecorded
from .torch_program import described_operators, harmless

_MODULE: Final = "module"
_PROGRAM: Final = "program"
# what torch raises for bytes that are no program of its own
_READ_ERRORS: Final = (
    AssertionError, AttributeError, EOFError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip


@attrs.frozen
class TorchFormat:
    """Saves an ``nn.Module`` by its weights, or an exported program as it is."""

    def handles(self, model: Any) -> bool:
        """Whether it is a module or an exported program; imports nothing."""
        torch = sys.modules.get("torch")
        if torch is None:
            return False
        exported = sys.modules.get("torch.export")
        is_program = exported is not None and isinstance(model, exported.ExportedProgram)
        return is_program or isinstance(model, torch.nn.Module)

    def save(self, model: Any, into: BinaryIO) -> Mapping[str, str]:
        """Write the weights, having built the module anew once.

        Raises
        ------
        DataError
            A part of the state is no tensor, the class cannot be imported or made anew.
        """
        import torch

        version = str(torch.__version__)
        if not isinstance(model, torch.nn.Module):
            kept = io.BytesIO()
            torch.export.save(model, kept)
            harmless(kept.getvalue())
            into.write(kept.getvalue())
            return {"kind": _PROGRAM, "torch": version, "operators": json.dumps(_operators(model))}
        tensors = _tensors(model)
        arguments = dict(getattr(model, "init_arguments", {}))
        record = {
            "kind": _MODULE,
            "class": name_of(type(model)),
            "arguments": _json_of(arguments, type(model).__qualname__),
            "tensors": json.dumps(_shapes(tensors)),
            "is_training": str(int(model.training)),
            "torch": version,
        }
        _made(record)
        into.write(_safetensors().save(tensors))
        return record

    def adopt(
        self,
        source: BinaryIO,
        into: BinaryIO,
        trusted: Collection[str] = (),  # noqa: ARG002 - nothing in such a file asks for trust
    ) -> Mapping[str, str]:
        """Take over a program that `torch.export.save` wrote; its operators are read from its description alone.

        Raises
        ------
        DataError
            It is no such program: files of `torch.save` are pickles.
        """
        data = source.read()
        harmless(data)
        into.write(data)
        return {"kind": _PROGRAM, "torch": FROM_ELSEWHERE, "operators": json.dumps(described_operators(data))}

    def load(self, source: BinaryIO, record: Mapping[str, str]) -> Any:
        """The module with its weights, on the CPU, in the mode in which it was saved.

        Raises
        ------
        IntegrityError
            The file holds tensors or operators that the record does not name.
        DataError
            It is no file of this format, or the class cannot be made here.
        """
        kind = recorded(record, "kind")
        data = source.read()
        if kind == _PROGRAM:
            return _program(data, record)
        if kind != _MODULE:
            raise DataError(f"the record says {kind!r}; expected {_MODULE} or {_PROGRAM}")
        try:
            tensors = _safetensors().load(data)
        except _read_errors() as error:
            raise DataError(f"these bytes are no safetensors file: {first_line(error)}") from error
        if _shapes(tensors) != recorded_json(record, "tensors"):
            raise IntegrityError(
                "the file holds other tensors than its record names: it is not the one that was saved, and "
                "nothing was built"
            )
        model = _made(record)
        try:
            model.load_state_dict(tensors, strict=True)
        except RuntimeError as error:
            raise DataError(
                f"{record['class']} has another shape here than when it was saved: {first_line(error)}"
            ) from error
        return model.train(record.get("is_training") == "1")


def build(options: NoOptions) -> TorchFormat:  # noqa: ARG001 - there is nothing to set
    """Make the format; torch is imported at the first save or load."""
    return TorchFormat()


def _tensors(model: Any) -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {}
    for name, value in model.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise DataError(
                f"{type(model).__qualname__} keeps {name!r} as a {type(value).__name__} in its state; only tensors can "
                "be saved: export it with torch.export, or keep the rest elsewhere"
            )
        # a copy each: safetensors refuses tensors that share memory, as tied weights do
        found[name] = value.detach().to("cpu").contiguous().clone()
    return found


def _shapes(tensors: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: [str(tensor.dtype), *tensor.shape] for name, tensor in sorted(tensors.items())}


def _json_of(arguments: Mapping[str, Any], title: str) -> str:
    try:
        text = json.dumps(arguments, sort_keys=True)
        is_whole = json.loads(text) == arguments
    except (TypeError, ValueError):
        is_whole = False
    if not is_whole:
        raise DataError(f"init_arguments of {title} must be what JSON gives back unchanged, found {arguments!r}")
    return text


def _made(record: Mapping[str, str]) -> Any:
    import torch

    kind = class_named(recorded(record, "class"))
    if not issubclass(kind, torch.nn.Module):
        raise DataError(f"{record['class']} is no torch.nn.Module")
    try:
        return kind(**recorded_json(record, "arguments"))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{record['class']} cannot be made from its recorded arguments: {first_line(error)}; set "
            "init_arguments on the model to what its constructor needs"
        ) from error


def _program(data: bytes, record: Mapping[str, str]) -> Any:
    import torch

    checked = harmless(data)
    try:
        program = torch.export.load(io.BytesIO(checked))
    except _READ_ERRORS as error:
        raise DataError(f"these bytes are no exported program: {first_line(error)}") from error
    strangers = set(_operators(program)) - set(recorded_json(record, "operators"))
    if strangers:
        raise unrecorded(f"the program uses {', '.join(sorted(strangers))}")
    return program


def _operators(program: Any) -> list[str]:
    return sorted({str(node.target) for node in program.graph.nodes if node.op == "call_function"})


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError as error:
        raise ExtraMissing('the format torch needs safetensors: pip install "watchkeeper[torch]"') from error
    return safetensors.torch


def _read_errors() -> tuple[type[Exception], ...]:
    from safetensors import SafetensorError

    return (SafetensorError, ValueError, KeyError, struct.error)


@hookimpl
def watchkeeper_formats() -> Iterable[Plugin]:
    """Safetensors for PyTorch."""
    yield Plugin(
        Kind.FORMAT,
        "torch",
        build,
        NoOptions,
        summary="PyTorch modules as safetensors with class and arguments, exported programs as they are; no pickle",
        extra="torch",
        modules=("torch", "safetensors"),
    )
