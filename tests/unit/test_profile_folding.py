"""Profiling in parts on executors gives what profiling at once gives, to the bit."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from watchkeeper.domain.cells import Cells
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.profiling import folded_profiles, merge_profiles, profiles
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Table


def part_of_year(seed: int) -> Table:
    rng = np.random.default_rng(seed)
    ret1 = rng.standard_t(3, 1000 + seed)
    ret1[:seed] = np.nan
    return Table({"ret1": ret1, "venue": Categories.of(rng.choice(["A", "B", f"C{seed}"], 1000 + seed).tolist())})


def cells() -> dict[str, Cells]:
    fitted = [ReferenceColumn.fit(name, column) for name, column in part_of_year(99).columns.items()]
    return {reference.name: reference.cells for reference in fitted if reference.cells is not None}


def whole(seeds: range) -> Table:
    parts = [part_of_year(seed) for seed in seeds]
    texts = np.concatenate([part["venue"].texts() for part in parts])  # type: ignore[union-attr]
    return Table({"ret1": np.concatenate([part["ret1"] for part in parts]), "venue": Categories.of(texts)})


@pytest.mark.parametrize("ahead", [1, 3, 100])
def test_threads_give_the_profiles_of_all_rows(ahead: int) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert folded_profiles(pool, range(20), part_of_year, cells(), ahead=ahead) == profiles(
            whole(range(20)), cells()
        )


def test_processes_give_the_profiles_of_all_rows() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
        assert folded_profiles(pool, range(6), part_of_year, cells()) == profiles(whole(range(6)), cells())


def test_no_parts_give_profiles_of_no_rows() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert [counted.rows for counted in folded_profiles(pool, (), part_of_year, cells()).values()] == [0, 0]


def test_what_a_worker_raises_is_raised() -> None:
    def read(seed: int) -> Table:
        return part_of_year(seed).select(["venue"])

    with ThreadPoolExecutor(2) as pool, pytest.raises(DataError, match="the table has no column 'ret1'; it has venue"):
        folded_profiles(pool, range(9), read, cells(), ahead=2)


def test_profiles_of_different_columns_are_not_added() -> None:
    found = profiles(part_of_year(1), cells())
    with pytest.raises(DataError, match="different columns cannot be added: venue in one of them only"):
        merge_profiles(found, {"ret1": found["ret1"]})


def test_references_and_profiles_travel_between_processes() -> None:
    reference = ReferenceColumn.fit("ret1", part_of_year(1)["ret1"])
    _ = reference.landmarks, reference.deviation
    again = pickle.loads(pickle.dumps(reference))  # noqa: S301 - our own bytes
    assert again.profile == reference.profile
    assert again.cells.digest == reference.cells.digest  # type: ignore[union-attr]
