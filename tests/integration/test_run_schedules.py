"""`watchkeeper run` checks each model as often as it asks for, by the project's clock."""

from __future__ import annotations

from contextlib import closing

import pytest

from watchkeeper import Status
from watchkeeper.app import open_project
from watchkeeper.app.rounds import rounds
from watchkeeper.domain.spans import Duration
from watchkeeper.testing.clock import FakeClock

START_US = 1_767_571_200_000_000 + 5010 * 60_000_000


@pytest.fixture
def clock():
    return FakeClock(START_US + 90_000_000)


def configured(project, *every):
    """A project with models m0, m1, …, each with its `every`; None: without one."""
    start, rest = project.config.split("[models.momentum]")
    model, rules = rest.split("[rules")
    parts = [
        f"[models.m{at}]{model}" + (f'every = "{step}"\n' if step else "") for at, step in enumerate(every)
    ]  # fmt: skip
    project.configure(start + "\n".join(parts) + "[rules" + rules)


def seen(watch, clock, times, pause="15m"):
    """(seconds since the start, models) of each round."""
    with closing(rounds(watch, Duration.parse(pause), times, wait=clock.advance)) as each:
        return [((clock.now_us() - START_US) // 1_000_000, tuple(results)) for results in each]


def test_each_model_is_checked_as_often_as_it_asks_for(project, clock):
    configured(project, "5m", "15m", None)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        assert seen(watch, clock, 5, pause="10m") == [
            (90, ("m0", "m1", "m2")),
            (300, ("m0",)),
            (600, ("m0", "m2")),
            (900, ("m0", "m1")),
            (1200, ("m0", "m2")),
        ]


def test_one_model_that_cannot_be_checked_leaves_the_others_their_times(project, clock):
    configured(project, "5m", "5m")
    project.configure((project / "watchkeeper.toml").read_text().replace('"reference.csv"', '"gone.csv"', 1))
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log_table("m1", project.rows())
        with closing(rounds(watch, Duration.parse("15m"), 2, wait=clock.advance)) as each:
            for results in each:
                assert results["m0"].status is Status.UNKNOWN
                assert "gone.csv" in results["m0"].verdict.sentence
                assert results["m1"].measurement("samples").value.number == 100


def test_a_step_in_rows_waits_for_as_many_new_ones(project, clock):
    configured(project, "50 rows")
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log_table("m0", project.rows())
        checked = []
        with closing(rounds(watch, Duration.parse("1m"), 4, wait=clock.advance)) as each:
            for at, results in enumerate(each):
                checked.append(bool(results))
                rows = project.rows(count=150)
                few = slice(100, 149) if at == 0 else slice(149, 150)
                if at < 2:
                    watch.log_table("m0", {name: column[few] for name, column in rows.items()})
        assert checked == [True, False, True, False]


def test_a_step_in_rows_looks_once_an_hour_all_the_same(project, clock):
    configured(project, "50 rows")
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log_table("m0", project.rows())
        assert [bool(models) for _, models in seen(watch, clock, 4, pause="30m")] == [True, False, False, True]


def test_fifty_models_in_one_process_are_each_judged(project, clock):
    configured(project, *["5m"] * 50)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log_table("m7", project.rows())
        ((_, models),) = seen(watch, clock, 1)
        assert len(models) == 50
        standing = {one.model: one for one in watch.standings()}
    assert len(standing) == 50
    assert "no predictions of model 'm8'" in standing["m8"].sentence
    assert standing["m7"].window.rows == 100


def test_run_tells_how_often_each_is_checked(project, command):
    configured(project, "5m", None)
    answer = command("run", "--times", "1")
    assert "checking m0 every 5m, m1 every 15m; stop with Ctrl-C" in answer.err
    assert answer.code == 0
