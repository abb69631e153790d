"""Where only a bot has a role, whoever runs the project still checks and tells, and may do nothing by hand."""

from __future__ import annotations

import attrs
import pytest

from watchkeeper.app import open_project
from watchkeeper.app.identity import token_digest
from watchkeeper.data.files import read_table
from watchkeeper.domain.errors import NotAllowed
from watchkeeper.domain.verdict import Status

from .conftest import CONFIG
from .served_project import served

TOKEN = "token-of-the-bot"  # noqa: S105 - of this test alone
BOT_ALONE = f"""
[identities.chat-bot]
sha256 = "{token_digest(TOKEN)}"

[roles.chat]
role = "operator"
who = ["chat-bot"]
models = ["momentum"]
"""
ESCALATING = """
[escalations.desk]
steps = [{ wait = "1us", notify = ["ops"] }]
"""


@pytest.fixture
def firing(project):
    """An alert of a project in which nobody but the bot has a role, as docs/how-to/acknowledge-from-chat.md has it."""
    alert = project.fire()
    told = CONFIG.replace('do = ["notify:ops"]', 'do = ["notify:ops"]\ntell_acknowledged = true\nescalation = "desk"')
    project.configure(told + ESCALATING + BOT_ALONE)
    return alert


def test_the_bot_acknowledges_and_everybody_is_told_though_the_service_runs_under_a_user_without_a_role(firing):
    with served() as client:
        client.watch.deliver()
        bot = attrs.evolve(client, token=TOKEN)
        reply = bot.post(f"/api/v1/alerts/{firing.fingerprint}/acknowledge", {"comment": "ada: on it"})
        assert (reply.status, reply.content.get("by")) == (200, "chat-bot")
        assert [delivery.receiver for delivery in client.watch.deliver().delivered] == ["stderr"]


def test_a_user_without_a_role_checks_and_raises_alerts(firing, project):
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", project.opposite_rows(200))
        result = watch.check_alone("momentum")
    assert result.verdict.status is Status.ALERT
    assert not result.verdict.failures


def test_a_reference_of_the_registry_is_read_whoever_runs_the_project(project):
    from sklearn.linear_model import LogisticRegression

    bare = CONFIG.replace('reference = "reference.csv"\n', "")
    project.configure(bare)
    with open_project("watchkeeper.toml") as watch:
        model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        watch.registry.register(model, "momentum", reference=read_table(project / "reference.csv"))
        watch.log_table("momentum", project.rows(100))
    project.configure(bare + BOT_ALONE)
    with open_project("watchkeeper.toml") as watch:
        assert watch.check("momentum").window is not None
        with pytest.raises(NotAllowed, match="may not view 'momentum'"):
            watch.registry.reference("momentum@latest")


def test_what_is_done_by_hand_still_takes_a_role(firing):
    with open_project("watchkeeper.toml") as watch:
        with pytest.raises(NotAllowed, match="may not handle the alerts of 'momentum'"):
            watch.alerting.acknowledge(firing.fingerprint, watch.actor)
        with pytest.raises(NotAllowed, match="may not view 'momentum'"):
            watch.registry.tenures("momentum")
