"""What the PostgreSQL store does beyond the contract: apart from each other, by index, as durable as told."""

from __future__ import annotations

import io
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import attrs
import numpy as np
import psycopg
import pytest
from postgres_hosts import NOTES, append_and_maintain, numbers, rows

from watchkeeper.contracts.storage import Append, Durability, LogEntry, Namespace, Put
from watchkeeper.domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreTooNew, UsageError
from watchkeeper.domain.table import Table
from watchkeeper_plugins.storage.postgres import PostgresOptions, build
from watchkeeper_plugins.storage.postgres_store import layout, server
from watchkeeper_plugins.storage.postgres_store.store import PostgresStorage

pytestmark = pytest.mark.postgres

_DAY_US = 86_400_000_000


class Still:
    """A clock that stands."""

    def __init__(self, now_us):
        self._now_us = now_us

    def now_us(self):
        return self._now_us


@pytest.fixture
def opened(database):
    """Opens the store of the test's schema with other options; closes all at the end."""
    stores = []

    def open_store(clock=None, **options):
        stores.append(PostgresStorage(PostgresOptions(database.url, **options), clock))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def test_projects_share_a_database_by_schemas(database, opened):
    other = build(PostgresOptions(f"{database.url}_other"))
    opened().commit([rows(1)])
    assert other.keys("rows") == ()
    other.close()


def test_who_reads_narrow_columns_does_not_touch_the_wide_ones(database, opened):
    store = opened()
    store.commit([rows(*range(1000), wide=("double",))])
    database.run("UPDATE chunk SET wide = substr(wide, 1, 100) || 'damaged'")
    (batch,) = store.scan("rows", "spx", columns=["number"])
    assert len(batch.time) == 1000
    with pytest.raises(StoreCorrupt, match=r"chunk 1: .*restore the database"):
        list(store.scan("rows", "spx"))


def test_wide_columns_of_many_chunks_are_fetched_together_once_they_are_needed(opened):
    store = opened(chunk_rows=100)
    store.commit([rows(*range(5000), wide=("double",))])
    found = [int(value) for batch in store.scan("rows", "spx", columns=["double"]) for value in batch.table["double"]]
    assert found == list(range(0, 10_000, 2))


def test_flipped_bits_in_a_chunk_are_told_with_the_chunk(database, opened):
    store = opened()
    store.commit([rows(*range(100))])
    database.run("UPDATE chunk SET narrow = set_byte(narrow, 500, get_byte(narrow, 500) # 1)")
    with pytest.raises(StoreCorrupt, match=r"chunk 1: column '.*' has other bytes than were written"):
        list(store.scan("rows", "spx"))


@pytest.mark.parametrize(
    ("statement", "entry"),
    [
        ("UPDATE log SET body = replace(body, '3', '4') WHERE number = 3", 3),
        ("DELETE FROM log WHERE number = 2", 2),
        ("DELETE FROM log WHERE number = 5", 5),
        ("UPDATE log_head SET digest = 'other'", 5),
    ],
    ids=["an entry was changed", "an entry was removed", "the tail was removed", "the head was changed"],
)
def test_a_log_that_was_tampered_with_does_not_verify(database, opened, statement, entry):
    store = opened()
    store.commit([LogEntry("audit", {"n": number}) for number in range(1, 6)])
    database.run(statement)
    with pytest.raises(StoreCorrupt, match=f"'audit' is broken at entry {entry}"):
        list(store.read_log("audit"))


def test_a_document_that_was_tampered_with_is_told(database, opened):
    store = opened()
    store.commit([Put(NOTES, "a", {"n": 1}, {"by": "ada"})])
    database.run("UPDATE document SET value = '{\"n\":2}'")
    with pytest.raises(StoreCorrupt, match=r"'a' of 'notes' has other bytes"):
        store.get(NOTES, "a")
    with pytest.raises(StoreCorrupt, match=r"'a' of 'notes' has other bytes"):
        store.find(NOTES, {"by": "ada"})


def test_synced_and_flushed_are_what_the_server_is_asked_for(database, opened):
    store = opened()
    store.commit([Put(NOTES, "first", {})])
    database.run("CREATE TABLE seen (level text)")
    database.run(
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$"
    )
    database.run("CREATE TRIGGER see AFTER INSERT ON document FOR EACH ROW EXECUTE FUNCTION see()")
    told = [store.commit([Put(NOTES, level, {})], level).durability for level in Durability]
    assert told == [Durability.FLUSHED, Durability.FLUSHED, Durability.SYNCED]
    assert database.run("SELECT level FROM seen") == [("off",), ("off",), ("on",)]


