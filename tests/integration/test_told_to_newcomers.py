"""What a newcomer does wrong or cannot know is told in a sentence that says what to do."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

import numpy as np
import pytest

from watchkeeper.app import open_project
from watchkeeper.contracts.storage import Append
from watchkeeper.domain.errors import StoreError, UsageError
from watchkeeper.domain.plural import counted
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.records import OUTCOMES, PREDICTIONS
from watchkeeper.monitor.stored_windows import stored_records
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

MINUTE_US = 60_000_000
DAY_US = 1440 * MINUTE_US
START_US = 1_767_571_200_000_000  # 2026-01-05


@pytest.fixture
def clock():
    return FakeClock(START_US + 5000 * MINUTE_US)


@pytest.fixture
def watch(project, clock):
    with open_project("watchkeeper.toml", clock=clock) as opened:
        yield opened


def without(table, name):
    return {key: column for key, column in table.items() if key != name}


def test_until_says_that_outcomes_came_later(watch, project):
    rows = project.rows(200)
    watch.log_table("momentum", without(rows, "y"))
    watch.record_outcomes_table("momentum", {"id": rows["id"], "y": rows["y"]})
    result = watch.check("momentum", until_us=START_US + 2100 * MINUTE_US)
    performance = next(one for one in result.verdict.findings if one.subject == "performance")
    assert "0 of 100 rows have an outcome" in performance.sentence
    assert (
        "100 of them came at 2026-01-06 11:00:00 or later, and --until judges by what was known then: "
        "`check --since` measures with all that is known now"
    ) in performance.sentence


def test_until_without_any_outcomes_promises_nothing(watch, project):
    watch.log_table("momentum", without(project.rows(200), "y"))
    result = watch.check("momentum", until_us=START_US + 2100 * MINUTE_US)
    assert "of them came at" not in result.verdict.sentence


def test_outcomes_whose_time_is_days_before_their_predictions_are_joined(watch, project):
    rows = project.rows(100)
    early = [str(np.datetime64(moment) - np.timedelta64(10, "D")) for moment in rows["ts"]]
    watch.log_table("momentum", without(rows, "y"))
    found = watch.record_outcomes_table("momentum", {"id": rows["id"], "y": rows["y"], "ts": early})
    assert (found.rows, found.unknown) == (100, ())
    assert watch.check("momentum").measurement("labelled").value.number == 100


def test_outcomes_that_were_stored_long_before_are_joined_when_none_came_later():
    storage = MemoryStorage()
    ids = Categories.of([f"r{at}" for at in range(10)])
    time = START_US + MINUTE_US * np.arange(10, dtype=np.int64)
    storage.commit([Append(PREDICTIONS, "spx", time, Table({"id": ids, "prediction": np.zeros(10)}))])
    storage.commit([Append(OUTCOMES, "spx", time - 40 * DAY_US, Table({"id": ids, "outcome": np.ones(10)}))])
    found = stored_records(storage, "spx", WindowSize.parse("10 rows"), [])
    assert found.has_outcome.all()
    assert found.outcome.tolist() == [1.0] * 10


def test_a_search_for_early_outcomes_ends_after_many_rows():
    class Counting(MemoryStorage):
        rows = 0

        def scan(self, stream, *args, **more):
            for batch in super().scan(stream, *args, **more):
                self.rows += len(batch.time) * (stream == OUTCOMES)
                yield batch

    storage = Counting()
    others = np.arange(400_000, dtype=np.int64)
    time = START_US - 2 * DAY_US - others[::-1] * MINUTE_US
    table = Table({"id": others.astype(str).astype(object), "outcome": np.ones(400_000)})
    storage.commit([Append(OUTCOMES, "spx", time, table)])
    one = Table({"id": np.array(["new"], dtype=object), "prediction": np.zeros(1)})
    storage.commit([Append(PREDICTIONS, "spx", np.array([START_US]), one)])
    assert not stored_records(storage, "spx", WindowSize.parse("10 rows"), []).has_outcome.any()
    assert storage.rows < 700_000  # each is read twice at most, and the last look is the longest


def test_a_reference_without_the_configured_time_or_outcome_is_told_by_the_doctor(project, command):
    project.configure(
        project.config.replace('time = "ts"', 'time = "tss"').replace('outcome = "y"', 'outcome = "truth"')
    )
    answer = command("doctor", "--json")
    found = {one["finding"]: one["status"] for one in json.loads(answer.out) if one["what"] == "model momentum"}
    told = [sentence.rpartition("/")[2] for sentence, status in found.items() if status == "WARN"]
    assert told[0].startswith('reference.csv has no column "tss", which columns.time names, so that its rows are taken')
    assert told[0].endswith("and seasons are not learned; did you mean 'ts'?")
    assert told[1].startswith('reference.csv has no column "truth", which columns.outcome names, so that nothing is')
    assert told[1].endswith("performance raises no alarm")
    assert answer.code == 1


def test_outcomes_of_unknown_ids_are_told(project, command):
    project.today()
    assert command("log", "momentum", "today.csv").err == "100 predictions of momentum are stored\n"
    (project / "late.csv").write_text("id,y\nr2000,1\nx1,0\nx2,1\n")
    told = command("outcomes", "momentum", "late.csv")
    assert told.code == 0
    assert told.err.splitlines() == [
        "3 outcomes of momentum are stored",
        (
            "2 ids of late.csv belong to no stored prediction of momentum: x1, x2; is the id column right, and are the "
            "predictions logged?"
        ),
    ]
    (project / "late.csv").write_text("id,y\nr2001,1\n")
    assert command("outcomes", "momentum", "late.csv").err == "1 outcome of momentum is stored\n"


def test_a_store_that_cannot_be_written_is_told_once_and_for_people(project, command, monkeypatch):
    from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

    project.today()
    commit = SqliteStorage.commit

    def failing(self, operations, *args, **more):
        if any(isinstance(one, Append) for one in operations):
            raise StoreError("the store watch cannot be written: the disk is read-only")
        return commit(self, operations, *args, **more)

    monkeypatch.setattr(SqliteStorage, "commit", failing)
    answer = command("log", "momentum", "today.csv")
    assert answer.code == 4
    assert (
        "the disk is read-only; what today.csv holds is not stored: mend the store and record the file again"
        in answer.err
    )
    assert "flush()" not in answer.err


def test_a_model_without_a_version_cannot_be_explained_and_says_what_to_do(project, command):
    answer = command("explain", "momentum")
    assert answer.code == 2
    assert (
        "model 'momentum' has no registered version, and only the model itself can be explained: register one"
        in answer.err
    )


def test_an_ensemble_that_is_not_configured_is_told(project, command):
    answer = command("ensemble", "weights", "both")
    assert answer.code == UsageError.exit_code
    assert answer.err == "watchkeeper: there is no ensemble 'both' in the configuration, which has none\n"


@pytest.mark.parametrize(("number", "told"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (1200, "1,200 rows")])
def test_numbers_have_their_words(number, told):
    assert counted(number, "row") == told


def test_somebody_who_waits_for_a_large_file_sees_it(monkeypatch, tmp_path, capsys):
    from watchkeeper.cli import busy

    large = tmp_path / "large.csv"
    large.write_bytes(b"0" * 2_000)
    monkeypatch.setattr(busy, "_LARGE_BYTES", 1_000)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with busy.busy("checking", large):
        pass
    assert "checking large.csv" in capsys.readouterr().err
    with busy.busy("checking", tmp_path / "none.csv"):
        pass
    assert capsys.readouterr().err == ""


def test_the_version_is_printed_without_a_command(command):
    answer = command("--version")
    assert answer.code == 0
    assert answer.out.strip() == version("watchkeeper")


def test_the_window_that_init_writes_is_long_enough_to_be_judged(project, command):
    (project / "watchkeeper.toml").unlink()
    lines = (project / "reference.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (project / "short.csv").write_text("".join(lines[:201]), encoding="utf-8")
    columns = ("--time", "ts", "--id", "id", "--prediction", "p", "--outcome", "y", "--model", "momentum")
    assert command("init", "short.csv", *columns).code == 0
    project.today()
    assert command("log", "momentum", "today.csv").code == 0
    found = json.loads(command("check", "--until", "2026-02-01", "--json").out)[0]
    assert "UNKNOWN" not in {one["status"] for one in found["findings"] if one["subject"] == "samples"}


def test_history_tells_the_interval_and_status_the_word_beside_its_icon(project, command):
    project.today()
    assert command("log", "momentum", "today.csv").code == 0
    assert command("check", "--fail-on", "never").code == 0
    found = command("history", "momentum", "accuracy", "--json")
    low, high = json.loads(found.out)[0]["interval"]
    assert f"{low:.4g} to {high:.4g}" in " ".join(command("history", "momentum", "accuracy").out.split())
    assert "? UNKNOWN" in command("status").out


def test_a_day_before_the_first_prediction_is_told(project, command):
    project.today()
    assert command("log", "momentum", "today.csv").code == 0
    answer = command("report", "momentum", "--until", "2020-01-01")
    assert answer.code == 5
    assert "model 'momentum' has no predictions before 2020-01-02T00:00:00Z; the store has some from" in answer.err
