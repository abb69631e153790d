"""skops archives: a canonical form, the types that one names, and its large arrays without copying them."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, BinaryIO, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.data.memory_file import MemoryFile

SCHEMA: Final = "schema.json"
_PLAIN_LOADER: Final = "JsonNode"
_PADDING_FIELD: Final = b"('', '|V"
_NPY_HEADER_BYTES: Final = 4096
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_LARGE: Final = 2**20
"""From this size on an array is aligned in the archive, and read as a view of it."""
_ALIGNMENT: Final = 64
_PADDING: Final = 0xD935
"""The extra field that zipalign uses for the same."""
_LOCAL_HEADER: Final = struct.Struct("<26xHH")
_ZIP64_EXTRA_BYTES: Final = 20


def canonical(archive: memoryview) -> io.BytesIO:
    """The same archive with its parts named and numbered in order of use, compact JSON, no times, arrays aligned.

    Parts are taken as they are: `require_undamaged` compares those that somebody else wrote with their checksums.
    """
    rewritten = io.BytesIO()
    with zipfile.ZipFile(MemoryFile(archive)) as found, zipfile.ZipFile(rewritten, "w") as written:
        schema = json.loads(found.read(SCHEMA))
        for old, new in _renamed(schema, frozenset(found.namelist())).items():
            entry = found.getinfo(old)
            is_large = entry.compress_type == zipfile.ZIP_STORED and entry.file_size >= _LARGE
            part = _without_padding(_body(entry, archive) if is_large else found.read(old))
            written.writestr(_aligned(zipfile.ZipInfo(new, _EPOCH), rewritten.tell(), len(part)), part)
        written.writestr(zipfile.ZipInfo(SCHEMA, _EPOCH), json.dumps(schema, separators=(",", ":")))
    return rewritten


def require_undamaged(archive: memoryview) -> None:
    """Pass, or a BadZipFile for a part that does not fit its checksum."""
    with zipfile.ZipFile(MemoryFile(archive)) as found:
        broken = found.testzip()
    if broken is not None:
        raise zipfile.BadZipFile(f"its part {broken} does not fit its checksum")


def schema_of(archive: BinaryIO) -> bytes:
    """The archive's description, in which everything but the arrays is."""
    with zipfile.ZipFile(archive) as found:
        return found.read(SCHEMA)


@lru_cache(maxsize=64)
def types_in(schema: bytes) -> frozenset[str]:
    """Every type that a description names. Kept for the last ones: a model is loaded more often than it changes."""
    return frozenset(
        f"{node['__module__']}.{node['__class__']}"
        for node in _nodes(json.loads(schema))
        if isinstance(node.get("__class__"), str) and node.get("__loader__") != _PLAIN_LOADER
    )


def large_arrays(archive: BinaryIO, whole: memoryview, schema: bytes) -> dict[str, NDArray[Any]]:
    """The archive's large arrays by the name of their part, as views of its bytes.

    Left out is what a plain array cannot be a view of: parts that are compressed, not aligned, or used by anything but
    plain arrays. An archive that is damaged is refused by whoever reads it in full.
    """
    with zipfile.ZipFile(archive) as found:
        large = {part.filename: part for part in found.infolist() if _may_be_viewed(part)}
    views: dict[str, NDArray[Any]] = {}
    for name in set(large) & _plain_arrays(schema) if large else ():
        view = _view(large[name], whole)
        if view is not None:
            views[name] = view
    return views


def constructed(archive: BinaryIO, trusted: list[str], arrays: Mapping[str, NDArray[Any]]) -> Any:
    """What `skops.io.load` makes of the archive, with these arrays in the place of their parts.

    skops offers no way to give it arrays, so this does what its `load` does with its own parts: where a release has
    changed them, and for archives without large arrays, `load` itself does it, with a copy more.
    """
    import skops.io

    tree = _audited_tree(archive, trusted, arrays) if arrays else None
    if tree is not None:
        return tree.construct()
    archive.seek(0)
    return skops.io.load(archive, trusted=trusted)


def _audited_tree(archive: BinaryIO, trusted: list[str], arrays: Mapping[str, NDArray[Any]]) -> Any:
    """What is to be constructed; None when skops works otherwise, or would refuse it, which its `load` then says."""
    try:
        from skops.io._audit import audit_tree, get_tree
        from skops.io._numpy import NdArrayNode
        from skops.io._utils import LoadContext, read_schema

        with zipfile.ZipFile(archive) as found:
            schema, read = read_schema(found)
            context = LoadContext(src=_Placeholders(found, arrays), protocol=read.protocol)
            tree = get_tree(schema, context, trusted=trusted)
        audit_tree(tree, trusted=trusted)
    except (ImportError, AttributeError, TypeError):
        return None
    return tree if _placed(tree, arrays, NdArrayNode) else None


@attrs.frozen
class _Placeholders:
    """An archive that gives a large array's name instead of its bytes."""

    archive: zipfile.ZipFile
    arrays: Mapping[str, NDArray[Any]]

    def read(self, name: str) -> bytes:
        return _placeholder(name) if name in self.arrays else self.archive.read(name)


