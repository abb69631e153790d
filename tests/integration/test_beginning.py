"""``watchkeeper init`` refuses columns that could never be watched, says why and in which file, and writes nothing."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest

from .conftest import rows, write_csv

GOOD = ("--time", "ts", "--prediction", "p", "--outcome", "y", "--id", "id")


@pytest.fixture
def init(project, command):
    def begun(*arguments):
        answer = command("init", "reference.csv", "--config", "new.toml", *arguments)
        assert (project / "new.toml").exists() == (answer.code == 0)
        return answer

    return begun


def test_what_init_writes_is_a_configuration_that_can_be_checked(init, command, project):
    assert init(*GOOD).code == 0
    assert command("config", "check", "--config", "new.toml").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("--time", "ts", "--prediction", "venue", "--task", "regression"),
            "reference.csv: column 'venue' holds text, ",
        ),
        (("--time", "ret1", "--prediction", "p"), "reference.csv: column 'ret1' holds "),
        (
            (*GOOD[:-1], "ret1"),
            (
                "reference.csv: column 'ret1' holds numbers with fractions; an id is a text or a whole number that "
                "names one row"
            ),
        ),
        ((*GOOD[:-1], "venue"), "an id names one row: choose another column"),
        (
            ("--time", "ts", "--prediction", "ret1", "--outcome", "y"),
            (
                "reference.csv: column 'ret1' holds numbers that are neither probabilities from 0 to 1 nor labels; "
                'expected one of the two, or task = "regression"'
            ),
        ),
        (("--time", "ts", "--prediction", "p", "--outcome", "venue", "--task", "score"), "'venue' holds text"),
        (("--time", "tss", "--prediction", "p"), "reference.csv has no column 'tss'"),
    ],
    ids=["text", "time", "float id", "repeated id", "no class", "outcome", "missing"],
)
def test_a_column_that_cannot_have_its_role_is_refused(init, arguments, told):
    answer = init(*arguments)
    assert answer.code == 4
    assert told in answer.err


def test_everything_is_told_at_once(init):
    answer = init("--time", "ret1", "--prediction", "venue", "--task", "score", "--id", "vol10")
    assert answer.code == 4
    assert answer.err.count("reference.csv: column ") == 3


def test_a_column_of_two_roles_is_refused(init):
    answer = init("--time", "ts", "--prediction", "p", "--outcome", "p")
    assert answer.code == 2
    assert 'the column "p" is both prediction and outcome' in answer.err


def labels(project, classes, names, digits=9):
    """Replace the predictions of the reference by labels, with a column of probabilities for each."""
    table = rows(2000, seed=1)
    rng = np.random.default_rng(3)
    chance = rng.dirichlet(np.ones(len(classes)), size=2000).round(digits)
    if digits > 5:
        chance[:, -1] = 1.0 - chance[:, :-1].sum(axis=1)
    table["p"] = [classes[at] for at in chance.argmax(axis=1)]
    table["y"] = [classes[at] for at in rng.integers(0, len(classes), 2000)]
    table |= {name: chance[:, at].tolist() for at, name in enumerate(names)}
    write_csv(project / "reference.csv", table)
    write_csv(project / "now.csv", {name: column[-500:] for name, column in table.items()})


@pytest.mark.parametrize(
    ("classes", "names"),
    [((0, 1), ("p0", "p1")), (("high", "low", "mid"), ("p_high", "p_low", "p_mid"))],
    ids=["two", "three"],
)
def test_columns_of_class_probabilities_are_no_features(init, project, command, classes, names):
    labels(project, classes, names)
    answer = init(*GOOD)
    told = ", ".join(f"{name} of {label}" for label, name in zip(classes, names, strict=True))
    assert f"columns that are no features, as they are the probabilities of the classes: {told}\n" in answer.err
    columns = tomllib.loads((project / "new.toml").read_text())["models"]["model"]["columns"]
    assert columns["probabilities"] == {str(label): name for label, name in zip(classes, names, strict=True)}
    assert columns["features"] == ["ret1", "vol10", "venue"]
    found = json.loads(command("check", "--config", "new.toml", "--data", "now.csv", "--json").out)[0]["measurements"]
    assert all(one["value"] is not None for one in found if one["name"] in {"roc_auc", "log_loss", "brier"})


def test_rounded_probabilities_are_found_and_metrics_that_cannot_read_them_left_out(init, project):
    labels(project, ("high", "low", "mid"), ("p_high", "p_low", "p_mid"), digits=2)
    init(*GOOD)
    model = tomllib.loads((project / "new.toml").read_text())["models"]["model"]
    assert "probabilities" in model["columns"]
    assert model["metrics"] == ["accuracy", "precision", "recall", "f1", "roc_auc"]


def test_metrics_of_scores_are_left_out_where_labels_have_no_probabilities(init, project, command):
    labels(project, ("high", "low", "mid"), ("a", "b", "c"))
    init(*GOOD)
    model = tomllib.loads((project / "new.toml").read_text())["models"]["model"]
    assert model["metrics"] == ["accuracy", "precision", "recall", "f1"]
    assert model["columns"]["features"] == ["ret1", "vol10", "venue", "a", "b", "c"]
    assert "no scores" not in command("check", "--config", "new.toml", "--data", "now.csv", "-v").out


def test_a_metric_of_scores_that_labels_do_not_have_says_where_to_name_them(init, project, command):
    labels(project, ("high", "low", "mid"), ("a", "b", "c"))
    init(*GOOD)
    text = (project / "new.toml").read_text()
    (project / "new.toml").write_text(text.replace('"accuracy", ', '"accuracy", "roc_auc", '))
    shown = command("check", "--config", "new.toml", "--data", "now.csv", "--json").out
    assert "name each class's column of probabilities in columns.probabilities" in shown
