"""Columns of a file beside the reference's, and texts as lengths."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.data.lengths import is_free_text, length_features, lengths_added, text_lengths, with_lengths
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, ColumnKind, Table, kind_of
from watchkeeper.monitor.quality import quality_of
from watchkeeper.monitor.schema import schema_changes

RNG = np.random.default_rng(1)
REFERENCE = Table(
    {
        "ret1": RNG.normal(size=500),
        "vol10": np.exp(RNG.normal(size=500)),
        "venue": Categories.of(["X", "Y"] * 250),
        "note": np.array(["a", "b"] * 250, dtype=object),
    }
)
KINDS = {name: kind_of(REFERENCE[name]) for name in REFERENCE}
REFERENCES = {name: ReferenceColumn.fit(name, REFERENCE[name]) for name in ("ret1", "vol10", "venue")}


def changes(*without: str, **others):
    columns = {name: REFERENCE[name] for name in REFERENCE if name not in without}
    return schema_changes(KINDS, Table({**columns, **others}), REFERENCES)


def test_the_same_columns_are_no_change():
    assert changes().count == 0
    assert changes(note=Categories.of(["a", "b"] * 250)).count == 0, "text or categories: both are labels"


def test_a_new_column_and_a_missing_one_are_told():
    found = changes("venue", spread=np.arange(500.0))
    assert (found.missing, found.new, found.count) == (("venue",), ("spread",), 2)
    assert found.sentence == 'columns differ from the reference\'s: "venue" is missing, "spread" is new'


def test_a_column_that_was_renamed_is_found_by_its_name():
    found = changes("vol10", vol_10=np.arange(500.0))
    assert found.renamed == {"vol10": "vol_10"}
    assert found.count == 1
    assert found.sentence == 'columns differ from the reference\'s: "vol10" is missing (renamed to "vol_10"?)'


def test_a_column_that_was_renamed_is_found_by_its_distribution():
    found = changes(
        "vol10", fluctuation=np.exp(np.random.default_rng(2).normal(size=400).repeat(2)[:500]), x=-REFERENCE["ret1"] - 5
    )
    assert found.renamed == {"vol10": "fluctuation"}
    labels = changes("venue", exchange=Categories.of(["Y", "X"] * 250))
    assert labels.renamed == {"venue": "exchange"}


def test_a_column_of_another_kind_is_told():
    found = changes(ret1=Categories.of(["low", "high"] * 250), venue=np.arange(500.0))
    assert found.retyped == {"ret1": "text, not numbers", "venue": "numbers, not text"}
    assert '"ret1" holds text, not numbers' in found.sentence


def test_an_all_missing_column_is_of_no_other_kind():
    assert changes(venue=np.full(500, np.nan)).count == 0


def test_a_column_of_another_kind_scores_nothing():
    found = quality_of(Categories.of(["low"] * 50), REFERENCES["ret1"])
    assert found["type_changed"].number == 1.0
    assert found["quality_score"].number == 0.0
    assert quality_of(np.arange(50.0), REFERENCES["ret1"])["type_changed"].number == 0.0
    empty = quality_of(np.full(5, np.nan), REFERENCES["venue"])["type_changed"]
    assert empty.reason == "there are no values that could be of another kind"


def test_lengths_are_counted_in_characters_and_words():
    texts = np.array(["it broke", "", None, "  naïve  "], dtype=object)
    assert text_lengths(texts, "characters")[[0, 1, 3]].tolist() == [8.0, 0.0, 9.0]
    assert text_lengths(Categories.of(texts), "words")[[0, 1, 3]].tolist() == [2.0, 0.0, 1.0]
    assert np.isnan(text_lengths(texts, "words")[2])


def test_lengths_are_added_where_they_are_asked_for_and_the_text_is_there():
    table = Table({"note": np.array(["a b"], dtype=object), "x": np.array([1.0])})
    found = with_lengths(table, ["note.words", "x.words", "gone.words", "note.other"])
    assert set(found) == {"note", "x", "note.words"}
    assert with_lengths(table, ["x"]) is table


def test_features_that_are_logged_have_lengths_in_the_place_of_texts():
    names = length_features(["x", "note.words", "note.characters"])
    assert names == ("note.characters", "note.words")
    many = lengths_added({"x": [1.0, 2.0], "note": ["a b", None]}, names)
    assert set(many) == {"x", "note.words", "note.characters"}
    assert many["note.characters"][0] == 3.0
    assert np.isnan(many["note.words"][1])
    one = lengths_added({"x": 1.0, "note": "a b c"}, names)
    assert (one["note.words"], one["note.characters"]) == (3.0, 5.0)
    array = np.ones((1, 3))
    assert lengths_added(array, names) is array


def test_a_feature_that_is_called_like_a_length_is_itself():
    assert length_features(["note", "note.words", "words"]) == ()


@pytest.mark.parametrize(
    ("texts", "is_free"),
    [
        ([f"text {at}" for at in range(20)], True),
        ([f"text {at}" for at in range(19)], False),
        (["a", "b"] * 20, False),
        ([None] * 30, False),
    ],
    ids=["all differ", "too few", "categories", "nothing"],
)
def test_text_of_which_most_values_differ_is_free(texts, is_free):
    assert is_free_text(np.array(texts, dtype=object)) is is_free
    assert not is_free_text(Categories.of(texts))
    assert not is_free_text(np.arange(40.0))
    assert kind_of(np.array(texts, dtype=object)) is ColumnKind.TEXT