def _placeholder(name: str) -> bytes:
    return b"array of its own: " + name.encode()


def _placed(tree: Any, arrays: Mapping[str, NDArray[Any]], kind: type) -> bool:
    """Put each array where its placeholder is; whether every one of them found its place."""
    named = {_placeholder(name): name for name in arrays}
    placed: set[str] = set()
    for node in _tree_nodes(tree):
        buffer = getattr(node, "buffer", None)
        name = named.get(buffer.getvalue()) if isinstance(buffer, io.BytesIO) else None
        if name is not None and isinstance(node, kind) and hasattr(node, "_constructed"):
            node._constructed = arrays[name]  # noqa: SLF001 - as if it had been constructed
            placed.add(name)
    return placed == set(arrays)


def _tree_nodes(tree: Any) -> Iterator[Any]:
    seen: set[int] = set()
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif hasattr(item, "children") and id(item) not in seen:
            seen.add(id(item))
            yield item
            waiting.append(item.children)


def _may_be_viewed(part: zipfile.ZipInfo) -> bool:
    is_stored = part.compress_type == zipfile.ZIP_STORED and part.compress_size == part.file_size
    return is_stored and part.file_size >= _LARGE and part.filename.endswith(".npy")


def _plain_arrays(schema: bytes) -> set[str]:
    """The parts that plain arrays are kept in, and nothing else is."""
    plain: set[str] = set()
    others: set[str] = set()
    for node in _nodes(json.loads(schema)):
        name = node.get("file")
        if isinstance(name, str):
            told = (node.get("__loader__"), node.get("__module__"), node.get("__class__"), node.get("type"))
            (plain if told == ("NdArrayNode", "numpy", "ndarray", "numpy") else others).add(name)
    return plain - others


def _view(part: zipfile.ZipInfo, whole: memoryview) -> NDArray[Any] | None:
    """The array whose .npy file is there; None when it needs more than looking."""
    body = _body(part, whole)
    header = io.BytesIO(body[:_NPY_HEADER_BYTES])
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(header)
    if version not in read_header:
        return None
    shape, is_fortran, dtype = read_header[version](header)
    count = int(np.prod(shape, dtype=np.int64))
    if dtype.hasobject or header.tell() + count * dtype.itemsize != len(body):
        return None
    flat: NDArray[Any] = np.frombuffer(body, dtype, count, header.tell())
    return flat.reshape(shape, order="F" if is_fortran else "C") if flat.flags.aligned else None


def _body(part: zipfile.ZipInfo, whole: memoryview) -> memoryview:
    """Where a part that is not compressed is."""
    name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(whole, part.header_offset)
    start = part.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
    return whole[start : start + part.file_size]


def _renamed(schema: Any, parts: frozenset[str]) -> dict[str, str]:
    """Change names and numbers in the schema to those of the order of use; returns the parts' new names."""
    names: dict[str, str] = {}
    numbers: dict[int, int] = {}
    for node in _nodes(schema):
        part, number = node.get("file"), node.get("__id__")
        if isinstance(part, str) and part in parts:
            node["file"] = names.setdefault(part, f"{len(names)}{part[part.rfind('.') :]}")
        if isinstance(number, int) and node.get("__loader__") == _PLAIN_LOADER:
            del node["__id__"]  # whether two equal constants are one object is an accident of the interpreter
        elif isinstance(number, int):
            node["__id__"] = numbers.setdefault(number, len(numbers) + 1)
    return names


def _aligned(part: zipfile.ZipInfo, offset: int, size: int) -> zipfile.ZipInfo:
    """The part's entry, padded so that a large one's bytes begin where processors like numbers to begin."""
    if size >= _LARGE:
        is_zip64 = size * 1.05 > zipfile.ZIP64_LIMIT
        begins = offset + _LOCAL_HEADER.size + len(part.filename) + 4 + (_ZIP64_EXTRA_BYTES if is_zip64 else 0)
        padding = -begins % _ALIGNMENT
        part.extra = struct.pack("<HH", _PADDING, padding) + bytes(padding)
    return part


def _without_padding(part: bytes | memoryview) -> bytes | memoryview:
    """The .npy file with zeros between the fields of its records: in a fitted tree they hold stray memory."""
    if _PADDING_FIELD not in bytes(part[:_NPY_HEADER_BYTES]):
        return part
    records = np.load(io.BytesIO(part), allow_pickle=False)
    clean = np.zeros(records.shape, records.dtype)
    for field in records.dtype.names:
        clean[field] = records[field]
    rewritten = io.BytesIO()
    np.save(rewritten, clean, allow_pickle=False)
    return rewritten.getvalue()


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in the schema, in the order in which it is written."""
    waiting = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(reversed(item.values()))
        elif isinstance(item, list):
            waiting.extend(reversed(item))


def unimportable(names: Iterable[str]) -> str | None:
    """The first of the names that exists in this process only."""
    return next((name for name in sorted(names) if name.startswith(("__main__.", "__mp_main__.")) or "<" in name), None)
