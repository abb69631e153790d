"""`check` over a folder of Parquet files, and over a long stretch of stored rows."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import watchkeeper as wk
from watchkeeper.app.rounds import rounds
from watchkeeper.domain.errors import StoreError, UsageError
from watchkeeper.domain.spans import Duration
from watchkeeper.testing import FakeClock

HOUR_US = 3_600_000_000
START_US = 1_767_571_200_000_000
"""2026-01-05T00:00:00Z, where the reference begins."""


def parquet(project, name, table, **changes):
    path = project / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({**table, **changes}), path)
    return path


@pytest.fixture
def folder(project):
    for number in range(3):
        parquet(project, f"rows/part-{number}.parquet", project.rows(400, seed=10 + number))
    return project / "rows"


def test_a_folder_is_checked_as_one_window(command, folder):
    answer = command("check", "momentum", "--data", str(folder), "--json", "--fail-on", "alert")

    (found,) = json.loads(answer.out)
    assert answer.code == 0
    assert found["window"]["rows"] == 1200
    numbers = {one["name"]: one for one in found["measurements"] if not one["labels"]}
    assert numbers["labelled"]["value"] == 1200
    assert 0.6 < numbers["accuracy"]["value"] < 0.8
    (ks,) = [one for one in found["measurements"] if one["name"] == "ks" and one["labels"] == {"feature": "ret1"}]
    assert ks["interval"][0] <= ks["value"] <= ks["interval"][1] < ks["value"] + 0.01


def measurements(answer):
    """All but the age of the newest row, which is another at each check."""
    (found,) = json.loads(answer.out)
    return [one for one in found["measurements"] if one["name"] != "age_seconds"]


@pytest.mark.parametrize("more", [(), ("--workers", "1"), ("--executor", "local", "--workers", "2")], ids=" ".join)
def test_every_executor_gives_the_same(command, folder, more):
    plain = command("check", "momentum", "--data", str(folder), "--json")

    answer = command("check", "momentum", "--data", str(folder), "--json", *more)

    assert measurements(answer) == measurements(plain)


def test_drift_in_a_folder_is_told_with_its_bound(command, project, folder):
    rows = project.rows(4000, seed=20)
    rows["ret1"] = (np.asarray(rows["ret1"]) + 3.0).tolist()
    parquet(project, "rows/part-3.parquet", rows)

    answer = command("check", "momentum", "--data", str(folder), "--fail-on", "warn")

    assert answer.code == 1
    assert 'feature "ret1" drifted: ks 0.' in answer.out
    assert " to 0." in answer.out


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_checked(command, project, folder):
    (folder / "part-1.parquet").write_bytes(b"not a file of rows")

    answer = command("check", "momentum", "--data", str(folder), "--fail-on", "unknown")

    assert answer.code == 1
    assert "part-1.parquet cannot be read as Parquet" in answer.out
    assert "800 rows" in answer.out


@pytest.mark.parametrize("option", [("--executor", "dask"), ("--workers", "2")], ids=" ".join)
def test_workers_of_a_file_are_refused(command, project, option):
    for where in (("--data", str(project.today())), ()):
        answer = command("check", "momentum", *where, *option)
        assert answer.code == 2
        assert f"{option[0]} is for a folder of Parquet files that is counted whole; leave it out" in answer.err


def test_an_executor_that_nobody_provides_is_told(command, folder):
    answer = command("check", "momentum", "--data", str(folder), "--executor", "locl")

    assert answer.code == 3
    assert "did you mean 'local'?" in answer.err


def test_a_folder_and_until_do_not_go_together(command, folder):
    answer = command("check", "momentum", "--data", str(folder), "--until", "2026-01-05")

    assert answer.code == 2
    assert "--data checks a whole file and --until a window of stored rows; give one of the two" in answer.err


def test_an_empty_folder_is_told(command, project):
    (project / "empty").mkdir()

    answer = command("check", "momentum", "--data", str(project / "empty"))

    assert answer.code == 4
    assert "holds no .parquet file among 0 files" in answer.err


def test_a_folder_of_several_models_wants_the_name(command, project, folder):
    project.configure(
        project.config
        + project.config[project.config.index("[models") : project.config.index("[rules")].replace("momentum", "other")
    )

    answer = command("check", "--data", str(folder))

    assert answer.code == 2
    assert "--data is rows of one model; name it: momentum, other" in answer.err


@pytest.fixture
def watch(project):
    """A project with 40 hours of stored rows, a minute apart, hour by hour as they came."""
    clock = FakeClock(START_US)
    with wk.open("watchkeeper.toml", clock=clock) as made:
        for hour in range(40):
            rows = project.rows(60, seed=100 + hour)
            times = START_US + hour * HOUR_US + np.arange(60) * 60_000_000
            for at in range(5):  # 300 rows an hour
                made.log_table(
                    "momentum", rows | {"ts": (times + at).tolist(), "id": [f"{hour}-{at}-{row}" for row in range(60)]}
                )
            clock.advance(3600)
        yield made


def test_a_long_stretch_is_checked_from_roll_ups(watch):
    found = watch.check_stretch("momentum", START_US, START_US + 40 * HOUR_US)

    assert found.window.rows == 12_000
    assert found.measurement("labelled").value.number == 12_000
    assert found.measurement("accuracy").value.samples == 12_000
    assert found.measurement("ks", feature="ret1").value.interval is not None
    assert watch.measurements("momentum") == []


def test_a_stretch_tells_what_the_rows_tell(watch, project):
    stretch = watch.check_stretch("momentum", START_US + HOUR_US // 2, START_US + 30 * HOUR_US)
    project.configure(project.config.replace('window = "100 rows"', 'window = "1770m"'))
    with wk.open("watchkeeper.toml", clock=FakeClock(START_US + 30 * HOUR_US)) as again:
        window = again.check("momentum", until_us=START_US + 30 * HOUR_US)

    assert stretch.window.rows == window.window.rows == 8850
    for name in ("accuracy", "roc_auc", "brier"):
        assert stretch.measurement(name).value == window.measurement(name).value
    for feature in ("ret1", "vol10"):
        low, high = stretch.measurement("ks", feature=feature).value.interval
        assert low <= window.measurement("ks", feature=feature).value.number <= high
        for name in ("missing_share", "out_of_range_share"):
            assert stretch.measurement(name, feature=feature).value == window.measurement(name, feature=feature).value
    assert stretch.measurement("chi2", feature="venue").value == window.measurement("chi2", feature="venue").value


def test_an_empty_stretch_is_refused(watch):
    with pytest.raises(UsageError, match=r"the stretch from .* to .* is empty: give a later end"):
        watch.check_stretch("momentum", START_US, START_US)


def test_tidying_merges_hours_and_changes_no_answer(watch):
    before = watch.check_stretch("momentum", START_US, START_US + 40 * HOUR_US)

    assert watch.tidy() == ()

    assert watch.check_stretch("momentum", START_US, START_US + 40 * HOUR_US).measurements == before.measurements


def test_the_command_checks_a_stretch(watch, command):
    watch.close()

    answer = command("check", "momentum", "--over", "7d", "--until", "2026-01-06T16:00", "--json")

    assert json.loads(answer.out)[0]["window"]["rows"] == 12_000
    refused = command("check", "momentum", "--over", "7d", "--data", "today.csv")
    assert refused.code == 2
    assert "--data checks files and --over a stretch of stored rows; give one of the two" in refused.err
    nothing = command("check", "momentum", "--over", "1h", "--until", "2020-01-01")
    assert nothing.code == 5
    assert "model 'momentum' has no predictions between 2020-01-01T23:00:00Z and 2020-01-02T00:00:00Z" in nothing.err


def test_a_chore_that_fails_is_returned_and_the_others_are_done(watch, monkeypatch):
    def maintain(_budget_seconds):
        raise StoreError("the disk is slow today")

    monkeypatch.setattr(watch._systems.storage, "maintain", maintain)

    (failed,) = watch.tidy()

    assert failed.error == "StoreError: the disk is slow today"
    assert failed.subject == "tidying the store"


def test_the_daily_life_tidies_the_store(watch, monkeypatch):
    tidied = []
    clock = FakeClock(START_US + 40 * HOUR_US)
    monkeypatch.setattr(watch, "now_us", clock.now_us)
    monkeypatch.setattr(watch, "tidy", lambda: tidied.append("now"))

    assert len(list(rounds(watch, Duration.parse("1us"), times=3, wait=lambda _: clock.advance(1)))) == 3

    assert tidied == ["now"]
