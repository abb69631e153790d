"""A list of alerts of a model or label that there is not says so, rather than being empty without a word."""

from __future__ import annotations


def test_a_list_of_alerts_of_a_misspelt_model_is_empty_with_a_warning(project, command):
    project.fire()
    said = "WARNING: no model of the configuration is meant by model=momentm; did you mean 'momentum'?"
    for words in (["--model", "momentm"], ["model=momentm"]):
        answer = command("alerts", "list", *words)
        assert (answer.code, said in " ".join(answer.err.split())) == (0, True)
    assert "WARNING" not in command("alerts", "list", "--model", "momentum").err


def test_a_list_of_alerts_by_a_misspelt_label_is_refused(project, command):
    answer = command("alerts", "list", "modle=momentum")
    assert answer.code == 2
    assert "no alert has a label 'modle'; did you mean 'model'?" in " ".join(answer.err.split())
