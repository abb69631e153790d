"""Entries as the journal's records and back; reading one runs nothing and trusts no length."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.records import packed, unpacked
from watchkeeper.domain.table import Categories, Column

from .channel import Channel
from .entries import Entry, Outcomes, Row, Rows

_CHANNEL: Final = b"C"
_ROW: Final = b"R"
_ROW_WITH_TEXT: Final = b"T"
_ROWS: Final = b"B"
_OUTCOMES: Final = b"O"
_PLAIN_ROW: Final = struct.Struct("<cHqdIII")
"""Kind, channel, time, prediction, then the lengths of id, version and numbers; the last two plus one, 0 for None."""


class Encoder:
    """Turns entries into records; each group of segments needs an encoder of its own, as it names its channels."""

    def __init__(self) -> None:
        self._numbers: dict[Channel, int] = {}

    def records(self, entry: Entry) -> list[bytes]:
        """The records that `entries_of` makes the entry of; the channel comes first when it was not named before.

        It comes twice: no row can be read without it, so that one damaged record must not cost them all.
        """
        if isinstance(entry, Outcomes):
            return [_OUTCOMES + json.dumps([entry.model, entry.ids, entry.times_us, entry.values]).encode()]
        channel = entry[0] if isinstance(entry, tuple) else entry.channel
        known = self._numbers.get(channel)
        if known is None:
            number = self._numbers[channel] = len(self._numbers)
            named = _channel_record(number, channel)
            return [named, named, _record(number, entry)]
        return [_record(known, entry)]


def entries_of(records: Iterable[bytes], *, missed: list[str] | None = None) -> list[Entry]:
    """The entries of a group of segments.

    Parameters
    ----------
    missed
        Where damaged segments are read: records that are not understood are told here, and passed over.

    Raises
    ------
    DataError
        When a record is whole and still not understood.
    """
    channels: dict[int, Channel] = {}
    entries: list[Entry] = []
    for record in records:
        try:
            if record[:1] == _CHANNEL:
                number, model, features, categories = json.loads(record[1:])
                channels.setdefault(number, Channel(model, features, categories))
            else:
                entries.append(_entry(record, channels))
        except (DataError, UsageError, ValueError, KeyError, TypeError, struct.error) as error:
            told = f"a record of the journal, {record[:20]!r}..., is not understood: {error}"
            if missed is None:
                raise DataError(told) from error
            missed.append(told)
    return entries


def _channel_record(number: int, channel: Channel) -> bytes:
    return _CHANNEL + json.dumps([number, channel.model, channel.features, channel.categories]).encode()


def _record(number: int, entry: Row | Rows) -> bytes:
    if isinstance(entry, Rows):
        return _ROWS + _packed_rows(number, entry)
    _, name, time_us, prediction, numbers, texts, version = entry
    if isinstance(prediction, str) or texts:
        body = json.dumps([number, name, time_us, prediction, texts, version]).encode()
        return _ROW_WITH_TEXT + struct.pack("<I", len(body)) + body + (numbers or b"")
    name_bytes = name.encode(errors="surrogatepass")
    version_bytes = b"" if version is None else version.encode(errors="surrogatepass")
    head = _PLAIN_ROW.pack(
        _ROW,
        number,
        time_us,
        prediction,
        len(name_bytes),
        0 if version is None else len(version_bytes) + 1,
        0 if numbers is None else len(numbers) + 1,
    )
    return head + name_bytes + version_bytes + (numbers or b"")


def _entry(record: bytes, channels: dict[int, Channel]) -> Entry:
    kind = record[:1]
    if kind == _ROW:
        return _plain_row(record, channels)
    if kind == _ROW_WITH_TEXT:
        return _row_with_text(record, channels)
    if kind == _ROWS:
        return _unpacked_rows(record[1:], channels)
    if kind == _OUTCOMES:
        model, ids, times_us, values = json.loads(record[1:])
        return Outcomes(model, ids, times_us, values)
    raise ValueError(f"unknown kind {kind!r}")


def _plain_row(record: bytes, channels: dict[int, Channel]) -> Row:
    _, number, time_us, prediction, *lengths = _PLAIN_ROW.unpack_from(record)
    name_length, version_length, numbers_length = lengths
    name_end = _PLAIN_ROW.size + name_length
    version_end = name_end + max(version_length - 1, 0)
    version = _text(record[name_end:version_end]) if version_length else None
    numbers = record[version_end:] if numbers_length else None
    return (channels[number], _text(record[_PLAIN_ROW.size : name_end]), time_us, prediction, numbers, (), version)


def _text(data: bytes) -> str:
    return data.decode(errors="surrogatepass")


def _row_with_text(record: bytes, channels: dict[int, Channel]) -> Row:
    (length,) = struct.unpack_from("<I", record, 1)
    number, name, time_us, prediction, texts, version = json.loads(record[5 : 5 + length])
    channel = channels[number]
    has_features = bool(texts) or len(record) > 5 + length
    numbers = record[5 + length :] if has_features else None
    return (channel, name, time_us, prediction, numbers, tuple(texts), version)


def _packed_rows(number: int, rows: Rows) -> bytes:
    features = None if rows.features is None else {"=" + name: _told(column) for name, column in rows.features.items()}
    record = {
        "channel": number,
        "ids": rows.ids,
        "times": rows.times,
        "prediction": _told(rows.prediction),
        "features": features,
        "version": rows.version,
    }
    return packed(record, level=0)


def _unpacked_rows(data: bytes, channels: dict[int, Channel]) -> Rows:
    record = unpacked(data)
    channel = channels[record["channel"]]
    features = record["features"]
    return Rows(
        channel=channel,
        ids=record["ids"],
        times=record["times"],
        prediction=_column(record["prediction"]),
        features=None if features is None else {name: _column(features["=" + name]) for name in channel.features},
        version=record["version"],
    )


def _told(column: Column) -> Any:
    return {"codes": column.codes, "labels": column.labels} if isinstance(column, Categories) else {"values": column}


def _column(told: Any) -> Column:
    if "labels" in told:
        return Categories(told["codes"], tuple(told["labels"]))
    values: np.ndarray[Any, Any] = told["values"]
    return values
