"""The rules that all back ends share: names, canonical JSON, digests, kinds, index values."""

from __future__ import annotations

import hashlib
from types import MappingProxyType

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Namespace
from watchkeeper.contracts.storage_kinds import as_known, written_kinds
from watchkeeper.contracts.storage_rules import checked_append, checked_field, checked_namespace, checked_scalar
from watchkeeper.domain.chain import canonical_json, entry_digest
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.names import stored_name
from watchkeeper.domain.table import Categories, Table


@pytest.mark.parametrize("name", ["a", "momentum@1.4.0", "rows/eu:1", "é", "日本", "x" * 200, "a.b", "with space"])
def test_ordinary_names_are_kept_as_they_are(name):
    assert stored_name(name, "stream") is name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "a stream of 0 characters cannot be stored"),
        ("x" * 10**6, "a stream of 1,000,000 characters cannot be stored"),
        ("a/../b", r"the stream 'a/\.\./b' holds '\.\.'"),
        ("a\0b", r"holds the character U\+0000"),
        ("a\u200bb", r"holds the character U\+200B"),
        ("a\u202eb", r"holds the character U\+202E"),
        ("a\ud800b", r"holds the character U\+D800"),
        ("cafe\u0301", r"'cafe\\u0301' is not in Unicode's NFC form"),
        ("\u212b", "is not in Unicode's NFC form"),
        (None, "a stream must be text, found NoneType"),
        (["a"], "a stream must be text, found list"),
    ],
    ids=["empty", "long", "dots", "NUL", "zero width", "override", "surrogate", "twin", "angstrom", "none", "list"],
)
def test_a_name_that_cannot_be_kept_says_why(name, says):
    with pytest.raises(UsageError, match=says):
        stored_name(name, "stream")


def test_equal_values_have_one_json():
    assert canonical_json({"b": 1, "a": {"d": None, "c": [True, 0.5]}}) == '{"a":{"c":[true,0.5],"d":null},"b":1}'
    assert canonical_json(MappingProxyType({"a": MappingProxyType({"b": (1, 2)})})) == '{"a":{"b":[1,2]}}'


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": float("nan")}, "found the number nan"),
        ({"a": [1, float("-inf")]}, "found the number -inf"),
        ({"a": {1: 2}}, "found the key 1"),
        ({"a": {True: 2}}, "found the key True"),
        ({"a": np.float32(1)}, "found a float32"),
        ({"a": object()}, "found a object"),
        ({"a": b"x"}, "found a bytes"),
        ({"a": "\udc80"}, "a text holds a lone surrogate"),
    ],
)
def test_what_json_cannot_give_back_is_refused(value, says):
    with pytest.raises(UsageError, match=rf"the note cannot be kept as JSON: {says}; expected text, finite numbers"):
        canonical_json(value, "note")


def test_what_holds_itself_is_refused():
    value: dict = {}
    value["a"] = value
    with pytest.raises(UsageError, match="cannot be kept as JSON: maximum recursion depth"):
        canonical_json(value)


def test_a_digest_covers_the_digest_before_the_number_and_the_body():
    expected = hashlib.sha256(b'abc\n7\n{"by":"ada"}').hexdigest()
    assert entry_digest("abc", 7, canonical_json({"by": "ada"})) == expected


def test_what_stands_in_no_column_is_told_by_its_name():
    time = np.zeros(1, dtype=np.int64)
    with pytest.raises(DataError, match="column 'x' is a list; expected a numpy array or Categories"):
        checked_append(Append("s", "k", time, Table({"x": [1]})))
    with pytest.raises(
        DataError, match=r"column 'x' has codes from -2 to -2 for 1 labels; expected -1 \(missing\) to 0"
    ):
        checked_append(Append("s", "k", time, Table({"x": Categories(np.array([-2], dtype=np.int32), ("a",))})))
    with pytest.raises(DataError, match="column 'x' has the label None; expected text"):
        checked_append(Append("s", "k", time, Table({"x": Categories(np.array([0], dtype=np.int32), (None,))})))
    with pytest.raises(DataError, match="column 'x' has a float in row 1"):
        checked_append(
            Append("s", "k", np.zeros(2, dtype=np.int64), Table({"x": np.array(["a", float("nan")], dtype=object)}))
        )


def test_index_values_become_plain():
    assert [type(checked_scalar(value, "f")) for value in (np.float64(1), True, np.str_("a"))] == [float, int, str]
    for value in (float("nan"), 2**63, b"x", [1]):
        with pytest.raises(UsageError, match=r"the index field 'f' is .*; expected text, a 64-bit integer, a float"):
            checked_scalar(value, "f")


def test_a_wrong_field_is_told_with_the_nearest():
    namespace = checked_namespace(Namespace("alerts", ("state", "severity")))
    with pytest.raises(
        UsageError, match="'stat' is not an index field of alerts; declared are state, severity; did you"
    ):
        checked_field("stat", namespace)
    with pytest.raises(UsageError, match="expected at most 4 different fields"):
        checked_namespace(Namespace("alerts", ("state", "state")))


def test_a_column_of_nones_has_no_kind_and_takes_any():
    nothing = np.array([None, None], dtype=object)
    assert written_kinds(Table({"a": nothing, "b": np.zeros(2)})) == {"b": "numeric"}
    assert np.isnan(as_known(nothing, "numeric")).all()
    assert np.isnat(as_known(nothing, "time")).all()
    assert as_known(nothing, "category").texts().tolist() == [None, None]
    assert as_known(nothing, "text") is nothing
    assert as_known(nothing, None) is nothing
