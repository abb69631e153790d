"""Roles cover what is done to alerts by hand, on the command line as in Python."""

from __future__ import annotations

import getpass

import pytest

from watchkeeper.alerting import Matcher
from watchkeeper.app import open_project
from watchkeeper.domain.errors import NotAllowed

HOUR_US = 3_600_000_000
ROLES = """
[roles.desk]
role = "operator"
who = ["ada"]
models = ["mom*"]
[roles.reader]
role = "viewer"
who = ["eve", "{user}"]
[roles.head]
role = "operator"
who = ["grace"]
"""


@pytest.fixture
def firing(project):
    """An alert in a project with roles; the user of the operating system may only look."""
    alert = project.fire()
    project.configure(project.config + ROLES.format(user=getpass.getuser()))
    return alert


@pytest.mark.parametrize(
    "act",
    [
        lambda watch, alert: watch.alerting.acknowledge(alert.fingerprint, "ada"),
        lambda watch, alert: watch.alerting.give_back(alert.fingerprint, "ada"),
        lambda watch, alert: watch.alerting.comment(alert.fingerprint, "ada", "well"),
        lambda watch, alert: watch.alerting.resolve(alert.fingerprint, "ada"),
        lambda watch, alert: watch.silence([Matcher.parse("model=momentum")], HOUR_US, by="ada", comment="feed"),
    ],
    ids=["acknowledge", "give back", "comment", "resolve", "silence"],
)
def test_a_viewer_changes_no_alert_whatever_name_they_give(firing, act):
    with open_project("watchkeeper.toml", actor="eve") as watch:
        message = "'eve' may not handle the alerts of 'momentum': that takes the role operator or admin for it"
        with pytest.raises(NotAllowed, match=message):
            act(watch, firing)
        assert watch.alerting.alert(firing.fingerprint).state == "firing"


@pytest.mark.parametrize(
    "words",
    [
        ("alerts", "acknowledge", "{key}", "--by", "ada"),
        ("alerts", "comment", "{key}", "well", "--by", "ada"),
        ("alerts", "resolve", "{key}"),
        ("silences", "add", "model=momentum", "--for", "1h", "-m", "feed"),
    ],
    ids=["acknowledge", "comment", "resolve", "silence"],
)
def test_so_it_is_on_the_command_line(firing, command, words):
    answer = command(*(word.format(key=firing.fingerprint[:8]) for word in words))
    assert answer.code != 0
    assert f"'{getpass.getuser()}' may not handle the alerts of 'momentum'" in answer.err


def test_an_operator_handles_the_alerts_of_their_models_and_the_log_names_them(firing):
    with open_project("watchkeeper.toml", actor="ada") as watch:
        assert watch.alerting.acknowledge(firing.fingerprint, watch.actor).state == "acknowledged"
        silence = watch.silence([Matcher.parse("model=momentum")], HOUR_US, by=watch.actor, comment="feed")
    with open_project("watchkeeper.toml", actor="eve") as watch, pytest.raises(NotAllowed, match="'momentum'"):
        watch.alerting.silences.end(silence.id, "ada")


@pytest.mark.parametrize("matcher", ["feature=vol*", "model=mom*", "model!=momentum"])
def test_a_silence_that_names_no_single_model_takes_an_operator_of_all(firing, matcher):
    with (
        open_project("watchkeeper.toml", actor="ada") as watch,
        pytest.raises(NotAllowed, match=r"may not handle the alerts of '\*'"),
    ):
        watch.silence([Matcher.parse(matcher)], HOUR_US, by="ada", comment="feed")
    with open_project("watchkeeper.toml", actor="grace") as watch:
        assert watch.silence([Matcher.parse(matcher)], HOUR_US, by="grace", comment="feed").by == "grace"


def test_letters_are_dropped_and_sent_again_by_an_operator_under_their_own_name(firing):
    with open_project("watchkeeper.toml", actor="ada") as watch:
        (letter,) = watch.alerting.outbox.waiting()
        watch.alerting.outbox.given_up(letter, "gone", watch.now_us())
    with open_project("watchkeeper.toml", actor="eve") as watch:
        for act in (watch.drop, watch.resend):
            with pytest.raises(NotAllowed, match="may not handle the alerts of 'momentum'"):
                act(letter.key)
    with open_project("watchkeeper.toml", actor="ada") as watch:
        watch.resend(letter.key)
        (again,) = watch.alerting.outbox.waiting()
        watch.alerting.outbox.given_up(again, "gone", watch.now_us())
        watch.drop(letter.key)
        told = [
            entry.body["detail"] for entry in watch.alerting.log() if entry.body["event"] in {"sent again", "dropped"}
        ]
    assert told == ["by ada", "by ada"]


def test_somebody_else_acts_on_the_same_project_under_their_own_name_and_role(firing):
    with open_project("watchkeeper.toml", actor="eve") as watch:
        watch.alerting.alerts()
        ada = watch.acting_as("ada")
        assert (watch.actor, ada.actor) == ("eve", "ada")
        assert ada.alerting.acknowledge(firing.fingerprint, ada.actor).by == "ada"
        assert watch.alerting.alert(firing.fingerprint).by == "ada"
        silence = ada.silence([Matcher.parse("model=momentum")], HOUR_US, by=ada.actor, comment="feed")
        for act in (
            lambda: watch.alerting.resolve(firing.fingerprint, "eve"),
            lambda: watch.alerting.silences.end(silence.id, "eve"),
        ):
            with pytest.raises(NotAllowed, match="'eve' may not handle the alerts of 'momentum'"):
                act()


def test_receivers_are_told_what_somebody_else_has_done(firing, project):
    project.configure(project.config.replace('do = ["notify:ops"]', 'do = ["notify:ops"]\ntell_acknowledged = true'))
    with open_project("watchkeeper.toml", actor="ada") as watch:
        watch.deliver()
        grace = watch.acting_as("grace")
        grace.alerting.acknowledge(firing.fingerprint, grace.actor)
        assert [delivery.receiver for delivery in watch.deliver().delivered] == ["stderr"]
