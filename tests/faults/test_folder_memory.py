"""A folder several times as large takes no more memory: measured as the peak of processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 200_000
FEATURES = ("a", "b", "c", "d")
FEW, MANY = 3, 15
"""Files; the fewer hold as many labelled rows already as are kept for metrics here."""
CONFIG = """\
[project]
name = "desk"
storage = "sqlite:///watch"
presets = false
[models.m]
task = "classification"
reference = "reference.parquet"
window = "1000 rows"
metrics = ["accuracy", "brier"]
drift = ["ks", "psi", "pca_reconstruction"]
columns = { time = "t", prediction = "p", outcome = "y", features = ["a", "b", "c", "d"], latency = "ms" }
"""
SCRIPT = """
import json, resource, sys
import watchkeeper as wk
from watchkeeper.monitor.scale import folder
folder.MOST_LABELLED = 200_000
with wk.open("watchkeeper.toml") as watch:
    watch.told_of("m")
    result = watch.check_folder("m", sys.argv[1], workers=1, act=False)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([result.window.rows, peak if sys.platform == "darwin" else peak * 1024]))
"""


def rows(count, seed):
    rng = np.random.default_rng(seed)
    p = rng.random(count)
    columns = {name: rng.normal(size=count) for name in FEATURES}
    times = np.datetime64("2026-01-05", "us") + np.arange(count) * np.timedelta64(1, "s")
    return pa.table(
        columns | {"t": times, "p": p, "y": (rng.random(count) < p).astype(np.int64), "ms": rng.gamma(2.0, 5.0, count)}
    )


def folder_of(place, files):
    folder = place / f"{files} files"
    folder.mkdir()
    for at in range(files):
        source, copy = place / f"{at % 3}.parquet", folder / f"{at:03}.parquet"
        try:
            os.link(source, copy)
        except OSError:
            shutil.copy(source, copy)
    return folder


def checked(place, folder):
    """How many rows there were, and the peak in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)], cwd=place, check=True, capture_output=True, timeout=300
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no resource module")
def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    (tmp_path / "watchkeeper.toml").write_text(CONFIG, encoding="utf-8")
    pq.write_table(rows(20_000, 9), tmp_path / "reference.parquet")
    for at in range(3):
        pq.write_table(rows(ROWS, at), tmp_path / f"{at}.parquet", row_group_size=65_536)
    few, peak_of_few = checked(tmp_path, folder_of(tmp_path, FEW))
    many, peak_of_many = checked(tmp_path, folder_of(tmp_path, MANY))
    assert (few, many) == (FEW * ROWS, MANY * ROWS)
    more = (many - few) * 8 * len(rows(1, 0).column_names)  # what the further rows take as a table
    assert peak_of_many - peak_of_few < more / 4, f"{peak_of_few / 1e6:.0f} MB, then {peak_of_many / 1e6:.0f} MB"
