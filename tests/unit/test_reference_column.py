"""A reference column: fitted once, stored small, and refused when it does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain.cells import NumberCells, ordered_numbers
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.profile import merge, profile
from watchkeeper.domain.records import packed, unpacked
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Column, ColumnKind
from watchkeeper_plugins.drift.ks import KolmogorovSmirnov
from watchkeeper_plugins.drift.psi import PopulationStability

RNG = np.random.default_rng(5)
NUMBERS = RNG.normal(size=5000)
LABELS = Categories.of(["a", None, "b", "b"] * 10)


@pytest.mark.parametrize(
    ("column", "kind", "missing"),
    [
        (np.array([1.0, np.nan, 3.0]), ColumnKind.NUMERIC, 1),
        (np.array([1, 2, 3]), ColumnKind.NUMERIC, 0),
        (np.array([True, False]), ColumnKind.NUMERIC, 0),
        (LABELS, ColumnKind.CATEGORY, 10),
        (np.array(["some", None, "words"], dtype=object), ColumnKind.TEXT, 1),
        (np.array(["2008-09-15", "NaT"], dtype="datetime64[us]"), ColumnKind.TIME, 1),
        (np.array([]), ColumnKind.NUMERIC, 0),
    ],
    ids=["floats", "integers", "booleans", "categories", "text", "times", "nothing"],
)
def test_every_kind_of_column_is_fitted_and_survives_its_record(column: Column, kind: ColumnKind, missing: int) -> None:
    reference = ReferenceColumn.fit("x", column)
    assert (reference.kind, reference.rows, reference.missing) == (kind, len(column), missing)
    again = ReferenceColumn.from_record(unpacked(packed(reference.to_record())))
    assert (again.name, again.kind, again.rows, again.missing) == ("x", kind, len(column), missing)
    assert packed(again.to_record()) == packed(reference.to_record())


def test_the_mean_and_the_deviation_are_those_of_the_finite_values() -> None:
    reference = ReferenceColumn.fit("x", np.array([1.0, 2.0, 6.0, np.nan, np.inf]))
    assert reference.mean.number == pytest.approx(3.0, abs=1e-9)
    assert reference.deviation.number == pytest.approx(np.std([1.0, 2.0, 6.0]), abs=1e-9)
    assert reference.missing_share.number == pytest.approx(0.2)


def test_what_has_no_mean_says_why() -> None:
    assert ReferenceColumn.fit("venue", LABELS).mean.reason == "venue holds category, which has no mean"
    assert (
        ReferenceColumn.fit("venue", LABELS).deviation.reason == "venue holds category, which has no standard deviation"
    )
    assert ReferenceColumn.fit("x", np.array([np.inf])).mean.reason == "no finite values in 1 rows"
    assert ReferenceColumn.fit("x", np.array([np.nan])).deviation.reason == "no finite values in 1 rows"
    assert ReferenceColumn.fit("x", np.array([])).missing_share.reason == "the reference of x has no rows"


def test_the_raw_column_is_not_kept() -> None:
    column = NUMBERS.copy()
    reference = ReferenceColumn.fit("x", column)
    column[:] = 0.0
    assert reference.values is not None
    assert np.array_equal(reference.values, np.sort(NUMBERS))
    assert reference.binned().values is None


def test_a_long_reference_keeps_its_cells_only() -> None:
    assert ReferenceColumn.fit("x", NUMBERS, exact_rows=4999).values is None
    assert ReferenceColumn.fit("x", NUMBERS, exact_rows=5000).values is not None


@pytest.mark.parametrize("rows", [1, 1000, 200_000])
def test_a_binned_reference_takes_less_than_100_kilobytes(rows: int) -> None:
    for column in (RNG.normal(size=rows), RNG.integers(0, 1000, rows), RNG.standard_cauchy(rows)):
        assert len(packed(ReferenceColumn.fit("x", column).binned().to_record())) < 20_000


@pytest.mark.parametrize("binned", [False, True], ids=["exact", "binned"])
def test_a_restored_reference_finds_the_same_drift(binned: bool) -> None:  # noqa: FBT001 - a parameter of the test
    reference = ReferenceColumn.fit("x", NUMBERS)
    reference = reference.binned() if binned else reference
    again = ReferenceColumn.from_record(unpacked(packed(reference.to_record())))
    window = RNG.normal(0.1, 1.0, 700)
    for detector in (KolmogorovSmirnov(), PopulationStability()):
        assert detector.compare(Comparison(reference, window)) == detector.compare(Comparison(again, window))


def test_a_reference_of_merged_profiles_compares_like_a_binned_one() -> None:
    cells = NumberCells.of(ordered_numbers(NUMBERS))
    counted = merge(profile(NUMBERS[:2000], cells), profile(NUMBERS[2000:], cells))
    reference = ReferenceColumn.of_profile("x", counted, cells)
    window = RNG.normal(size=500)
    expected = KolmogorovSmirnov().compare(Comparison(ReferenceColumn.fit("x", NUMBERS).binned(), window))
    assert KolmogorovSmirnov().compare(Comparison(reference, window)) == expected


def test_a_profile_over_other_cells_is_refused() -> None:
    cells, others = (NumberCells.of(ordered_numbers(column)) for column in (NUMBERS, NUMBERS + 1))
    with pytest.raises(DataError, match=r"the profile of x was counted in other cells: found digest \w{12}… and"):
        ReferenceColumn.of_profile("x", profile(NUMBERS, cells), others)


def test_a_record_that_is_not_one_is_refused() -> None:
    record = ReferenceColumn.fit("x", NUMBERS).to_record()
    with pytest.raises(DataError, match=r"record cannot be read: KeyError\('kind'\); fit the reference again"):
        ReferenceColumn.from_record({"name": "x"})
    cells = record["cells"] | {"edges": record["cells"]["edges"][::-1]}
    with pytest.raises(DataError, match="expected at least 2 ascending edges and 241 levels"):
        ReferenceColumn.from_record(record | {"cells": cells})
    with pytest.raises(DataError, match="a profile's record is of kind 'numbers' or 'labels', found 'words'"):
        ReferenceColumn.from_record(record | {"profile": record["profile"] | {"kind": "words"}})


def test_landmarks_of_a_binned_reference_are_refused() -> None:
    with pytest.raises(UsageError, match="the reference of x is in binned form: it has no values to pick landmarks"):
        _ = ReferenceColumn.fit("x", NUMBERS).binned().landmarks


def test_damaged_bytes_are_refused() -> None:
    data = packed(ReferenceColumn.fit("x", NUMBERS).to_record())
    with pytest.raises(DataError, match=r"begins with b'wkr1', found b'PAR1'; was it written by watchkeeper\?"):
        unpacked(b"PAR1" + data[4:])
    with pytest.raises(DataError, match=r"a packed record of 20 bytes is damaged: .*; fetch or fit it again"):
        unpacked(data[:20])
    with pytest.raises(DataError, match="an array of dtype complex128 cannot be packed: expected one of <f8"):
        packed({"values": np.zeros(2, np.complex128)})


def test_equal_references_have_equal_digests_whatever_their_dtype() -> None:
    whole = RNG.integers(-50, 50, 999)
    digests = {ReferenceColumn.fit("x", whole.astype(dtype)).cells.digest for dtype in ("i8", "f8", "f4", "i2")}  # type: ignore[union-attr]
    assert len(digests) == 1
    assert (
        ReferenceColumn.fit("x", np.array([-0.0])).cells.digest
        == ReferenceColumn.fit("x", np.array([0.0])).cells.digest
    )  # type: ignore[union-attr]