def test_a_server_without_fsync_promises_no_more_than_it_keeps(opened, monkeypatch):
    store = opened()
    monkeypatch.setattr(store._parts.server, "syncs", False)
    assert store.describe().durability == {Durability.FLUSHED}
    assert store.commit([rows(1)], Durability.SYNCED).durability is Durability.FLUSHED


def test_find_of_many_documents_uses_an_index_made_for_the_question(database, opened):
    store = opened()
    alerts = Namespace("alerts", index=("state", "rank"))
    for start in range(0, 2000, 500):
        store.commit(
            [
                Put(alerts, f"{number:05}", {}, {"state": "firing" if number % 7 else "ok", "rank": number % 100})
                for number in range(start, start + 500)
            ]
        )
    first = store.find(alerts, {"state": "firing"}, ["-rank"], limit=5)
    store.find(alerts, {"state": "firing"}, ["-rank"], after=first[-1], limit=5)
    assert [document.index["rank"] for document in first] == [99] * 5
    (name,) = [
        name
        for (name,) in database.run(
            "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND indexname LIKE 'find_%'"
        )
    ]
    database.run("ANALYZE document")
    plan = "\n".join(
        line
        for (line,) in database.run(
            "EXPLAIN SELECT key FROM document WHERE namespace = 1 AND i1 = %s ORDER BY i2 DESC, key LIMIT 5",
            b"\x02firing",
        )
    )
    assert name in plan
    assert "Sort" not in plan


def test_few_documents_get_no_index_of_their_own(database, opened):
    store = opened()
    store.commit([Put(NOTES, "a", {}, {"by": "ada"})])
    for _ in range(5):
        assert len(store.find(NOTES, {"by": "ada"})) == 1
    assert (
        database.run("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema() AND indexname LIKE 'find_%'")
        == []
    )


def test_index_fields_that_postgresql_cannot_index_are_refused(opened):
    store = opened()
    store.commit([Put(NOTES, "a", {}, {"by": "x" * 2500})])
    with pytest.raises(UsageError, match=r"'b' of 'notes' take 3,002 bytes with its key; expected at most 2,600"):
        store.commit([Put(NOTES, "b", {}, {"by": "x" * 3000})])


def test_small_chunks_become_large_ones_and_the_old_ones_go_when_no_scan_can_need_them(database, opened):
    store = opened(chunk_rows=100, scan_seconds=0.001)
    for start in range(0, 400, 5):
        store.commit([rows(*range(start, start + 5), wide=("double",))])
    report = store.maintain(30)
    assert (report.compacted_chunks, report.is_finished) == (80, True)
    assert numbers(store) == list(range(400))
    live, retired = database.run(
        "SELECT count(*) FILTER (WHERE retired_at IS NULL), count(*) FILTER (WHERE retired_at IS NOT NULL) FROM chunk"
    )[0]
    assert (live, retired) == (4, 80)
    store.maintain(30)
    assert database.run("SELECT count(*) FROM chunk WHERE retired_at IS NOT NULL") == [(0,)]
    wide = [float(value) for batch in store.scan("rows", "spx", columns=["double"]) for value in batch.table["double"]]
    assert wide == [number * 2.0 for number in range(400)]


def test_a_scan_that_was_paused_for_too_long_says_so(opened):
    store = opened(chunk_rows=4, scan_seconds=0.001)
    for start in range(0, 64, 2):
        store.commit([rows(start, start + 1)])
    scan = store.scan("rows", "spx")
    for _ in range(2):
        store.maintain(30)
    with pytest.raises(StoreError, match=r"paused for more than 0.001 s.*raise the storage option scan_seconds"):
        list(scan)


