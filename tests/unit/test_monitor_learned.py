"""What was learned from a reference is found again at the next start, and only from the same reference."""

from __future__ import annotations

import os
import subprocess
import sys

import attrs
import numpy as np
import pytest

from watchkeeper.contracts.drift import Drift
from watchkeeper.domain.errors import StoreBusy
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, ColumnKind, Table
from watchkeeper.domain.value import Value
from watchkeeper.monitor.calibration import Allowance, edges_of
from watchkeeper.monitor.estimation.losses import LossOutlook
from watchkeeper.monitor.learned import EDGES, LOSSES, Learned, digest_of, written_as
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper_plugins.metrics import mae

ALLOWANCE = Allowance(0.01, 1)


@attrs.frozen
class MeanShift:
    scale: float = 1.0
    columns: frozenset = frozenset({ColumnKind.NUMERIC})
    asked: list = attrs.field(factory=list, repr=False)

    def compare(self, comparison):
        self.asked.append(comparison)
        return Drift(Value.of(self.scale * abs(float(np.mean(comparison.current)) - comparison.reference.mean.number)))


class Failing(MeanShift):
    def compare(self, comparison):
        self.asked.append(comparison)
        raise ZeroDivisionError("by zero")


@pytest.fixture
def learned():
    return Learned(MemoryStorage(), "momentum")


def edges(detector, column, learned):
    references = {"vol": ReferenceColumn.fit("vol", column)}
    return edges_of({"shift": detector}, {"vol": column}, references, 50, ALLOWANCE, learned=learned)


def test_edges_of_the_same_reference_are_not_calibrated_again(learned):
    column = np.random.default_rng(1).normal(size=1000)
    first, second = MeanShift(), MeanShift()
    before = edges(first, column, learned)
    assert edges(second, column.copy(), learned) == before
    assert first.asked
    assert not second.asked


def test_another_reference_or_another_option_is_calibrated_anew(learned):
    column = np.random.default_rng(1).normal(size=1000)
    edges(MeanShift(), column, learned)
    other, scaled = MeanShift(), MeanShift(2.0)
    edges(other, column + 1e-9, learned)
    edges(scaled, column + 1e-9, learned)
    assert other.asked
    assert scaled.asked


def test_what_a_plugin_failed_at_is_tried_again_at_the_next_start(learned):
    column = np.random.default_rng(1).normal(size=1000)
    edges(Failing(), column, learned)
    again = Failing()
    edges(again, column, learned)
    assert again.asked


def test_trees_are_found_again_and_tell_the_same(learned, monkeypatch):
    rng = np.random.default_rng(2)
    features = Table({"a": rng.normal(size=600)})
    predicted = rng.normal(size=600)
    rows = Evaluation("regression", predicted + rng.normal(size=600) * (1 + features["a"] ** 2), predicted)
    metrics = {"mae": mae.build(mae.NoOptions())}
    grown = LossOutlook.fit(rows, features, metrics, learned)

    def refuse(*_):
        raise AssertionError("the trees were grown again")

    monkeypatch.setattr("watchkeeper.monitor.estimation.boosting.LearnedMean.of", refuse)
    found = LossOutlook.fit(rows, features, metrics, learned)
    for part in (slice(0, 300), slice(300, 600)):
        assert np.array_equal(found.crossfitted(part).truth, grown.crossfitted(part).truth)
    now = Table({"a": rng.normal(size=50)})
    assert np.array_equal(found.expected(predicted[:50], now).truth, grown.expected(predicted[:50], now).truth)


def test_an_archive_of_anything_but_trees_is_not_loaded(learned):
    from pathlib import PurePosixPath

    from skops.io import dumps

    from watchkeeper.monitor.estimation.keeping import trees_from

    assert trees_from(dumps({"size": PurePosixPath("x")})) is None


def test_bytes_that_are_gone_are_learned_again_and_the_log_says_so(learned, caplog):
    learned.keep(EDGES, "digest", b"bytes")
    assert learned.found(EDGES, "digest") == b"bytes"
    assert learned.found(EDGES, "another digest") is None
    assert learned.found(LOSSES, "digest") is None
    for blob in list(learned.storage.blobs()):
        assert learned.storage.remove_blob(blob.digest, 2**62)
    assert learned.found(EDGES, "digest") is None
    assert "what was learned of momentum is learned again" in caplog.text


def test_a_store_that_does_not_take_it_costs_only_the_memory(caplog):
    class Full(MemoryStorage):
        def put_blob(self, source):
            raise StoreBusy("the disk is full")

    Learned(Full(), "momentum").keep(EDGES, "digest", b"bytes")
    assert "what was learned of momentum is not kept: the disk is full" in caplog.text


def test_a_digest_tells_columns_labels_and_their_order_apart():
    some = [np.arange(3.0), Categories(np.array([0, 1], dtype=np.int32), ("a", "b"))]
    same = [np.arange(3.0), Categories(np.array([0, 1], dtype=np.int32), ("a", "b"))]
    renamed = [np.arange(3.0), Categories(np.array([0, 1], dtype=np.int32), ("a", "c"))]
    found = {digest_of(["x"], columns) for columns in (some, renamed, some[::-1], [np.arange(3), some[1]])}
    assert len(found) == 4
    assert digest_of(["x"], same) in found
    assert digest_of(["y"], same) not in found


def test_an_object_is_written_with_its_options_and_its_source():
    assert written_as(MeanShift(2.0)) == written_as(MeanShift(2.0))
    assert written_as(MeanShift(2.0)) != written_as(MeanShift(3.0))
    assert "MeanShift scale=2.0" in written_as(MeanShift(2.0))


def test_an_object_is_written_the_same_in_every_process():
    code = (
        "from watchkeeper.monitor.learned import written_as\n"
        "from watchkeeper_plugins.drift import psi\n"
        "print(written_as(psi.build(psi.Options())))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(told) == 1
