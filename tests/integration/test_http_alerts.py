"""Alerts and silences over HTTP: what is listed, and what people do, is what the command line shows."""

from __future__ import annotations

import getpass
import json
import threading
from urllib.parse import quote

import pytest

from watchkeeper.app import open_project
from watchkeeper.domain.errors import NotFound, WrongState

from .served_project import served

ALERTS = "/api/v1/alerts"


@pytest.fixture
def firing(project):
    return project.fire()


@pytest.fixture
def client(firing):
    with served() as made:
        yield made


def test_the_list_has_what_the_command_line_lists(firing, command):
    listed = json.loads(command("alerts", "list", "--json").out)
    assert firing.fingerprint in {one["fingerprint"] for one in listed}
    with served() as client:
        assert client.get(ALERTS).content == {"alerts": listed, "next": None}


def test_filters_are_those_of_the_command_line(firing, command, client):
    for words, query in (
        (["--severity", "critical"], "severity=critical"),
        (["rule=acc*"], "match=" + quote("rule=acc*")),
        (["rule!=accuracy-fell", "model=momentum"], "match=rule!%3Daccuracy-fell&match=model%3Dmomentum"),
        (["--state", "firing", "--model", "momentum"], "state=firing&model=momentum"),
        (["--state", "resolved"], "state=resolved"),
        (["--model", "nobody"], "model=nobody"),
    ):
        listed = json.loads(command("alerts", "list", *words, "--json").out)
        assert client.get(f"{ALERTS}?{query}").content["alerts"] == listed, query
    assert client.get(f"{ALERTS}?severity=critical").content["alerts"]


