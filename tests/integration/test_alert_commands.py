"""Alerts, silences and notifiers from the command line: what fires, who takes care of it, who is told."""

from __future__ import annotations

import getpass
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import watchkeeper as wk
from watchkeeper.alerting import Caretaker, Letter
from watchkeeper.app import open_project
from watchkeeper.app.rounds import rounds
from watchkeeper.domain.spans import Duration
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.notifier import sample_notification

NOBODY_LISTENS = 'kind = "webhook"\nurl = "http://127.0.0.1:9/refused"\ntimeout_seconds = 1.0'


AFTER_US = 1_767_744_000_000_000
"""2026-01-07T00:00:00Z, after the rows of the project."""


@pytest.fixture
def firing(project):
    """A project whose model answers the opposite of what is true; nobody has been told yet."""
    return project.fire()


def test_an_alert_is_shown_with_what_is_known_of_it(firing, command):
    shown = command("alerts", "show", firing.fingerprint[:8])
    assert shown.code == 0
    assert firing.fingerprint in shown.out
    assert "accuracy-fell" in shown.out
    told = json.loads(command("alerts", "show", firing.fingerprint[:8], "--json").out)
    assert (told["state"], told["model"], told["since_us"]) == ("firing", "momentum", firing.since_us)


def test_an_alert_that_is_not_there_is_told(firing, command):
    answer = command("alerts", "show", "nothing")
    assert answer.code == 2
    assert "'nothing' is no alert's fingerprint" in answer.err


def test_its_history_says_who_did_what(firing, command):
    key = firing.fingerprint[:8]
    assert "is acknowledged" in command("alerts", "acknowledge", key, "-m", "on it").err
    assert "is firing" in command("alerts", "give-back", key, "-m", "home now").err
    told = json.loads(command("alerts", "history", key, "--json").out)
    assert [entry["event"] for entry in told][:2] == ["firing", "acknowledged"]
    assert told[1]["by"] == getpass.getuser()
    assert told[1]["comment"] == "on it"
    shown = command("alerts", "history", "--last", "1")
    assert "home now" in shown.out
    assert "on it" not in shown.out


def test_a_comment_is_shown_with_who_and_when(firing, command):
    key = firing.fingerprint[:8]
    assert "the comment is kept" in command("alerts", "comment", key, "the feed was late", "--by", "ada").err
    assert "ada: the feed was late" in command("alerts", "show", key).out
    (note,) = json.loads(command("alerts", "show", key, "--json").out)["notes"]
    assert (note["by"], note["text"]) == ("ada", "the feed was late")
    last = json.loads(command("alerts", "history", key, "--json").out)[-1]
    assert (last["event"], last["by"], last["comment"]) == ("commented", "ada", "the feed was late")


def test_ack_is_short_for_acknowledge_and_not_in_the_help(firing, command):
    assert "is acknowledged" in command("alerts", "ack", firing.fingerprint[:8]).err
    assert " ack " not in command("alerts", "--help").out


def test_what_somebody_says_cannot_move_the_cursor(firing, command):
    key = firing.fingerprint[:8]
    command("alerts", "comment", key, "\x1b[2Jgone [bold]", "--by", "ada")

    for shown in (command("alerts", "show", key).out, command("alerts", "history", key).out):
        assert "gone [bold]" in shown
        assert "\x1b" not in shown


def test_alerts_are_listed_by_the_page_and_counted_in_groups(firing, command):
    every = json.loads(command("alerts", "list", "--json").out)
    first = command("alerts", "list", "--limit", "1", "--json")
    assert json.loads(first.out) == every[:1]
    if len(every) > 1:
        assert "there are more: --after" in first.err
    rest = json.loads(command("alerts", "list", "--after", every[0]["fingerprint"][:12], "--json").out)
    assert rest == every[1:]
    assert json.loads(command("alerts", "list", "--limit", "0", "--json").out) == every
    (group,) = json.loads(command("alerts", "groups", "--json").out)
    assert (group["labels"], group["count"]) == ({"model": "momentum"}, len(every))
    shown = command("alerts", "groups", "rule", "severity").out
    assert "accuracy-fell" in shown
    assert command("alerts", "groups", "--state", "fired").code == 2