def test_rows_expire_by_their_own_time_and_wide_columns_before_them(opened):
    store = opened(Still(10 * _DAY_US), keep_days={"rows": 5.0}, keep_wide_days={"rows": 2.0})
    for day in (1, 7, 9):
        store.commit([rows(day * _DAY_US, wide=("double",))])
    store.commit([attrs.evolve(rows(_DAY_US), stream="others")])
    report = store.maintain(30)
    assert report.expired_bytes > 0
    assert [int(batch.time[0]) // _DAY_US for batch in store.scan("rows", "spx")] == [7, 9]
    assert [batch.table.names for batch in store.scan("rows", "spx")] == [("number",), ("number", "double")]
    assert store.keys("others") == ("spx",)
    assert store.maintain(30).expired_bytes == 0


def test_the_oldest_rows_go_when_a_stream_takes_too_many_bytes(database, opened):
    sizes = opened(keep_bytes={"rows": 1e9})
    for number in range(5):
        sizes.commit([rows(number)])
    ((size,),) = database.run("SELECT max(narrow_bytes + wide_bytes) FROM chunk")
    store = opened(keep_bytes={"rows": size * 3})
    store.maintain(30)
    assert numbers(store) == [2, 3, 4]


def test_pairs_are_forgotten_when_nobody_can_send_them_again(database, opened):
    store = opened()
    store.commit([rows(1)])
    store.commit([rows(2)], writer="w", seq=1)
    store.commit([rows(3)], writer="w", seq=2)
    database.run("UPDATE applied SET at = now() - interval '2 hours'")
    store.maintain(30)
    assert database.run("SELECT writer, seq FROM applied ORDER BY seq") == [("w", 1), ("w", 2)]
    database.run("UPDATE applied SET at = now() - interval '8 days' WHERE seq = 1")
    store.maintain(30)
    assert database.run("SELECT writer, seq FROM applied") == [("w", 2)]


def test_hosts_append_scan_and_maintain_side_by_side(database, opened):
    opener = partial(build, PostgresOptions(database.url, chunk_rows=50))
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(3) as hosts:
        hosts.starmap(append_and_maintain, [(opener, start) for start in (0, 10_000, 20_000)])
    store = opened(chunk_rows=50)
    expected = [number for start in (0, 10_000, 20_000) for number in range(start, start + 200)]
    assert numbers(store) == expected
    while not store.maintain(10).is_finished:
        pass
    assert numbers(store) == expected


def test_a_newer_layout_stops_a_store_that_is_open(database, opened):
    store = opened()
    store.commit([rows(1)])
    database.run("UPDATE meta SET value = '2' WHERE name = 'schema'")
    with pytest.raises(StoreTooNew, match=r"written by a newer watchkeeper .layout 2; this one knows up to 1"):
        store.commit([rows(2)])
    assert numbers(store) == [1]


def test_older_tables_are_brought_up_to_date_in_order_and_all_or_nothing(database, opened, monkeypatch):
    opened().commit([rows(1)])
    monkeypatch.setattr(layout, "SCHEMA", 3)
    monkeypatch.setattr(
        layout,
        "MIGRATIONS",
        {
            1: lambda connection: connection.execute("ALTER TABLE chunk ADD colour text"),
            2: lambda connection: connection.execute("UPDATE chunk SET colour = 'red' WHERE no_such_column"),
        },
    )
    with pytest.raises(StoreCorrupt, match="no_such_column"):
        opened()
    assert database.run("SELECT value FROM meta WHERE name = 'schema'") == [("1",)]
    layout.MIGRATIONS[2] = lambda connection: connection.execute("UPDATE chunk SET colour = 'red'")
    store = opened()
    assert database.run("SELECT colour FROM chunk") == [("red",)]
    store.commit([rows(2)])
    assert numbers(store) == [1, 2]


def test_a_layout_that_is_not_told_is_refused(database, opened):
    store = opened()
    database.run("DELETE FROM meta WHERE name = 'schema'")
    with pytest.raises(StoreCorrupt, match="does not say which layout"):
        opened()
    with pytest.raises(StoreCorrupt, match="does not say which layout"):
        store.commit([rows(1)])


def test_somebody_else_s_schema_is_left_alone(database, opened):
    database.run(f"CREATE SCHEMA {database.schema}")
    database.run("CREATE TABLE meta (name text, value text)")
    database.run("CREATE TABLE customers (name text)")
    with pytest.raises(StoreError, match=r"holds something else \(customers, meta\): name another with \?schema="):
        opened()


def test_an_empty_schema_that_an_administrator_made_is_used(database, opened):
    database.run(f"CREATE SCHEMA {database.schema}")
    opened().commit([rows(1)])


def test_a_database_of_another_encoding_is_refused(database):
    database.run("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreError, match=r"encoding LATIN1.*ENCODING 'UTF8' TEMPLATE template0"):
            build(PostgresOptions(database.url.replace("/postgres?", "/latin?")))
    finally:
        database.run("DROP DATABASE latin WITH (FORCE)")


def test_a_pooler_that_drops_the_settings_is_refused(database, monkeypatch):
    options = PostgresOptions(database.url)
    monkeypatch.setattr(server, "_conninfo", lambda options: options.conninfo)
    with pytest.raises(StoreError, match=r"drops the settings of a connection .*expected 'test_\d+'.*pool by session"):
        build(options)
    assert database.run("SELECT to_regclass('public.document')") == [(None,)]


def test_a_database_that_is_not_there_is_told_at_once(database):
    with pytest.raises(StoreError, match=r"does not exist .*create it with CREATE DATABASE"):
        build(PostgresOptions(database.url.replace("/postgres?", "/nowhere?")))


def test_a_role_without_the_right_is_told_what_to_ask_for(database):
    database.run("CREATE ROLE guest LOGIN")
    try:
        with pytest.raises(StoreError, match=r"the role may not do that .*CREATE SCHEMA \.\.\. AUTHORIZATION"):
            build(PostgresOptions(database.url.replace("postgres:@", "guest@")))
    finally:
        database.run("DROP ROLE guest")


def test_a_server_that_only_reads_is_read_and_not_written(database, opened):
    opened().commit([rows(1)])
    store = build(PostgresOptions(f"{database.url}&options=-cdefault_transaction_read_only%3Don"))
    assert numbers(store) == [1]
    with pytest.raises(StoreError, match=r"only reads .*nothing was written: connect to the primary"):
        store.commit([rows(2)])
    store.close()


def test_a_document_that_somebody_holds_is_busy_and_not_waited_for_for_ever(database, opened):
    store = opened(busy_seconds=0.2)
    store.commit([Put(NOTES, "a", {})])
    with psycopg.connect(database.server.get_uri()) as other:
        other.execute(f"LOCK TABLE {database.schema}.document")
        with pytest.raises(StoreBusy, match=r"kept what this call needs .*pg_stat_activity"):
            store.commit([Put(NOTES, "a", {})])
    store.commit([Put(NOTES, "a", {})])


def test_more_calls_than_connections_wait_and_are_told_when_it_takes_too_long(opened):
    store = opened(connections=1, busy_seconds=0.1)
    store.commit([rows(1)])
    with store._parts.server._borrowed(), pytest.raises(StoreBusy, match=r"all 1 connections .* raise the storage"):
        store.keys("rows")
    assert store.keys("rows") == ("spx",)


def test_commits_that_want_each_other_s_documents_all_come_through(opened):
    store = opened()
    store.commit([Put(NOTES, key, {}) for key in "ab"])

    def work(keys):
        for _ in range(30):
            store.commit([*(Put(NOTES, key, {}) for key in keys), *(LogEntry(key, {}) for key in keys)])

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(work, keys) for keys in ("abcd", "dcba")]:
            done.result()
    assert [store.get(NOTES, key).revision for key in "abcd"] == [61, 61, 60, 60]
    assert len(list(store.read_log("c"))) == 60


def test_lost_tables_are_told(database, opened):
    store = opened()
    database.run("DROP TABLE chunk")
    with pytest.raises(StoreCorrupt, match=r"has lost some of its tables .*restore it from a backup"):
        store.keys("rows")


def test_large_blobs_are_kept_in_pieces_and_mended_without_leaving_old_ones(database, opened, tmp_path):
    store = opened()
    path = tmp_path / "blob"
    path.write_bytes(np.random.default_rng(1).bytes(20_000_000))
    for _ in range(2):
        with path.open("rb") as source:
            digest = store.put_blob(source)
    assert database.run("SELECT count(*), max(length(data)) FROM blob_part") == [(20, 1_048_576)]
    with store.open_blob(digest) as found:
        assert found.read() == path.read_bytes()
    database.run("DELETE FROM blob_part WHERE number = 3")
    with pytest.raises(StoreCorrupt, match=digest):
        store.open_blob(digest)


def test_blobs_are_told_and_removed_unless_they_were_put_again(opened):
    store = opened(Still(1000))
    digests = sorted(store.put_blob(io.BytesIO(bytes([number]))) for number in range(3))
    assert [(blob.digest, blob.size, blob.kept_us) for blob in store.blobs()] == [(each, 1, 1000) for each in digests]
    assert store.remove_blob(digests[0], before_us=1001)
    assert not store.remove_blob(digests[0], before_us=1001)
    assert not store.remove_blob(digests[1], before_us=1000)
    assert [blob.digest for blob in store.blobs()] == digests[1:]


def test_a_new_column_of_another_host_is_known_here_too(opened):
    one, other = opened(), opened()
    one.commit([rows(1)])
    other.commit([rows(2)])
    one.commit([Append("rows", "spx", np.array([3]), Table({"number": np.array([3]), "new": np.array([1.0])}))])
    other.commit([Append("rows", "spx", np.array([4]), Table({"number": np.array([4]), "new": np.array([2.0])}))])
    assert numbers(one) == [1, 2, 3, 4]