def test_pages_lead_from_one_to_the_next(client):
    every = client.get(ALERTS).content["alerts"]
    found, after = [], ""
    for _ in range(len(every) + 1):
        page = client.get(f"{ALERTS}?limit=1{after}").content
        found += page["alerts"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == every


def test_one_alert_comes_with_its_history(firing, client, command):
    client.post(f"{ALERTS}/{firing.fingerprint}/acknowledge", {"comment": "on it"})
    found = client.get(f"{ALERTS}/{firing.fingerprint[:8]}").content
    history = found.pop("history")
    assert found == json.loads(command("alerts", "show", firing.fingerprint, "--json").out)
    assert history == json.loads(command("alerts", "history", firing.fingerprint, "--json").out)
    assert [entry["event"] for entry in history] == ["firing", "acknowledged"]
    last = client.get(f"{ALERTS}/{firing.fingerprint}?last=1").content["history"]
    assert last == history[-1:]
    assert client.get(f"{ALERTS}/{firing.fingerprint}?last=0").content["history"] == []


def test_groups_are_those_of_the_command_line(client, command):
    for words, query in (([], ""), (["rule", "severity"], "?by=rule&by=severity")):
        groups = json.loads(command("alerts", "groups", *words, "--json").out)
        assert client.get(f"{ALERTS}/groups{query}").content == {"groups": groups}
    assert client.get(f"{ALERTS}/groups?state=resolved").content == {"groups": []}


def test_what_somebody_does_is_in_the_log_with_who_and_when(firing, client):
    path = f"{ALERTS}/{firing.fingerprint[:8]}"
    taken = client.post(f"{path}/acknowledge", {"comment": "on it"})
    assert (taken.status, taken.content["state"], taken.content["by"]) == (200, "acknowledged", getpass.getuser())
    assert client.post(f"{path}/comment", {"comment": "the feed was late"}).content["notes"][0]["text"] == (
        "the feed was late"
    )
    assert client.post(f"{path}/give-back").content["state"] == "firing"
    assert client.post(f"{path}/resolve", {"comment": "mended"}).content["state"] == "resolved"

    with open_project("watchkeeper.toml") as watch:
        entries = [entry.body for entry in watch.alerting.history(firing.fingerprint)][1:]
    assert [entry["event"] for entry in entries] == ["acknowledged", "commented", "firing", "resolved"]
    assert {entry["by"] for entry in entries} == {getpass.getuser()}
    assert all(entry["at_us"] > firing.since_us for entry in entries)


@pytest.mark.parametrize("act", ["acknowledge", "give-back", "resolve"])
def test_what_the_state_does_not_allow_is_a_conflict_in_the_words_of_python(firing, client, act):
    path = f"{ALERTS}/{firing.fingerprint}"
    client.post(f"{path}/resolve")
    reply = client.post(f"{path}/{act}")
    with open_project("watchkeeper.toml") as watch:
        method = getattr(watch.alerting, act.replace("-", "_"))
        with pytest.raises(WrongState) as error:
            method(firing.fingerprint, "ada")
    assert reply.status == 409
    assert reply.detail == str(error.value)


def test_eight_clients_that_acknowledge_at_once_make_one_acknowledgement(firing, client):
    path = f"{ALERTS}/{firing.fingerprint}/acknowledge"
    barrier, replies = threading.Barrier(8), []

    def acknowledge():
        barrier.wait(30)
        replies.append(client.post(path, {"comment": "on it"}))

    threads = [threading.Thread(target=acknowledge) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [(reply.status, reply.content["state"]) for reply in replies] == [(200, "acknowledged")] * 8
    with open_project("watchkeeper.toml") as watch:
        events = [entry.body["event"] for entry in watch.alerting.history(firing.fingerprint)]
    assert events == ["firing", "acknowledged"]


def test_eight_clients_that_resolve_at_once_and_seven_hear_that_it_is_resolved(firing, client):
    path = f"{ALERTS}/{firing.fingerprint}/resolve"
    barrier, replies = threading.Barrier(8), []

    def resolve():
        barrier.wait(30)
        replies.append(client.post(path))

    threads = [threading.Thread(target=resolve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7
    assert all("is resolved already, since" in reply.detail for reply in replies if reply.status == 409)


def test_a_fingerprint_that_is_none_is_told_with_the_nearest(firing, client):
    wrong = firing.fingerprint[:-1] + ("0" if firing.fingerprint[-1] != "0" else "1")
    for reply in (client.get(f"{ALERTS}/{wrong}"), client.post(f"{ALERTS}/{wrong}/acknowledge")):
        assert reply.status == 404
        with open_project("watchkeeper.toml") as watch, pytest.raises(NotFound) as error:
            watch.alerting.alert(wrong)
        assert reply.detail == str(error.value)
        assert f"did you mean '{firing.fingerprint}'?" in reply.detail


def test_silences_are_added_listed_and_ended(firing, client, command):
    added = client.post("/api/v1/silences", {"matchers": ["model=momentum"], "for": "2h", "comment": "backfill"})
    assert added.status == 201
    covers, doubts = added.content.pop("covers"), added.content.pop("doubts")
    assert (covers, doubts) == (len(client.get(ALERTS).content["alerts"]), [])
    listed = client.get("/api/v1/silences").content["silences"]
    assert listed == [added.content] == json.loads(command("silences", "list", "--json").out)
    assert listed[0]["ends_us"] - listed[0]["starts_us"] == 7_200_000_000
    path = added.headers["location"]
    assert client.ask("DELETE", path).content["id"] == added.content["id"]
    assert client.get("/api/v1/silences").content == {"silences": []}
    assert len(client.get("/api/v1/silences?state=expired").content["silences"]) == 1
    again = client.ask("DELETE", path)
    assert (again.status, "nothing to end" in again.detail) == (409, True)
    assert client.ask("DELETE", "/api/v1/silences/nothing").status == 404


def test_a_silence_of_a_model_that_is_not_there_has_its_doubts_and_a_beginning(client):
    wanted = {"matchers": ["model=momentun"], "for": "1h", "comment": "feed", "after": "10m"}
    made = client.post("/api/v1/silences", wanted).content
    assert made["doubts"] == ["no model of the configuration is meant by model=momentun; did you mean 'momentum'?"]
    assert made["covers"] == 0
    assert client.get("/api/v1/silences?state=pending").content["silences"][0]["id"] == made["id"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"matchers": ["momentum"]}, "'momentum' is no matcher"),
        ({"matchers": ["desk=fx"]}, "no alert has a label 'desk'"),
        ({"for": "soon"}, '"soon" is not a length of time'),
        ({"matchers": []}, "matchers is a list of 0; expected a list of a text, 1 to 20 of them"),
        ({"comment": " "}, "comment is ' '; expected a text that is not empty"),
        ({"coment": "x"}, "coment is not known here; expected an object with matchers, for, comment, after"),
    ],
)
def test_a_silence_that_cannot_be_is_told(client, wanted, said):
    reply = client.post("/api/v1/silences", {"matchers": ["model=momentum"], "for": "1h", "comment": "feed", **wanted})
    assert reply.status == 422
    assert said in reply.detail
    with open_project("watchkeeper.toml") as watch:
        assert watch.alerting.silences.listed() == ()


def test_the_matchers_of_the_list_are_checked(client, command):
    reply = client.get(f"{ALERTS}?match=momentum")
    assert (reply.status, "'momentum' is no matcher" in reply.detail) == (422, True)
    answer = command("alerts", "list", "momentum")
    assert (answer.code, answer.err) == (2, f"watchkeeper: {reply.detail}\n")
    assert "'high' is none of info, warning, critical" in command("alerts", "list", "--severity", "high").err
