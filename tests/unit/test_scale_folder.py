"""A folder of Parquet files counted part by part: equal to reading it all at once, on any executor, to the bit."""

import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from watchkeeper.domain.cells import LabelCells, NumberCells, ordered_numbers
from watchkeeper.domain.errors import DataError, NothingToCheck
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.profile import profile
from watchkeeper.domain.table import Categories
from watchkeeper.domain.verdict import Status
from watchkeeper.monitor.evaluating import Judging, PredictionForm
from watchkeeper.monitor.scale import folder as folder_module
from watchkeeper.monitor.scale import parts as parts_module
from watchkeeper.monitor.scale.counted import CountedEvaluation
from watchkeeper.monitor.scale.folder import planned_folder, profiled_folder
from watchkeeper.monitor.scale.questions import Question
from watchkeeper.plugins import Plugins

RNG = np.random.default_rng(2)
CELLS = {
    "ret1": NumberCells.of(ordered_numbers(RNG.normal(size=3000).astype(np.float32))),
    "venue": LabelCells(("LSE", "NYSE")),
    "prediction": NumberCells.of(ordered_numbers(RNG.random(3000))),
}
JUDGING = Judging(Task.CLASSIFICATION, PredictionForm.PROBABILITY, ("0", "1"))
QUESTION = Question(CELLS, "p", JUDGING, outcome="y", time="ts")
DAY_US = 86_400_000_000


def rows_of(number, rows=500):
    rng = np.random.default_rng(100 + number)
    probability = rng.random(rows)
    return {
        "ts": pa.array(np.arange(rows) * 1_000_000 + number * DAY_US, pa.timestamp("us", "UTC")),
        "ret1": pa.array(np.where(rng.random(rows) < 0.03, np.nan, rng.normal(0.2, 1.0, rows)).astype(np.float32)),
        "venue": pa.array(rng.choice(["LSE", "NYSE", "XETRA", None], rows)).dictionary_encode(),
        "p": pa.array(probability),
        "y": pa.array((rng.random(rows) < probability).astype(np.int8), mask=rng.random(rows) < 0.1),
    }


@pytest.fixture
def folder(tmp_path):
    for number in range(5):
        path = tmp_path / f"day={number}" / "part.parquet"
        path.parent.mkdir()
        pq.write_table(pa.table(rows_of(number)), path, row_group_size=130)
    return tmp_path


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(folder_module, "_PART_ROWS", 200)
    monkeypatch.setattr(parts_module, "_BATCH_ROWS", 77)


def counted(folder, open_pool=lambda: ThreadPoolExecutor(1), question=QUESTION, **more):
    return profiled_folder(planned_folder(folder), question, open_pool, **more)


def whole(name):
    return pa.concat_tables([pa.table(rows_of(number)) for number in range(5)]).column(name)


def test_a_folder_is_the_sum_of_its_rows(folder):
    found = counted(folder)

    assert found.window.rows == 2500
    assert (found.window.start_us, found.window.end_us) == (0, 4 * DAY_US + 499_000_001)
    assert found.profiles["ret1"] == profile(whole("ret1").to_numpy(), CELLS["ret1"])
    assert found.profiles["venue"] == profile(Categories.of(whole("venue").to_pylist()), CELLS["venue"])
    assert found.profiles["prediction"] == profile(whole("p").to_numpy(), CELLS["prediction"])
    assert found.findings == ()
    truth = whole("y").to_pylist()
    assert found.labelled == sum(one is not None for one in truth)
    known = [(int(one), said) for one, said in zip(truth, whole("p").to_pylist(), strict=True) if one is not None]
    assert found.evaluation.truth.tolist() == [true for true, _ in known]
    assert found.evaluation.scores.tolist() == [said for _, said in known]


def two_processes():
    return ProcessPoolExecutor(2, get_context("forkserver"))


