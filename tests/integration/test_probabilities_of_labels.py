"""Models that answer with a label of three classes and a probability for each: metrics of scores, and estimates."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.metrics import accuracy_score, log_loss

import watchkeeper as wk
from watchkeeper.app import open_project
from watchkeeper.domain.errors import ConfigError, DataError
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000  # 2026-01-05
CLASSES = ("down", "flat", "up")
CONFIG = """
[project]
name = "desk"
storage = "sqlite:///watch"

[models.trend]
task = "classification"
reference = "reference.parquet"
window = "400 rows"
metrics = ["accuracy", "log_loss", "roc_auc"]
drift = ["ks"]

[models.trend.columns]
time = "ts"
id = "id"
prediction = "answer"
outcome = "came"
features = ["ret1"]
segments = ["venue"]
probabilities = { up = "p_up", down = "p_down", flat = "p_flat" }
"""


def rows(rng, count, sharpness=2.0):
    """Columns of a model whose probabilities are true, of `count` rows."""
    signal = rng.normal(size=count)
    odds = np.exp(sharpness * np.column_stack([-signal, np.zeros(count), signal]))
    chance = odds / odds.sum(axis=1, keepdims=True)
    came = (chance.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    names = np.array(CLASSES)
    return {
        "ret1": signal,
        "venue": np.array(["LSE", "NYSE"])[rng.integers(0, 2, count)],
        "answer": names[chance.argmax(axis=1)],
        "came": names[came],
        **{f"p_{name}": chance[:, at] for at, name in enumerate(CLASSES)},
    }


@pytest.fixture
def clock():
    return FakeClock(START_US + 5000 * MINUTE_US)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    columns = rows(np.random.default_rng(1), 4000)
    times = pa.array(START_US + MINUTE_US * np.arange(4000, dtype=np.int64), pa.timestamp("us"))
    parquet.write_table(pa.table({"ts": times, **columns}), tmp_path / "reference.parquet")
    (tmp_path / "watchkeeper.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def logged(watch, clock, columns):
    times = clock.now_us() + MINUTE_US * np.arange(len(columns["answer"]), dtype=np.int64)
    features = {name: values for name, values in columns.items() if name not in ("answer", "came")}
    ids = watch.log("trend", features, columns["answer"], times_us=times)
    clock.advance(len(times) * 60.0)
    return ids


def test_an_estimate_without_outcomes_is_replaced_by_what_turned_out(folder, clock):
    columns = rows(np.random.default_rng(2), 400, sharpness=1.0)
    with open_project("watchkeeper.toml", clock=clock, actor="ada") as watch:
        ids = logged(watch, clock, columns)
        expected = watch.check("trend")
        watch.record_outcomes("trend", ids, columns["came"])
        clock.advance(3600.0)
        found = watch.check("trend")
        points = watch.timeline("trend", "accuracy")
    estimate = expected.measurement("estimated_accuracy").value
    realised = found.measurement("accuracy").value.number
    assert expected.status is wk.Status.UNKNOWN
    assert expected.measurement("accuracy").value.number is None
    assert realised == accuracy_score(columns["came"], columns["answer"])
    assert estimate.interval[0] <= realised <= estimate.interval[1]
    assert abs(estimate.number - realised) < abs(
        expected.measurement("estimated_accuracy").details["reference"] - realised
    )
    assert points[-1].realised.value.number == realised
    assert points[-1].estimated.value.number == pytest.approx(estimate.number)


def test_metrics_of_scores_read_the_probabilities_of_each_class(folder, clock):
    columns = rows(np.random.default_rng(3), 400)
    with open_project("watchkeeper.toml", clock=clock, actor="ada") as watch:
        ids = logged(watch, clock, columns)
        watch.record_outcomes("trend", ids, columns["came"])
        found = watch.check("trend")
    given = np.column_stack([columns[f"p_{name}"] for name in CLASSES])
    expected = log_loss(columns["came"], given, labels=list(CLASSES))
    assert found.measurement("log_loss").value.number == pytest.approx(expected, rel=1e-12)
    assert found.measurement("roc_auc").value.is_defined
    assert found.measurement("log_loss", segment="venue=LSE").value.is_defined


def test_a_file_and_a_folder_are_read_with_their_probabilities(folder, clock):
    columns = rows(np.random.default_rng(4), 400)
    times = pa.array(START_US + MINUTE_US * np.arange(400, dtype=np.int64), pa.timestamp("us"))
    (folder / "days").mkdir()
    parquet.write_table(pa.table({"ts": times, **columns}), folder / "days" / "first.parquet")
    given = np.column_stack([columns[f"p_{name}"] for name in CLASSES])
    expected = log_loss(columns["came"], given, labels=list(CLASSES))
    with open_project("watchkeeper.toml", clock=clock, actor="ada") as watch:
        of_file = watch.check("trend", pa.table({"ts": times, **columns}))
        of_folder = watch.check_folder("trend", folder / "days")
    assert of_file.measurement("log_loss").value.number == pytest.approx(expected, rel=1e-12)
    assert of_folder.measurement("log_loss").value.number == pytest.approx(expected, rel=1e-12)


def test_a_class_without_a_column_is_refused_by_name(folder, clock):
    (folder / "watchkeeper.toml").write_text(CONFIG.replace(', flat = "p_flat"', ""), encoding="utf-8")
    with open_project("watchkeeper.toml", clock=clock, actor="ada") as watch, pytest.raises(DataError) as caught:
        watch.told_of("trend")
    assert "has the class 'flat', which has no column of probabilities" in str(caught.value)


@pytest.mark.parametrize(
    ("probabilities", "told"),
    [
        ('{ up = "p_up" }', "probabilities name one class; expected a column for each of two classes or more"),
        ('{ up = "p_up", down = "came" }', 'the column "came" is both outcome and probabilities.down'),
    ],
    ids=["one class", "a column with another role"],
)
def test_a_mistake_in_the_table_is_told_with_the_file(folder, clock, probabilities, told):
    text = CONFIG.replace('{ up = "p_up", down = "p_down", flat = "p_flat" }', probabilities)
    (folder / "watchkeeper.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        open_project("watchkeeper.toml", clock=clock, actor="ada")
    assert told in str(caught.value)
    assert "watchkeeper.toml:" in str(caught.value)


def test_each_segment_is_estimated_from_its_own_part_of_the_reference_until_its_outcomes_come(folder, clock):
    columns = rows(np.random.default_rng(5), 400)
    columns["venue"][:50] = "XPAR"
    with open_project("watchkeeper.toml", clock=clock, actor="ada") as watch:
        ids = logged(watch, clock, columns)
        before = watch.check("trend")
        of_london = [name for name, venue in zip(ids, columns["venue"], strict=True) if venue == "LSE"]
        watch.record_outcomes("trend", of_london, columns["came"][columns["venue"] == "LSE"])
        after = watch.check("trend")
    estimate = before.measurement("estimated_accuracy", segment="venue=LSE").value
    realised = after.measurement("accuracy", segment="venue=LSE").value.number
    unknown = before.measurement("estimated_accuracy", segment="venue=XPAR").value
    assert estimate.interval[0] <= realised <= estimate.interval[1]
    assert before.measurement("estimated_accuracy", segment="venue=LSE").details["reference"] > 0.5
    assert "the reference has no rows of venue=XPAR" in unknown.reason
    assert after.measurement("estimated_accuracy", segment="venue=LSE") is None
    assert after.measurement("estimated_accuracy", segment="venue=NYSE").value.is_defined


def test_a_folder_without_outcomes_is_estimated(folder, clock):
    columns = rows(np.random.default_rng(6), 400)
    realised = accuracy_score(columns["came"], columns["answer"])
    times = pa.array(START_US + MINUTE_US * np.arange(400, dtype=np.int64), pa.timestamp("us"))
    (folder / "days").mkdir()
    unknown = {name: values for name, values in columns.items() if name != "came"}
    parquet.write_table(pa.table({"ts": times, **unknown}), folder / "days" / "first.parquet")
    with open_project("watchkeeper.toml", clock=clock, actor="ada") as watch:
        found = watch.check_folder("trend", folder / "days")
        logged(watch, clock, columns)
        stretch = watch.check_stretch("trend", START_US)
    for result in (found, stretch):
        estimate = result.measurement("estimated_accuracy").value
        assert estimate.interval[0] <= realised <= estimate.interval[1]
        assert estimate.samples == 400
        performance = next(one for one in result.verdict.findings if one.subject == "performance")
        assert performance.status is wk.Status.UNKNOWN
        assert "estimated accuracy 0." in performance.sentence
