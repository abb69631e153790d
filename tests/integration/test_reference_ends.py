"""What a reference's end means: later rows are evidence, and a reference that never ends is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import watchkeeper as wk
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.verdict import Status

HOUR_US = 3_600_000_000
START = 24 * 365 * HOUR_US
ROWS = 40
CONFIG = """
[project]
name = "desk"
storage = "sqlite:///watch"
[models.m]
task = "score"
reference = "reference.parquet"
columns = { time = "ts", id = "id", prediction = "p", features = ["x"] }
window = "1h"
drift = ["ks"]
"""


class Clock:
    time_us = START

    def now_us(self) -> int:
        return self.time_us


def times(first: int, last: int) -> np.ndarray:
    return START + first * HOUR_US + np.arange((last - first) * ROWS) * (HOUR_US // ROWS)


def project(folder: Path, ts: np.ndarray) -> Path:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"ts": ts.astype("M8[us]"), "x": rng.normal(size=len(ts)), "p": rng.normal(size=len(ts))})
    frame.to_parquet(folder / "reference.parquet")
    (folder / "watchkeeper.toml").write_text(CONFIG, encoding="utf-8")
    return folder / "watchkeeper.toml"


def checked(path: Path, first: int):
    clock = Clock()
    ts = times(first, first + 24)
    rng = np.random.default_rng(2)
    with wk.open(path, clock=clock) as watch:
        clock.time_us = int(ts[-1]) + 1
        watch.log("m", {"x": rng.normal(size=len(ts))}, rng.normal(size=len(ts)), times_us=ts)
        return watch.check("m")


def test_a_reference_with_a_row_of_the_far_future_is_refused(tmp_path):
    ts = times(0, 200)
    ts[-1] += 24 * 365 * 50 * HOUR_US
    with pytest.raises(DataError, match=r"1 row with a 'ts' of 2020.* or later, and all others are from 1971-01-01.*"):
        checked(project(tmp_path, ts), 200)


def test_rows_before_the_references_end_are_told_to_be_no_evidence(tmp_path):
    result = checked(project(tmp_path, times(0, 200)), 50)
    assert result.status is Status.UNKNOWN
    told = next(finding.sentence for finding in result.verdict.findings if finding.subject == "reference")
    assert told.startswith("all rows of the window are from before 1971-01-09")


def test_rows_after_the_references_end_are_evidence(tmp_path):
    result = checked(project(tmp_path, times(0, 200)), 200)
    assert "reference" not in [finding.subject for finding in result.verdict.findings]