def test_what_could_not_be_delivered_is_listed_and_sent_again(firing, command):
    with open_project("watchkeeper.toml") as watch:
        (letter,) = watch.alerting.outbox.take("ops", 2**62, 2**62, 1)
        watch.alerting.outbox.given_up(letter, "404 no such channel [ops]", 0)
    listed = command("alerts", "dead")
    assert listed.code == 1
    assert "404 no such channel [ops]" in listed.out
    (told,) = json.loads(command("alerts", "dead", "--json").out)
    assert (told["receiver"], told["rule"]) == ("ops", "accuracy-fell")
    sent = command("alerts", "resend", told["key"][:20])
    assert sent.code == 0
    assert "1 notification is due again" in sent.err
    assert "delivered to" in sent.out
    assert command("alerts", "dead").code == 0


def test_of_many_that_are_sent_again_one_that_cannot_be_holds_up_no_other(firing, command):
    with open_project("watchkeeper.toml") as watch:
        outbox = watch.alerting.outbox
        outbox.write(Letter("ops", sample_notification("stuck"), 0, 0))
        while taken := outbox.take("ops", 2**62, 2**62, 1):
            outbox.given_up(taken[0], "404", 0)
    alone = command("alerts", "resend", "stuck")
    assert alone.code == 2
    assert "nothing tells whether that is still so" in " ".join(alone.err.split())
    sent = command("alerts", "resend", "--all")
    assert "1 notification is due again" in sent.err
    assert "nothing tells whether that is still so" in " ".join(sent.err.split())
    assert [one["key"] for one in json.loads(command("alerts", "dead", "--json").out)] == ["stuck"]


def test_resend_asks_for_one_notification_or_all(firing, command):
    assert command("alerts", "resend").code == 2
    assert "expected the key of a notification, or --all" in command("alerts", "resend").err
    assert command("alerts", "resend", "--all").code == 0
    answer = command("alerts", "resend", "nothing")
    assert answer.code == 2
    assert "begins 0 notifications that could not be delivered" in answer.err


def test_what_is_of_no_use_any_more_is_dropped(firing, command):
    with open_project("watchkeeper.toml") as watch:
        (letter,) = watch.alerting.outbox.take("ops", 2**62, 2**62, 1)
        watch.alerting.outbox.given_up(letter, "404", 0)
    assert command("alerts", "drop").code == 2
    assert "1 notifications are dropped" in command("alerts", "drop", letter.key[:20]).err
    assert command("alerts", "dead").code == 0
    assert "0 notifications are dropped" in command("alerts", "drop", "--all").err
    last = json.loads(command("alerts", "history", firing.fingerprint, "--json").out)[-1]
    assert (last["event"], last["detail"]) == ("dropped", f"by {getpass.getuser()}")


def test_a_silence_says_how_many_alerts_it_covers(firing, command):
    alert, *_ = json.loads(command("alerts", "list", "--json").out)
    added = command("silences", "add", f"rule={alert['rule']}", "--for", "2h", "--comment", "backfill")
    assert "; it covers 1 open alert now" in added.err


def test_a_notifier_is_tried_out(project, command):
    answer = command("notify", "test", "ops")
    assert answer.code == 0
    assert "delivered to ops" in answer.out
    assert "this is a test of the notifier" in answer.err


def test_a_notifier_that_cannot_be_reached_is_told(project, command):
    project.configure(project.config.replace('kind = "console"', NOBODY_LISTENS))
    answer = command("notify", "test", "ops")
    assert answer.code == 1
    assert "not delivered to ops: " in answer.err


def test_a_notifier_that_is_not_configured_is_told(project, command):
    answer = command("notify", "test", "opps")
    assert answer.code == 2
    assert "no notifier is called 'opps'; the file has ops; did you mean 'ops'?" in answer.err


def test_a_silence_begins_is_listed_and_ends(firing, project, command):
    added = command("silences", "add", "model=momentum", "--for", "2h", "--comment", "backfill")
    assert added.code == 0
    assert "nobody is told about model=momentum from " in added.err
    (listed,) = json.loads(command("silences", "list", "--json").out)
    assert listed["id"] == added.out.strip()
    assert listed["ends_us"] - listed["starts_us"] == 7_200_000_000
    assert "backfill" in command("silences", "list").out
    assert "is over: model=momentum" in command("silences", "end", listed["id"]).err
    assert json.loads(command("silences", "list", "--json").out) == []
    assert len(json.loads(command("silences", "list", "--state", "expired", "--json").out)) == 1


def test_a_silence_that_cannot_be_is_told(project, command):
    answer = command("silences", "add", "momentum", "--for", "2h", "--comment", "x")
    assert answer.code == 2
    assert "'momentum' is no matcher" in answer.err
    assert "'soon' is none of pending, active, expired" in command("silences", "list", "--state", "soon").err
    ended = command("silences", "end", "nothing")
    assert ended.code == 2
    assert "there is no silence 'nothing'" in ended.err


