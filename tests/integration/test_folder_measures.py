"""What a check of rows measures, a check of a folder measures too: latency, errors, risk, all features together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import watchkeeper as wk
from watchkeeper.domain.verdict import Status
from watchkeeper.monitor.scale import folder as folders

CONFIG = """\
[project]
name = "desk"
storage = "sqlite:///watch"
presets = false
[models.flowers]
task = "classification"
reference = "reference.parquet"
window = "300 rows"
metrics = ["accuracy"]
drift = ["ks", "chi2", "mmd", "domain_classifier", "pca_reconstruction"]
[models.flowers.columns]
time = "ts"
prediction = "said"
outcome = "y"
features = ["a", "b", "c"]
latency = "ms"
error = "failed"
probabilities = { x = "p_x", y = "p_y" }
segments = ["site", { name = "high", where = "a > 1" }, { name = "slow", where = "load > 0.5" }]
"""
TOGETHER = ("mmd", "domain_classifier", "pca_reconstruction")
SERVICE = ("latency_p50", "latency_p95", "latency_p99", "error_rate")


def rows(count, seed, *, skill=0.9, twisted=False):
    rng = np.random.default_rng(seed)
    a, noise = rng.normal(size=count), rng.normal(size=count)
    truth = rng.random(count) < 0.5
    said = np.where(rng.random(count) < skill, truth, ~truth)
    p = np.where(said, 0.9, 0.1)
    return pa.table(
        {
            "ts": np.datetime64("2026-01-05", "us") + (seed * 10_000 + np.arange(count)) * np.timedelta64(60, "s"),
            "said": np.where(said, "x", "y"),
            "y": np.where(truth, "x", "y"),
            "p_x": p,
            "p_y": 1.0 - p,
            "a": a,
            "b": (-0.9 if twisted else 0.9) * a + 0.3 * noise,
            "c": rng.normal(size=count),
            "ms": rng.gamma(2.0, 10.0, count),
            "failed": (rng.random(count) < 0.02).astype(np.int64),
            "site": rng.choice(["north", "south"], count),
            "load": rng.random(count),
        }
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    path = tmp_path_factory.mktemp("desk")
    (path / "watchkeeper.toml").write_text(CONFIG, encoding="utf-8")
    pq.write_table(rows(6000, 1), path / "reference.parquet")
    return path


def written(place, name, *parts):
    folder = place / name
    folder.mkdir()
    for at, part in enumerate(parts):
        pq.write_table(part, folder / f"{at:02}.parquet")
    return folder


def found(result, name):
    return next(one for one in result.measurements if one.name == name)


def test_a_folder_is_measured_as_the_same_rows_are(place):
    parts = [rows(700, 2), rows(800, 3), rows(500, 4)]
    folder = written(place, "usual", *parts)
    with wk.open(place / "watchkeeper.toml") as watch:
        whole = watch.check("flowers", pa.concat_tables(parts), act=False)
        result = watch.check_folder("flowers", folder, act=False)
    parted = {one.title: one.value for one in whole.measurements if "segment" in one.labels}
    assert parted.keys() == {f"accuracy{{segment={one}}}" for one in ("site=north", "site=south", "high", "slow")}
    assert {one.title: one.value for one in result.measurements if "segment" in one.labels} == parted
    for name in (*SERVICE, *TOGETHER, "risk_evidence", "label_drift"):
        assert found(result, name).value == found(whole, name).value, name
        assert found(whole, name).value.is_defined


def lacking(table, share, seed=3):
    gone = np.random.default_rng(seed).random(len(table)) < share
    a = np.where(gone, np.nan, table["a"].to_numpy())
    return table.set_column(table.column_names.index("a"), "a", pa.array(a))


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5], ids=["none missing", "a twentieth missing", "half missing"])
def test_values_that_are_missing_are_drift_in_a_folder_as_in_memory(place, share):
    parts = [lacking(rows(1500, 2), share), lacking(rows(700, 3), share)]
    folder = written(place, f"lacking-{share}", *parts)
    with wk.open(place / "watchkeeper.toml") as watch:
        whole = watch.check("flowers", pa.concat_tables(parts), act=False)
        result = watch.check_folder("flowers", folder, act=False)
    told = [{one.sentence for one in each.verdict.findings if one.subject == "a"} for each in (whole, result)]
    assert told[0] == told[1]
    assert ('feature "a" drifted: more values are missing' in told[1]) == (share > 0)
    assert found(result, "drift_share").value == found(whole, "drift_share").value


def test_values_that_are_missing_are_drift_in_a_long_stretch(place, tmp_path):
    (tmp_path / "watchkeeper.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "reference.parquet").write_bytes((place / "reference.parquet").read_bytes())
    part = lacking(rows(2000, 24), 0.5)
    times = part["ts"].to_numpy().astype("datetime64[us]").astype(np.int64)
    with wk.open(tmp_path / "watchkeeper.toml") as watch:
        watch.log_table("flowers", part)
        result = watch.check_stretch("flowers", int(times[0]), int(times[-1]) + 1)
    assert 'feature "a" drifted: more values are missing' in {one.sentence for one in result.verdict.findings}
    assert found(result, "drift_share").value.number == pytest.approx(1 / 3)


def test_a_folder_of_past_rows_is_judged_as_a_file_of_them(place):
    parts = [rows(700, 22), rows(800, 23)]
    folder = written(place, "past", *parts)
    with wk.open(place / "watchkeeper.toml") as watch:
        whole = watch.check("flowers", pa.concat_tables(parts), act=False)
        result = watch.check_folder("flowers", folder, act=False)
    assert result.status is whole.status is Status.OK
    assert "arrival" not in {one.subject for one in result.verdict.findings}
    assert result.measurement("age_seconds") is None


def test_latency_is_that_of_numpy_and_errors_are_those_of_all_files(place):
    parts = [rows(700, 2), rows(800, 3)]
    folder = written(place, "answers", *parts)
    with wk.open(place / "watchkeeper.toml") as watch:
        result = watch.check_folder("flowers", folder, act=False)
    every = pa.concat_tables(parts)
    latencies = every["ms"].to_numpy()
    assert found(result, "latency_p95").value.number == np.quantile(latencies, 0.95, method="inverted_cdf")
    assert found(result, "error_rate").value.number == pytest.approx(every["failed"].to_numpy().mean())


def test_features_that_move_against_one_another_are_seen_in_a_folder_by_a_bounded_sample(place, monkeypatch):
    monkeypatch.setattr(folders, "SAMPLE_ROWS", 1000)
    monkeypatch.setattr(folders, "MOST_LATENCIES", 500)
    folder = written(place, "twisted", *(rows(1500, 5 + at, twisted=True) for at in range(4)))
    with wk.open(place / "watchkeeper.toml") as watch:
        result = watch.check_folder("flowers", folder, act=False)
        again = watch.check_folder("flowers", folder, executor="local", workers=2, act=False)
    sampled = found(result, "mmd").details["sampled"]
    assert 900 < sampled < 1100
    assert 400 < found(result, "latency_p95").details["sampled"] < 600
    told = [
        one for one in result.verdict.findings if f"(by {sampled:.0f} of 6000 rows, chosen by a hash)" in one.sentence
    ]
    assert [one.status for one in told] == [Status.WARN]
    for name in (*TOGETHER, "latency_p95", "error_rate"):
        assert found(again, name).value == found(result, name).value


def test_rows_that_were_answered_worse_raise_the_alarm_with_probabilities_too(place):
    folder = written(place, "worse", *(rows(1500, 9 + at, skill=0.5) for at in range(2)))
    with wk.open(place / "watchkeeper.toml") as watch:
        result = watch.check_folder("flowers", folder, act=False)
    assert found(result, "risk_evidence").value.number >= 1.0
    assert any(one.sentence.startswith("performance fell") for one in result.verdict.findings)


def test_a_stretch_says_that_whole_rows_are_not_compared_and_measures_latency(place):
    part = rows(600, 12).select(["said", "p_x", "p_y", "a", "b", "c", "ms", "failed", "site", "load"])
    columns = {name: part[name].to_numpy(zero_copy_only=False) for name in part.column_names}
    said = columns.pop("said")
    with wk.open(place / "watchkeeper.toml") as watch:
        served = {"latency": columns.pop("ms"), "error": columns.pop("failed")}
        ids = watch.log("flowers", columns, said, **served)
        watch.record_outcomes("flowers", ids, said)
        result = watch.check_stretch("flowers", watch.now_us() - 3_600_000_000)
    assert found(result, "latency_p95").value.number == np.quantile(part["ms"].to_numpy(), 0.95, method="inverted_cdf")
    assert found(result, "error_rate").value.samples == 600
    parted = {one.labels["segment"]: one.value.samples for one in result.measurements if "segment" in one.labels}
    assert parted["site=north"] + parted["site=south"] == 600
    assert "compare whole rows, and these were merged from profiles" in found(result, "mmd").value.reason
    assert any(
        one.sentence.startswith("not compared together: mmd, domain_classifier") for one in result.verdict.findings
    )


def test_a_segment_whose_column_a_file_lacks_is_unknown_and_the_others_are_measured(place):
    folder = written(place, "lacking", rows(400, 13), rows(400, 14).drop_columns(["site"]))
    with wk.open(place / "watchkeeper.toml") as watch:
        result = watch.check_folder("flowers", folder, act=False)
    (told,) = [one for one in result.verdict.findings if one.subject == "site"]
    assert told.status is Status.UNKNOWN
    assert told.sentence == 'segment "site" UNKNOWN, not OK: not all rows have "site" as the reference has it'
    assert {one.labels["segment"] for one in result.measurements if "segment" in one.labels} == {"high", "slow"}
