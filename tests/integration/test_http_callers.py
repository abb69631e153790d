"""Who may ask the service for what: tokens, roles, and what pages in browsers cannot make it do."""

from __future__ import annotations

import getpass
import http.client
import json
import re
import threading
from contextlib import closing

import attrs
import pytest

from watchkeeper.app import open_project
from watchkeeper.app.watchkeeper import Watchkeeper
from watchkeeper.server.callers import Callers, Head, is_loopback
from watchkeeper.server.problems import Refused

from .served_project import IDENTITIES, ROLES, TOKENS, served

ALERTS = "/api/v1/alerts"


@pytest.fixture
def firing(project):
    return project.fire()


@pytest.fixture
def client(firing, project):
    """A project whose people have tokens, and ada and eve roles."""
    project.configure(project.config + IDENTITIES + ROLES)
    with served() as made:
        yield made


def as_(client, name):
    return attrs.evolve(client, token=TOKENS[name])


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        (None, "nothing proves who asks; send the header Authorization: Bearer TOKEN"),
        ("Bearer wrong", "the token is nobody's; ask whoever keeps the project's [identities] for a new one"),
        ("Bearer ", "the Authorization is 'Bearer' and no more; expected Bearer and a token"),
        ("Basic YWRhOnRva2VuLW9mLWFkYQ==", "the Authorization is 'Basic' and no more; expected Bearer and a token"),
        ("Bearer " + "x" * 9_000, "the token is nobody's"),
    ],
)
def test_without_a_token_of_somebody_nothing_is_told(client, authorization, said):
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in (
        ("GET", ALERTS),
        ("GET", f"{ALERTS}/groups"),
        ("GET", f"{ALERTS}/abc"),
        ("POST", f"{ALERTS}/abc/acknowledge"),
        ("GET", "/api/v1/silences"),
        ("POST", "/api/v1/silences"),
        ("DELETE", "/api/v1/silences/abc"),
    ):
        reply = client.ask(method, path, headers=headers)
        assert reply.status == 401, path
        assert said in reply.detail
        assert reply.headers["www-authenticate"] == 'Bearer realm="watchkeeper"'
        assert not set(TOKENS) & set(re.findall(r"\w+", reply.detail))


def test_probes_and_the_description_need_no_token(client):
    assert client.get("/healthz").status == 200
    assert client.get("/readyz").status == 503
    assert client.get("/openapi.json").status == 200


def test_an_operator_acts_under_the_name_that_the_token_proves(client, firing):
    path = f"{ALERTS}/{firing.fingerprint}"
    assert as_(client, "ada").post(f"{path}/acknowledge").content["by"] == "ada"
    assert as_(client, "ada").post(f"{path}/comment", {"comment": "seen"}).content["notes"][0]["by"] == "ada"
    wanted = {"matchers": ["model=momentum"], "for": "1h", "comment": "feed"}
    assert as_(client, "ada").post("/api/v1/silences", wanted).content["by"] == "ada"
    history = client.watch.alerting.history(firing.fingerprint)
    assert [entry.body["by"] for entry in history[1:]] == ["ada", "ada"]


@pytest.mark.parametrize("act", ["acknowledge", "give-back", "comment", "resolve"])
def test_who_has_no_role_for_it_is_refused_in_the_words_of_the_roles(client, firing, act):
    reply = as_(client, "eve").post(f"{ALERTS}/{firing.fingerprint}/{act}", {"comment": "x"})
    assert reply.status == 403
    assert reply.detail.startswith(
        "'eve' may not handle the alerts of 'momentum': that takes the role operator or admin for it"
    )
    assert client.watch.alerting.alert(firing.fingerprint).state == "firing"


def test_a_silence_takes_the_role_for_what_it_covers(client):
    for name, matcher in (("eve", "model=momentum"), ("ada", "feature=vol*")):
        wanted = {"matchers": [matcher], "for": "1h", "comment": "x"}
        assert as_(client, name).post("/api/v1/silences", wanted).status == 403
    made = as_(client, "ada").post("/api/v1/silences", {"matchers": ["model=momentum"], "for": "1h", "comment": "x"})
    reply = as_(client, "eve").ask("DELETE", made.headers["location"])
    assert (reply.status, "may not handle the alerts of" in reply.detail) == (403, True)


