"""A rule that names a feature which no reference has is told where the reference can be read."""

from __future__ import annotations

RULE = """
[rules.odd]
when = "ks{feature=vol1} > 0.2"
"""


def without_features(project):
    file = project / "watchkeeper.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace(', features = ["ret1", "vol10", "venue"]', "")
    file.write_text(text + RULE, encoding="utf-8")


def test_config_check_refuses_it(project, command):
    without_features(project)
    answer = command("config", "check")
    assert answer.code == 3
    assert "rules.odd.when: no model of this rule has a feature 'vol1'; did you mean 'vol10'?" in answer.err


def test_a_check_tells_it_and_goes_on(project, command):
    without_features(project)
    project.today()
    answer = command("check", "momentum", "--data", "today.csv", "--json")
    assert answer.code in {0, 1}
    assert "rules.odd: no model of this rule has a feature 'vol1'; did you mean 'vol10'?" in answer.out


def test_config_check_says_what_the_reference_does_without(project, command):
    file = project / "watchkeeper.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('outcome = "y"', 'outcome = "yy"'), encoding="utf-8")
    answer = command("config", "check")
    assert answer.code == 0
    assert 'WARNING: watchkeeper.toml:9: models.momentum.columns: reference.csv has no column "yy"' in answer.err


def test_config_check_says_that_the_reference_is_not_there(project, command):
    (project / "reference.csv").unlink()
    answer = command("config", "check")
    assert answer.code == 3
    assert "watchkeeper.toml:8: models.momentum.reference: there is no file " in answer.err
