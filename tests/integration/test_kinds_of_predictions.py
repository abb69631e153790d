"""Predictions and outcomes of the wrong kind are refused by the project's `log`, before the store sees them."""

from __future__ import annotations

import pytest

from watchkeeper.app import open_project
from watchkeeper.domain.errors import DataError

FEATURES = {"ret1": [0.1] * 3, "vol10": [1.0] * 3, "venue": ["LSE"] * 3}


def test_labels_for_a_model_of_probabilities_are_refused_at_the_call(project):
    with open_project("watchkeeper.toml") as watch:
        with pytest.raises(DataError, match="the predictions of model 'momentum' are labels, 'up' in row 1; expected"):
            watch.log("momentum", FEATURES, ["up"] * 3)
        watch.log("momentum", FEATURES, [0.1, 0.2, 0.3])


def test_numbers_for_a_model_of_words_are_refused_and_its_words_are_taken(project):
    import csv

    with (project / "reference.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["p"] = "up" if float(row["p"]) >= 0.5 else "down"
        row["y"] = "up" if row["y"] == "1" else "down"
    with (project / "reference.csv").open("w") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    project.configure(project.config.replace('"accuracy", "roc_auc", "brier"', '"accuracy"'))
    with open_project("watchkeeper.toml") as watch:
        with pytest.raises(
            DataError, match=r"the predictions of model 'momentum' are numbers, 1\.0 in row 1; expected"
        ):
            watch.log("momentum", FEATURES, [1, 0, 1])
        ids = watch.log("momentum", FEATURES, ["up", "down", "up"])
        with pytest.raises(DataError, match=r"the outcomes of model 'momentum' are numbers, 1\.0 in row 1; expected"):
            watch.record_outcomes("momentum", ids, [1, 1, 0])
        watch.record_outcomes("momentum", ids, ["up", "up", "down"])


def test_labels_as_outcomes_of_a_regression_are_refused_though_nothing_was_logged_here(project):
    text = project.config.replace('"classification"', '"regression"').replace(
        '"accuracy", "roc_auc", "brier"', '"rmse"'
    )
    project.configure(text.replace("accuracy < 0.4", "rmse > 0.4"))
    with (
        open_project("watchkeeper.toml") as watch,
        pytest.raises(
            DataError, match="the outcomes of model 'momentum' are labels, 'high' in row 1; expected numbers"
        ),
    ):
        watch.record_outcomes("momentum", ["a"], ["high"])