def test_who_has_no_role_for_a_model_does_not_see_its_alerts(client, firing):
    everything = as_(client, "ada").get(ALERTS).content["alerts"]
    assert as_(client, "eve").get(ALERTS).content["alerts"] == everything
    assert everything
    as_(client, "ada").post("/api/v1/silences", {"matchers": ["model=momentum"], "for": "1h", "comment": "x"})
    bob = as_(client, "bob")
    assert bob.get(ALERTS).content == {"alerts": [], "next": None}
    assert bob.get(f"{ALERTS}/groups").content == {"groups": []}
    assert bob.get("/api/v1/silences").content == {"silences": []}
    assert len(as_(client, "eve").get("/api/v1/silences").content["silences"]) == 1


def test_what_may_not_be_seen_is_told_as_what_is_not_there(client, firing):
    wanted = {"matchers": ["model=momentum"], "for": "1h", "comment": "x"}
    silence = as_(client, "ada").post("/api/v1/silences", wanted).content["id"]
    bob = as_(client, "bob")
    fingerprint, unknown = firing.fingerprint, "0" * 32
    for method, path, names in (
        ("GET", f"{ALERTS}/{{}}", (fingerprint, fingerprint[:8], f"{fingerprint[:30]}zz", unknown)),
        ("GET", f"{ALERTS}?after={{}}", (fingerprint, f"{fingerprint[:30]}zz", unknown)),
        ("POST", f"{ALERTS}/{{}}/resolve", (fingerprint, f"{fingerprint[:30]}zz", unknown)),
        ("DELETE", "/api/v1/silences/{}", (silence, f"{silence[:11]}z", "0" * 12)),
    ):
        replies = {name: bob.ask(method, path.format(name)) for name in names}
        assert {reply.status for reply in replies.values()} == {404}, (method, path)
        (sentence,) = {reply.detail.replace(name, "NAME") for name, reply in replies.items()}
        assert "momentum" not in sentence
        assert "did you mean" not in sentence
    assert client.watch.alerting.alert(fingerprint).state == "firing"
    assert as_(client, "eve").get(f"{ALERTS}/{fingerprint[:8]}").status == 200
    assert as_(client, "ada").ask("DELETE", f"/api/v1/silences/{silence}").status == 200


def test_doubts_about_a_silence_offer_no_model_that_may_not_be_seen(client, monkeypatch):
    monkeypatch.setattr(Watchkeeper, "models", ["momentum", "carry"])
    wanted = {"matchers": ["model=momentun"], "for": "1h", "comment": "x"}
    (doubt,) = as_(client, "ada").post("/api/v1/silences", wanted).content["doubts"]
    assert "did you mean 'momentum'?" in doubt
    (doubt,) = (
        as_(client, "ada").post("/api/v1/silences", {**wanted, "matchers": ["model=mom-carry"]}).content["doubts"]
    )
    assert "'carry'" not in doubt


def test_a_name_in_the_body_or_the_query_is_not_believed(client, firing):
    path = f"{ALERTS}/{firing.fingerprint}/acknowledge"
    assert as_(client, "ada").post(path, {"by": "bob"}).status == 422
    assert as_(client, "ada").post(f"{path}?by=bob").status == 422


def test_without_identities_this_machines_user_acts_and_a_token_is_nobodys(firing):
    with served() as client:
        reply = client.post(f"{ALERTS}/{firing.fingerprint}/acknowledge")
        assert reply.content["by"] == getpass.getuser()
        reply = attrs.evolve(client, token=TOKENS["ada"]).get(ALERTS)
        assert (reply.status, "this project knows no tokens" in reply.detail) == (401, True)


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"Host": "evil.example"}, 403, "the Host is 'evil.example'; without a token expected 127.0.0.1"),
        ({"Host": "127.0.0.1.evil.example"}, 403, "the Host is '127.0.0.1.evil.example'"),
        ({"Host": "[evil"}, 403, "the Host is ''"),
        ({"Host": "evil.example@127.0.0.1"}, 403, "the Host is ''"),
        ({"Host": "127.0.0.1/.evil.example"}, 403, "the Host is ''"),
        ({"Host": "localhost?.evil.example"}, 403, "the Host is ''"),
        ({"Host": "127.0.0.1#.evil.example"}, 403, "the Host is ''"),
        ({"Host": "[::1%evil.example]"}, 403, "the Host is ''"),
        ({"Host": "10.0.0.1:8420"}, 403, "the Host is '10.0.0.1'"),
        ({"X-Forwarded-For": "10.0.0.1"}, 401, "the request came through a proxy and nothing proves who asks"),
        ({"X-Forwarded-For": "127.0.0.1"}, 401, "the request came through a proxy"),
        ({"Forwarded": "for=10.0.0.1"}, 401, "the request came through a proxy"),
        ({"Via": "1.1 cache"}, 401, "the request came through a proxy"),
    ],
)
def test_a_name_that_was_rebound_and_a_proxy_get_nothing_without_a_token(firing, headers, status, said):
    with served() as client:
        for reply in (client.get(ALERTS, headers=headers), client.post(f"{ALERTS}/x/resolve", headers=headers)):
            assert reply.status == status
            assert said in reply.detail


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8420", "[::1]:8420", "127.9.9.9"])
def test_names_of_this_machine_are_its_own(project, host):
    with served() as client:
        assert client.get(ALERTS, headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[evil"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none", "Origin": "http://evil.example"},
    ],
    ids=str,
)
def test_pages_of_other_sites_change_nothing(client, firing, headers):
    for who in (client, as_(client, "ada")):
        reply = who.post(f"{ALERTS}/{firing.fingerprint}/acknowledge", headers=headers)
        assert reply.status == 403
        assert "has sent this; only the service's own may" in reply.detail
        assert who.ask("DELETE", "/api/v1/silences/abc", headers=headers).status == 403
    assert client.watch.alerting.alert(firing.fingerprint).state == "firing"


