"""``watchkeeper init`` refuses columns that could never be watched, says why and in which file, and writes nothing."""

from __future__ import annotations

import pytest

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
