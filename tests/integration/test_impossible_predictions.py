"""Predictions that are no probabilities are told when a file of them is stored."""

from __future__ import annotations


def test_numbers_beyond_one_and_missing_ones_are_counted_with_the_first_row(project, command):
    told = project.rows()["p"]
    told[1], told[7] = 1.5, None
    project.today(p=told)
    answer = command("log", "momentum", "today.csv")
    assert answer.code == 0
    assert answer.err.splitlines() == [
        ("2 predictions of momentum are no probability from 0 to 1, the first 1.5 in row 2: mend what answered so"),
        "100 predictions of momentum are stored",
    ]


def test_nothing_is_said_of_probabilities_or_of_values(project, command):
    project.today()
    assert command("log", "momentum", "today.csv").err == "100 predictions of momentum are stored\n"
    text = project.config.replace('"classification"', '"regression"').replace(
        '"accuracy", "roc_auc", "brier"', '"rmse"'
    )
    project.configure(text.replace("accuracy < 0.4", "rmse > 9").replace("sqlite:///watch", "sqlite:///other"))
    project.today(p=[1.5] * 100)
    assert command("log", "momentum", "today.csv").err == "100 predictions of momentum are stored\n"