@pytest.mark.parametrize("name", ["Origin", "Authorization", "Content-Type", "Sec-Fetch-Site"])
def test_a_header_that_is_given_twice_is_refused_as_it_may_mean_either(client, firing, name):
    given = {
        "Origin": "http://{}:{}".format(*client.address),
        "Authorization": f"Bearer {TOKENS['ada']}",
        "Content-Type": "application/json",
        "Sec-Fetch-Site": "same-origin",
    }
    connection = http.client.HTTPConnection(*client.address, timeout=60)
    with closing(connection):
        connection.putrequest("POST", f"{ALERTS}/{firing.fingerprint}/acknowledge")
        for header, value in (*given.items(), (name, "http://evil.example"), ("Content-Length", "2")):
            connection.putheader(header, value)
        connection.endheaders(b"{}")
        answer = connection.getresponse()
        assert answer.status == 400
        assert f"the header {name} is given twice" in json.load(answer)["detail"]
    assert client.watch.alerting.alert(firing.fingerprint).state == "firing"


def test_the_services_own_pages_may_act(client, firing):
    host = "{}:{}".format(*client.address)
    path = f"{ALERTS}/{firing.fingerprint}/comment"
    for headers in ({"Origin": f"http://{host}"}, {"Sec-Fetch-Site": "same-origin", "Origin": "https://watch.example"}):
        assert as_(client, "ada").post(path, {"comment": "x"}, headers=headers).status == 200


@pytest.mark.parametrize(
    ("is_local", "peer"), [(False, "127.0.0.1"), (True, "10.0.0.1"), (True, None), (True, "::ffff:10.0.0.1")]
)
def test_only_this_machine_may_ask_without_a_token(project, is_local, peer):
    with open_project("watchkeeper.toml") as watch:
        callers = Callers(watch, is_local=is_local)
        with pytest.raises(Refused, match="only programs on the service's own machine may ask without a token"):
            callers.name(Head("GET", {"host": "127.0.0.1"}, peer))


def test_addresses_of_this_machine_are_known():
    assert [address for address in ("127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1") if is_loopback(address)] == [
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "::ffff:127.0.0.1",
    ]
    assert not any(map(is_loopback, ("", "0.0.0.0", "::", "10.0.0.1", "localhost.evil", "1")))  # noqa: S104 - compared


def test_each_persons_project_is_made_once_and_shares_the_store(client):
    callers = Callers(client.watch, is_local=True)
    assert callers.project("ada") is callers.project("ada")
    assert callers.project("ada").actor == "ada"
    assert callers.project(client.watch.actor) is client.watch


def test_people_who_acknowledge_at_once_take_it_over_from_each_other_and_the_log_has_each(firing, project):
    project.configure(project.config + IDENTITIES)
    path = f"{ALERTS}/{firing.fingerprint}/acknowledge"
    barrier, replies = threading.Barrier(len(TOKENS)), []
    with served() as client:

        def acknowledge(name):
            barrier.wait(30)
            replies.append((name, as_(client, name).post(path)))

        threads = [threading.Thread(target=acknowledge, args=(name,)) for name in TOKENS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        alert = client.watch.alerting.alert(firing.fingerprint)
        entries = [entry.body for entry in client.watch.alerting.history(firing.fingerprint)][1:]
    assert {(name, reply.status, reply.content["state"]) for name, reply in replies} == {
        (name, 200, "acknowledged") for name in TOKENS
    }
    assert {entry["event"] for entry in entries} == {"acknowledged"}
    assert sorted(entry["by"] for entry in entries) == sorted(TOKENS)
    assert alert.by == entries[-1]["by"]
