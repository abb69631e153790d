"""Two versions side by side: on the rows that both predicted, or on the time in which both did."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from watchkeeper.app import open_project
from watchkeeper.domain.errors import NothingToCheck, UsageError
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000 + 2000 * MINUTE_US


@pytest.fixture
def watch(project):
    project.configure(project.config.replace(', "venue"', ""))
    with open_project("watchkeeper.toml", clock=FakeClock(START_US)) as opened:
        yield opened


def predictions(skill, seed, rows=600):
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(0).integers(0, 2, rows).astype(np.float64)
    right = rng.random(rows) < skill
    return np.where(right, truth, 1.0 - truth) * 0.8 + 0.1, truth


def log(watch, version, said, ids, *, start=0):
    times = START_US + MINUTE_US * (start + np.arange(len(said), dtype=np.int64))
    watch.log("momentum", np.zeros((len(said), 2)), said, ids=ids, times_us=times, version=version)
    return times


def shadowed(watch, first=0.7, second=0.8):
    """Both versions predict the same rows."""
    ids = [f"r{at}" for at in range(600)]
    one, truth = predictions(first, 1)
    two, _ = predictions(second, 2)
    times = log(watch, "1.2", one, ids)
    log(watch, "1.3", two, ids)
    watch.record_outcomes("momentum", ids, truth, times_us=times + 1)
    return one, two, truth


def metric(found, name="accuracy"):
    return next(one for one in found.metrics if one.metric == name)


def test_each_version_is_measured_on_its_own_predictions(watch):
    one, two, truth = shadowed(watch)
    found = metric(watch.compare("momentum@1.2", "momentum@1.3"))
    assert found.first.number == pytest.approx(accuracy_score(truth, one >= 0.5))
    assert found.second.number == pytest.approx(accuracy_score(truth, two >= 0.5))
    assert found.difference.number == pytest.approx(found.second.number - found.first.number)
    assert found.difference.samples == 600


def test_a_better_version_is_told_and_the_direction_of_the_metric_counts(watch):
    shadowed(watch)
    found = watch.compare("momentum@1.2", "momentum@1.3")
    assert metric(found).better == "second"
    assert metric(found, "brier").better == "second"
    assert metric(found, "brier").difference.number < 0.0
    assert metric(watch.compare("momentum@1.3", "momentum@1.2")).better == "first"


def test_equal_versions_differ_by_chance(watch):
    shadowed(watch, 0.75, 0.75)
    assert metric(watch.compare("momentum@1.2", "momentum@1.3")).better == ""


def test_pairs_show_what_unpaired_rows_do_not(watch):
    rng = np.random.default_rng(3)
    one, truth = predictions(0.7, 1)
    flipped = (rng.random(600) < 0.06) & ((one >= 0.5) != truth)
    two = np.where(flipped, 1.0 - one, one)
    ids = [f"r{at}" for at in range(600)]
    times = log(watch, "1.2", one, ids)
    log(watch, "1.3", two, ids)
    watch.record_outcomes("momentum", ids, truth, times_us=times + 1)
    paired = metric(watch.compare("momentum@1.2", "momentum@1.3"))
    width = paired.difference.interval[1] - paired.difference.interval[0]
    alone = paired.first.interval[1] - paired.first.interval[0]
    assert width < alone / 2
    assert paired.better == "second"


def test_different_rows_of_the_same_time_are_compared_as_such(watch):
    said, truth = predictions(0.8, 1, 1200)
    ids = [f"r{at}" for at in range(1200)]
    odd = np.arange(1200) % 2 == 1
    for version, which in (("1.2", odd), ("1.3", ~odd)):
        at = np.flatnonzero(which)
        named = [ids[one] for one in at]
        times = START_US + MINUTE_US * at
        watch.log("momentum", np.zeros((600, 2)), said[which], ids=named, times_us=times, version=version)
        watch.record_outcomes("momentum", named, truth[which], times_us=times + 1)
    found = watch.compare("momentum@1.2", "momentum@1.3")
    assert found.pairs == 0
    assert metric(found).better == ""
    assert metric(found).difference.interval is not None


def test_only_the_time_in_which_both_predicted_counts(watch):
    ids = [f"r{at}" for at in range(600)]
    one, _ = predictions(0.7, 1)
    log(watch, "1.2", one, ids)
    log(watch, "1.3", one, [f"s{at}" for at in range(600)], start=300)
    found = watch.compare("momentum@1.2", "momentum@1.3")
    assert found.rows == (300, 300)
    assert found.window.start_us == START_US + 300 * MINUTE_US


def test_versions_that_never_met_are_told_when_they_predicted(watch):
    one, _ = predictions(0.7, 1)
    log(watch, "1.2", one, [f"r{at}" for at in range(600)])
    log(watch, "1.3", one, [f"s{at}" for at in range(600)], start=700)
    with pytest.raises(NothingToCheck) as error:
        watch.compare("momentum@1.2", "momentum@1.3")
    assert "there is no time in which both predicted: momentum@1.2 from 2026-01-06T09:20:00Z to" in str(error.value)


def test_a_version_that_predicted_nothing_is_told_with_those_that_did(watch):
    shadowed(watch)
    with pytest.raises(NothingToCheck) as error:
        watch.compare("momentum@1.2", "momentum@1.9")
    assert "momentum@1.9 has predicted nothing from" in str(error.value)
    assert "the predictions there are of 1.2, 1.3" in str(error.value)


def test_a_model_without_its_version_is_told(watch):
    shadowed(watch)
    with pytest.raises(UsageError, match="'momentum' does not say which version"):
        watch.compare("momentum", "momentum@1.3")


def test_windows_have_both_versions_side_by_side(watch):
    shadowed(watch)
    found = watch.compare("momentum@1.2", "momentum@1.3")
    assert len(found.windows) == 12
    first, second = found.windows[0][1]["accuracy"]
    assert (first.samples, second.samples) == (50, 50)


def test_the_command_shows_who_is_better(watch, command):
    shadowed(watch)
    watch.close()
    answer = command("compare", "momentum@1.2", "momentum@1.3")
    assert answer.code == 0
    assert "momentum@1.3" in answer.out
    assert "momentum@1.2: 600 predictions, 600 outcomes" in answer.err
    assert "the differences are of the 600 rows that both predicted" in answer.err
    told = json.loads(command("compare", "momentum@1.2", "momentum@1.3", "accuracy", "--json").out)
    assert [one["metric"] for one in told["metrics"]] == ["accuracy"]
    assert told["metrics"][0]["better"] == "second"
    by_window = command("compare", "momentum@1.2", "momentum@1.3", "accuracy")
    assert by_window.out.count(" to ") == 12 * 3
    wrong = command("compare", "momentum@1.2", "momentum@1.3", "acuracy")
    assert "did you mean 'accuracy'?" in wrong.err


def test_the_recipe_of_the_guide_pairs_rows_that_were_logged_one_after_the_other(project):
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "compare-versions.md").read_text(encoding="utf-8")
    recipe = guide.partition("```python\n")[2].partition("```")[0].splitlines()
    project.configure(project.config.replace(', "venue"', ""))
    clock = FakeClock(START_US)
    one, truth = predictions(0.7, 1)
    two, _ = predictions(0.8, 2)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        names = {"watch": watch, "features": np.zeros((600, 2)), "ids": [f"r{at}" for at in range(600)]}
        names |= {
            "champion": SimpleNamespace(predict=lambda _: one),
            "challenger": SimpleNamespace(predict=lambda _: two),
        }
        for line in recipe:
            exec(line, names)  # noqa: S102 - our own guide, as a reader would run it
            clock.advance(5)
        watch.record_outcomes("momentum", names["ids"], truth)
        found = watch.compare("momentum@1.2.0", "momentum@1.3.0")
    assert (found.rows, found.pairs) == ((600, 600), 600)
    assert metric(found).difference.number == pytest.approx(
        accuracy_score(truth, two >= 0.5) - accuracy_score(truth, one >= 0.5)
    )


def test_batches_that_both_are_asked_about_in_turn_are_paired_at_both_ends(watch):
    one, truth = predictions(0.7, 1)
    two, _ = predictions(0.8, 2)
    ids = [f"r{at}" for at in range(600)]
    for half, part in enumerate((slice(0, 300), slice(300, 600))):
        log(watch, "1.2", one[part], ids[part], start=2_000 * half)
        log(watch, "1.3", two[part], ids[part], start=2_000 * half + 700)
    watch.record_outcomes("momentum", ids, truth)
    assert watch.compare("momentum@1.2", "momentum@1.3").pairs == 600


def test_rows_that_both_predicted_are_of_one_window_though_one_version_was_asked_hours_later(project):
    project.configure(project.config.replace(', "venue"', ""))
    clock = FakeClock(START_US)
    one, truth = predictions(0.7, 1)
    two, _ = predictions(0.8, 2)
    ids = [f"r{at}" for at in range(600)]
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log("momentum", np.zeros((600, 2)), one, ids=ids, version="1.2.0")
        clock.advance(36 * 3600)
        watch.log("momentum", np.zeros((600, 2)), two, ids=ids, version="1.3.0")
        watch.record_outcomes("momentum", ids, truth)
        found = watch.compare("momentum@1.2.0", "momentum@1.3.0")
    assert found.windows
    assert all(side.number is not None for _, values in found.windows for side in values["accuracy"])