def test_a_silence_about_a_label_that_no_alert_has_is_refused(project, command):
    answer = command("silences", "add", "modle=momentum", "--for", "1h", "-m", "feed")
    assert answer.code == 2
    assert "no alert has a label 'modle'; did you mean 'model'?" in answer.err
    assert command("silences", "list", "--json").out.strip() == "[]"


def test_a_silence_about_a_severity_that_is_none_is_refused(project, command):
    answer = command("silences", "add", "severity!=crit", "--for", "1h", "-m", "feed")
    assert answer.code == 2
    assert "'severity!=crit': no severity is called 'crit'; did you mean 'critical'?" in answer.err


def test_a_silence_about_a_rule_that_is_not_there_is_made_with_a_warning(project, command):
    answer = command("silences", "add", "rule=acuracy-fell", "--for", "1h", "-m", "feed")
    assert answer.code == 0
    warning = "WARNING: no rule of the configuration is meant by rule=acuracy-fell; did you mean 'accuracy-fell'?"
    assert warning in " ".join(answer.err.split())
    assert "WARNING" not in command("silences", "add", "rule=feature-d*", "--for", "1h", "-m", "feed").err


def test_a_silence_about_a_model_that_is_not_configured_is_made_with_a_warning(project, command):
    answer = command("silences", "add", "model=momentun", "--for", "1h", "-m", "feed")
    assert answer.code == 0
    warning = "WARNING: no model of the configuration is meant by model=momentun; did you mean 'momentum'?"
    assert warning in " ".join(answer.err.split())
    assert "WARNING" not in command("silences", "add", "model=mom*", "feature=vol10", "--for", "1h", "-m", "feed").err


def test_the_verdict_says_that_an_alert_is_muted(project, command):
    command("silences", "add", "rule=accuracy-fell", "--for", "2h", "--comment", "backfill")
    rows = project.opposite_rows()
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", rows)
        result = watch.check("momentum")
    told = next(found.sentence for found in result.verdict.findings if found.subject == "accuracy-fell")
    assert "(nobody is told: silenced by " in told
    assert result.status is wk.Status.ALERT


def test_an_alert_that_recovers_is_still_in_the_verdict(project):
    project.configure(project.config.replace('severity = "critical"', 'severity = "critical"\nkeep_firing = "1d"'))
    wrong, right = project.rows(), project.rows(200)
    wrong["y"] = [int(p < 0.5) for p in wrong["p"]]
    right = {name: column[100:] for name, column in right.items()}
    right["y"] = [int(p >= 0.5) for p in right["p"]]
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", wrong)
        watch.check("momentum")
        watch.log_table("momentum", right)
        result = watch.check("momentum")
    told = next(found.sentence for found in result.verdict.findings if found.subject == "accuracy-fell")
    assert told.startswith("recovering: ")
    assert result.status is wk.Status.ALERT


def test_a_notification_carries_earlier_numbers(project):
    right, wrong = project.rows(), project.rows(200)
    wrong = {name: column[100:] for name, column in wrong.items()}
    wrong["y"] = [int(p < 0.5) for p in wrong["p"]]
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", right)
        watch.check("momentum")
        watch.log_table("momentum", wrong)
        found = watch.check("momentum").measurement("accuracy").value.number
        (letter,) = watch.alerting.outbox.waiting("ops")
    numbers = [number for _, number in letter.notification.history]
    assert len(numbers) == 2
    assert numbers[-1] == found < 0.4 < numbers[0]


def test_the_daily_rounds_leave_nothing_running(firing):
    with open_project("watchkeeper.toml") as watch:
        each = rounds(watch, Duration.parse("1h"))
        assert next(each)["momentum"].status is wk.Status.ALERT
        each.close()
        assert watch.alerting.outbox.waiting("ops") == ()


def test_presets_are_in_the_verdict_and_tell_whom_they_shall(project, command):
    project.configure(project.config.replace("presets = false", 'presets_do = ["notify:ops"]'))
    rows = project.opposite_rows()
    rows["ret1"] = [number + 5.0 for number in rows["ret1"]]
    rows["vol10"] = [None] * len(rows["vol10"])
    rows["p"] = [0.9 + p / 100.0 for p in rows["p"]]
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", rows)
        result = watch.check("momentum")
        told = {letter.notification.alert.rule for letter in watch.alerting.outbox.waiting("ops")}
    presets = {"performance-drop", "prediction-drift", "feature-drift", "data-quality", "missing-predictions"}
    assert {alert.rule for alert in result.alerts} - {"accuracy-fell", "label-delay"} == presets
    assert presets <= told
    assert presets <= {found.subject for found in result.verdict.findings}