@pytest.mark.parametrize(
    "open_pool",
    [lambda: ThreadPoolExecutor(2), two_processes],
    ids=["two threads", "two processes"],
)
def test_any_executor_gives_the_same_to_the_bit(folder, open_pool, monkeypatch):
    monkeypatch.setattr(folder_module, "MOST_LABELLED", 600)
    one, other = counted(folder), counted(folder, open_pool)

    assert one.profiles == other.profiles
    assert one.window == other.window
    assert np.array_equal(one.evaluation.confusion, other.evaluation.confusion)
    assert np.array_equal(one.evaluation.scores, other.evaluation.scores)


def test_parts_end_at_row_groups_and_hold_all_rows_once(folder):
    plan = planned_folder(folder)

    assert plan.rows == 2500
    assert [part.groups for part in plan.parts if part.name == "day=0/part.parquet"] == [(0, 1), (2, 3)]
    assert [(part.first_row, part.rows) for part in plan.parts[:2]] == [(0, 260), (260, 240)]


def test_files_that_cannot_be_read_are_named_and_the_others_are_counted(folder):
    (folder / "day=1" / "part.parquet").write_bytes(b"PAR1 not at all")
    damaged = folder / "day=2" / "part.parquet"
    data = bytearray(damaged.read_bytes())
    data[100:2000] = bytes(1900)
    damaged.write_bytes(data)
    pq.write_table(pa.table({"p": [0.5], "ret1": [1.0], "vernue": ["X"]}), folder / "day=3" / "part.parquet")

    found = counted(folder)

    told = {one.subject: one for one in found.findings}
    assert set(told) == {"day=1/part.parquet", "day=2/part.parquet", "day=3/part.parquet"}
    assert all(one.status is Status.UNKNOWN for one in told.values())
    assert "day=1/part.parquet cannot be read as Parquet: Parquet magic bytes not found" in (
        told["day=1/part.parquet"].sentence
    )
    assert "day=2/part.parquet cannot be read as Parquet: " in told["day=2/part.parquet"].sentence
    assert "has no column 'venue'; found p, ret1, vernue; did you mean 'vernue'?" in told["day=3/part.parquet"].sentence
    assert found.window.rows == 1000
    assert found.labelled == len(found.evaluation)


def test_a_feature_of_another_kind_in_one_file_is_named_and_the_others_are_counted(folder):
    rows = rows_of(1) | {"ret1": pa.array(["high"] * 500)}
    pq.write_table(pa.table(rows), folder / "day=1" / "part.parquet")

    found = counted(folder)

    (told,) = found.findings
    assert told.subject == "ret1"
    assert "day=1/part.parquet: column 'ret1' holds text, 'high' in row 1" in told.sentence
    assert set(found.profiles) == {"venue", "prediction"}
    assert found.window.rows == 2500


def test_outcomes_that_are_no_class_make_performance_unknown_and_nothing_else(folder):
    rows = rows_of(1) | {"y": pa.array(np.full(500, 7))}
    pq.write_table(pa.table(rows), folder / "day=1" / "part.parquet")

    found = counted(folder)

    (told,) = found.findings
    assert told.sentence == (
        "performance UNKNOWN, not OK: day=1/part.parquet: outcome '7' is none of the reference's classes 0, 1"
    )
    assert found.evaluation is None
    assert set(found.profiles) == set(CELLS)


def test_files_without_outcomes_or_times_are_counted_too(folder):
    rows = {name: column for name, column in rows_of(1).items() if name not in {"ts", "y"}}
    pq.write_table(pa.table(rows), folder / "day=1" / "part.parquet")

    found = counted(folder)

    assert found.findings == ()
    assert found.window.rows == 2500
    assert found.labelled < 2000


def test_without_any_outcome_there_is_nothing_to_evaluate(folder):
    found = counted(folder, question=Question(CELLS, "p", JUDGING))

    assert (found.labelled, len(found.evaluation)) == (0, 0)


