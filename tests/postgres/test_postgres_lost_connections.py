"""What becomes of a commit when the connection, the server or the client is gone in the middle of it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from functools import partial

import numpy as np
import pytest
from cutting_proxy import Cut, CuttingProxy
from postgres_hosts import NOTES, commit_until_killed, numbers, rows

from watchkeeper.contracts.storage import LogEntry, Put
from watchkeeper.domain.errors import StoreError
from watchkeeper_plugins.storage.postgres import PostgresOptions, build

pytestmark = pytest.mark.postgres

_SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def proxy(database, socket_folder):
    proxy = CuttingProxy(socket_folder, database.url)
    yield proxy
    proxy.close()


@pytest.fixture
def store(proxy, database):
    store = build(PostgresOptions(f"{proxy.url}&schema={database.schema}", retry_seconds=20.0, busy_seconds=20.0))
    store.commit([rows(0), rows(1)])
    store.commit([Put(NOTES, "a", {"n": 0}), LogEntry("audit", {"n": 0})])
    yield store
    store.close()


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER], ids=lambda cut: cut.name)
def test_an_append_whose_commit_is_cut_is_there_once(store, proxy, cut):
    proxy.cut_next(cut)
    receipt = store.commit([rows(2), rows(3)])
    assert proxy.was_cut.is_set()
    assert not receipt.is_replay
    assert numbers(store) == [0, 1, 2, 3]


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER], ids=lambda cut: cut.name)
def test_a_change_whose_commit_is_cut_is_done_once_and_its_receipt_tells_it(store, proxy, cut):
    proxy.cut_next(cut)
    receipt = store.commit([Put(NOTES, "a", {"n": 1}, expect=1), LogEntry("audit", {"n": 1})])
    assert proxy.was_cut.is_set()
    assert receipt.revisions == (2,)
    entries = list(store.read_log("audit"))
    assert [entry.body["n"] for entry in entries] == [0, 1]
    assert receipt.digests == (entries[1].digest,)


def test_several_losses_in_a_row_are_survived(store, proxy):
    proxy.cut_next(Cut.BEFORE, Cut.AFTER)
    store.commit([rows(2)])
    assert numbers(store) == [0, 1, 2]


def test_a_pair_whose_first_attempt_arrived_is_no_replay_but_the_caller_s_second_call_is(store, proxy):
    proxy.cut_next(Cut.AFTER)
    first = store.commit([rows(2)], writer="w", seq=1)
    again = store.commit([rows(2)], writer="w", seq=1)
    assert (first.is_replay, again.is_replay) == (False, True)
    assert numbers(store) == [0, 1, 2]


def test_an_attempt_that_the_server_still_holds_open_is_waited_for(store, proxy):
    proxy.cut_next(Cut.VANISH)
    threading.Timer(0.5, proxy.let_go).start()
    receipt = store.commit([Put(NOTES, "a", {"n": 1}, expect=1)])
    assert receipt.revisions == (2,)
    found = store.get(NOTES, "a")
    assert (found.value, found.revision) == ({"n": 1}, 2)


def test_a_commit_whose_fate_nobody_can_ask_about_is_told_as_such(proxy, database):
    store = build(PostgresOptions(f"{proxy.url}&schema={database.schema}", retry_seconds=0.3))
    store.commit([rows(0)], writer="w", seq=1)
    proxy.cut_next(Cut.AFTER)
    proxy.refuse_all()
    with pytest.raises(StoreError, match=r"does not answer .*whether this commit arrived is not known: send it again"):
        store.commit([rows(1)], writer="w", seq=2)
    again = build(PostgresOptions(database.url))
    assert again.commit([rows(1)], writer="w", seq=2).is_replay
    assert numbers(again) == [0, 1]
    for each in (store, again):
        each.close()


def test_a_server_that_is_gone_is_told_in_a_sentence_without_the_password(database, server):
    options = PostgresOptions(database.url.replace("postgres:@", "postgres:hidden-word@"), retry_seconds=0.3)
    store = build(options)
    store.commit([rows(1)])
    database.stop()
    try:
        for call in (lambda: store.commit([rows(2)]), lambda: store.keys("rows"), lambda: build(options)):
            with pytest.raises(StoreError, match=r"does not answer .*check that it runs") as caught:
                call()
            assert "hidden-word" not in str(caught.value)
    finally:
        database.start()
    assert numbers(store) == [1], "the same store goes on when the server is back"
    store.commit([rows(3)])
    assert numbers(store) == [1, 3]
    store.close()


def test_commits_go_on_over_a_restart_of_the_server_and_are_there_once(database):
    store = build(PostgresOptions(database.url, retry_seconds=60.0))
    acknowledged, failures = [], []

    def work(start):
        try:
            for number in range(start, start + 150):
                store.commit([rows(number)])
                store.commit([LogEntry("audit", {"n": number})])
                acknowledged.append(number)
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    while len(acknowledged) < 50 and not failures:
        pass
    database.stop()
    database.start()
    for thread in threads:
        thread.join(120)
    assert not failures
    assert numbers(store) == sorted(acknowledged) == [*range(150), *range(1000, 1150), *range(2000, 2150)]
    assert sorted(entry.body["n"] for entry in store.read_log("audit")) == sorted(acknowledged)
    store.close()


def test_killed_hosts_lose_nothing_and_leave_nothing_half_done(database):
    opener = partial(build, PostgresOptions(database.url))
    store = opener()
    random = np.random.default_rng(3)
    known = []
    for round_number in range(6):
        receiver, sender = _SPAWN.Pipe(duplex=False)
        host = _SPAWN.Process(target=commit_until_killed, args=(opener, round_number * 100_000, sender), daemon=True)
        host.start()
        sender.close()
        known += [receiver.recv() for _ in range(int(random.integers(1, 40)))]
        os.kill(host.pid, signal.SIGKILL)
        host.join(60)
    found = numbers(store)
    logged = [entry.body["n"] for entry in store.read_log("audit")]
    assert set(known) <= set(found)
    assert len(found) == len(set(found))
    assert set(known) <= set(logged)
    assert len(logged) == len(set(logged))
    assert store.get(NOTES, "last").value["n"] == logged[-1], "the document and the log entry came together"
    store.close()


def test_a_forked_child_speaks_on_connections_of_its_own(database):
    store = build(PostgresOptions(database.url))
    store.commit([rows(1)])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            store.commit([rows(2)])
            store.close()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0
    store.commit([rows(3)])
    assert numbers(store) == [1, 2, 3]
    store.close()