class Refusing(BaseHTTPRequestHandler):
    """Nothing is here."""

    def do_POST(self):
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def refusing():
    """The URL of a server that refuses everything."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_what_cannot_be_delivered_is_told_to_the_fallback(project, command, refusing):
    text = project.config.replace("presets = false", 'presets = false\nfallback = "desk"')
    text = text.replace('kind = "console"', f'kind = "webhook"\nurl = "{refusing}"')
    project.configure(text + '\n[notifiers.desk]\nkind = "console"\n')
    rows = project.opposite_rows()
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", rows)
        watch.check("momentum")
    first, second = command("alerts", "deliver"), command("alerts", "deliver")
    assert first.code == 1
    assert "could not be delivered to ops" in first.err + second.err
    assert command("alerts", "dead").code == 1


def test_run_says_what_cannot_be_delivered(project, command, refusing):
    project.configure(project.config.replace('kind = "console"', f'kind = "webhook"\nurl = "{refusing}"'))
    rows = project.opposite_rows()
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", rows)
    told = command("run", "--times", "1").err
    assert "given up, not delivered to ops: " in told
    assert "answered 404" in told
    assert "were given up earlier" in command("run", "--times", "1").err


def test_a_due_step_of_an_escalation_is_taken_by_a_command(project, command):
    project.configure(
        project.config + '\n[escalations.now]\nsteps = [{ wait = "1s", notify = ["ops"] }]\nseverities = ["critical"]\n'
    )
    rows = project.opposite_rows()
    clock = FakeClock(AFTER_US)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log_table("momentum", rows)
        (alert,) = (one for one in watch.check("momentum").alerts if one.rule == "accuracy-fell")
        clock.advance(2)
        watch.deliver()
        events = [entry.body["event"] for entry in watch.alerting.history(alert.fingerprint)]
    assert events == ["firing", "escalated", "delivered", "delivered"]


def test_the_sign_of_life_goes_to_whom_it_shall(project, monkeypatch):
    hearts = []

    class Noted(Caretaker):
        def __init__(self, *arguments, heart=None, **settings):
            hearts.append(heart)
            super().__init__(*arguments, heart=heart, **settings)

    monkeypatch.setattr("watchkeeper.app.delivering.Caretaker", Noted)
    project.configure(project.config.replace("presets = false", 'presets = false\nheartbeat = "ops"'))
    with open_project("watchkeeper.toml") as watch, watch.delivering():
        assert hearts == [watch._systems.notifiers["ops"]]


def doctors_word(command):
    (found,) = [one for one in json.loads(command("doctor", "--json").out) if one["what"] == "delivery"]
    return found["status"], found["finding"]


def test_the_doctor_says_whether_news_arrives(project, command, refusing):
    project.configure(project.config.replace('kind = "console"', f'kind = "webhook"\nurl = "{refusing}"'))
    assert doctors_word(command) == ("OK", "1 notifier, and nothing left lying")
    rows = project.opposite_rows()
    clock = FakeClock(AFTER_US)
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log_table("momentum", rows)
        watch.check("momentum")
    status, finding = doctors_word(command)
    assert (status, "1 notification is due and nobody sends it" in finding) == ("WARN", True)

    command("alerts", "deliver")

    status, finding = doctors_word(command)
    assert (status, "1 notification was given up (`watchkeeper alerts dead`)" in finding) == ("ALERT", True)


def test_the_doctor_says_what_waits_for_another_attempt_and_a_command_lists_it(firing, project, command):
    project.configure(project.config.replace('kind = "console"', NOBODY_LISTENS))
    assert command("alerts", "deliver").code == 1

    status, finding = doctors_word(command)
    (waiting,) = json.loads(command("alerts", "waiting", "--json").out)

    assert status == "WARN"
    assert finding.startswith("1 notification for ops failed and will be tried again, the oldest written 0 minutes ago")
    assert waiting["error"] in finding
    assert (waiting["receiver"], waiting["rule"], waiting["attempts"]) == ("ops", "accuracy-fell", 1)
    assert waiting["next_us"] > waiting["first_us"]
    shown = command("alerts", "waiting")
    assert (shown.code, "ops" in shown.out) == (0, True)
