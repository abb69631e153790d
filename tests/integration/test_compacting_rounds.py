"""While watchkeeper runs, the store is compacted between the rounds, so that a busy model's window is quick to read."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.app import open_project
from watchkeeper.app.rounds import rounds
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.spans import Duration
from watchkeeper.testing.clock import FakeClock

START_US = 1_767_571_200_000_000  # 2026-01-05


@pytest.fixture
def clock():
    return FakeClock(START_US)


@pytest.fixture
def watch(project, clock):
    project.configure(project.config)
    with open_project("watchkeeper.toml", clock=clock, actor="ada") as opened:
        yield opened


def test_the_store_is_compacted_every_ten_seconds_of_work(watch, clock, monkeypatch):
    compacted = []
    monkeypatch.setattr(watch, "compact", lambda budget: compacted.append((clock.now_us() - START_US, budget)))
    monkeypatch.setattr("watchkeeper.app.rounds.time.monotonic", lambda: clock.now_us() / 1e6)

    list(rounds(watch, Duration.parse("4s"), times=8, wait=clock.advance))

    assert [(at // 1_000_000, budget) for at, budget in compacted] == [(12, 1.0), (24, 1.0)]


def test_many_small_flushes_become_a_large_chunk_and_the_rows_stay(watch, clock):
    names = watch._systems.models.watched("momentum").recorded
    for _ in range(40):
        columns = {name: np.zeros(300) if name != "venue" else np.full(300, "LSE") for name in names}
        watch.log("momentum", columns, np.full(300, 0.5))
        watch.flush()
        clock.advance(1.0)
    storage = watch._systems.storage
    before = [len(batch.time) for batch in storage.scan("predictions", "momentum")]

    assert watch.compact(10.0) is None

    after = [len(batch.time) for batch in storage.scan("predictions", "momentum")]
    assert sum(after) == sum(before) == 12_000
    assert len(after) < len(before) / 4


def test_a_store_that_cannot_be_compacted_is_told_and_tried_again(watch, monkeypatch):
    def maintain(*_):
        raise StoreError("the disk is slow today")

    with monkeypatch.context() as broken:
        broken.setattr(watch._systems.storage, "maintain", maintain)
        assert watch.compact().error == "StoreError: the disk is slow today"
    assert watch.compact() is None