def test_a_column_that_is_all_missing_is_counted_as_missing(folder):
    pq.write_table(pa.table(rows_of(1) | {"ret1": pa.nulls(500)}), folder / "day=1" / "part.parquet")

    assert counted(folder).profiles["ret1"].missing > 500


def test_of_very_many_labelled_rows_a_part_stands_for_all(folder, monkeypatch):
    monkeypatch.setattr(folder_module, "MOST_LABELLED", 600)
    exact = Evaluation(
        "classification",
        *_known_codes(),
        classes=("0", "1"),
    )

    found = counted(folder).evaluation

    assert isinstance(found, CountedEvaluation)
    assert 400 < len(found) < 700
    assert np.array_equal(found.confusion, exact.confusion)
    assert math.isclose(found.weights.sum(), len(exact))
    plugins = Plugins()
    for name in ("accuracy", "recall", "f1", "mcc"):
        metric = plugins.build("metric", name)
        assert math.isclose(metric.compute(found).number, metric.compute(exact).number, rel_tol=1e-12)
    estimated = plugins.build("metric", "brier").compute(found)
    everything = plugins.build("metric", "brier").compute(_with_scores(exact))
    assert estimated.interval[0] < everything.number < estimated.interval[1]


def _known_codes():
    truth = whole("y").to_pylist()
    known = np.array([one is not None for one in truth])
    codes = np.array([one or 0 for one in truth])
    return codes[known], (whole("p").to_numpy() >= 0.5)[known].astype(np.int64)


def _with_scores(evaluation):
    known = np.array([one is not None for one in whole("y").to_pylist()])
    return Evaluation(
        "classification", evaluation.truth, evaluation.predicted, whole("p").to_numpy()[known], ("0", "1")
    )


def test_regressions_are_counted_too(tmp_path):
    truth = np.random.default_rng(5).normal(size=900)
    pq.write_table(pa.table({"p": truth + 0.5, "y": truth}), tmp_path / "a.parquet")
    cells = {"prediction": NumberCells.of(ordered_numbers(truth))}

    found = counted(
        tmp_path, question=Question(cells, "p", Judging(Task.REGRESSION, PredictionForm.VALUE), outcome="y")
    )

    assert np.allclose(found.evaluation.residuals, 0.5)
    assert found.labelled == 900


def test_a_worker_that_raises_what_nobody_foresaw_costs_its_file_alone(folder, monkeypatch):
    def answer_of(question, part):
        if part.name == "day=2/part.parquet":
            raise MemoryError("too large")
        return parts_module.answer_of(question, part)

    monkeypatch.setattr(folder_module, "answer_of", answer_of)

    found = counted(folder)

    (told,) = found.findings
    assert told.sentence == "day=2/part.parquet could not be counted: MemoryError: too large; it is left out"
    assert found.window.rows == 2000


def test_progress_is_told_after_every_part(folder):
    told = []

    counted(folder, tell=told.append)

    assert (told[0].done_files, told[0].done_rows) == (0, 0)
    assert (told[-1].files, told[-1].done_files, told[-1].rows, told[-1].done_rows) == (5, 5, 2500, 2500)
    assert len(told) == 11


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match=r"nowhere is no folder; expected one with Parquet files"):
        planned_folder(tmp_path / "nowhere")


def test_a_folder_without_parquet_is_told(tmp_path):
    (tmp_path / "rows.csv").write_text("a\n1\n")

    with pytest.raises(DataError, match=r"holds no \.parquet file among 1 files; expected at least one"):
        planned_folder(tmp_path)


def test_a_folder_of_which_nothing_can_be_read_is_told(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"nothing")

    with pytest.raises(DataError, match=r"none of the rows in .* can be read: a\.parquet cannot be read as Parquet"):
        counted(tmp_path)


def test_a_folder_of_empty_files_is_told(tmp_path):
    pq.write_table(pa.table(rows_of(0, rows=0)), tmp_path / "a.parquet")

    with pytest.raises(NothingToCheck, match=r"none of the files in .* has a row"):
        counted(tmp_path)
