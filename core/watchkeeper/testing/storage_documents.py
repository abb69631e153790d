"""Contract checks of documents: revisions, compare-and-swap, finding in order and by the page."""

from __future__ import annotations

import itertools

import attrs

from watchkeeper.contracts.storage import Delete, Document, Namespace, Outlines, Put, Scalar, Storage
from watchkeeper.domain.errors import Conflict, UsageError, WatchkeeperError

from .storage_hooks import ALERTS, StorageHooks, refused
from .storage_rows import BAD_NAMES

_VALUE = {
    "text": "naïve ☂ \u2028",
    "nothing": None,
    "yes": True,
    "whole": -(2**60),
    "part": 0.1,
    "list": [1, [], {}],
    "map": {"": {"deep": "er"}},
}


class DocumentChecks(StorageHooks):
    """What `Put`, `Delete`, `get` and `find` promise."""

    def test_a_document_comes_back_as_it_was(self, subject: Storage) -> None:
        subject.commit([Put(ALERTS, "a", _VALUE, {"state": "firing", "rank": 2})])
        found = subject.get(ALERTS, "a")
        assert found is not None, "the document is there"
        assert (found.key, found.value, found.revision) == ("a", _VALUE, 1)
        assert found.index == {"state": "firing", "rank": 2}, f"index holds every declared field, found {found.index}"

    def test_what_is_not_there_is_none(self, subject: Storage) -> None:
        assert subject.get(ALERTS, "a") is None
        assert subject.find(ALERTS) == ()
        subject.commit([Delete(ALERTS, "a"), Delete(ALERTS, "a", expect=0)])

    def test_revisions_count_from_one(self, subject: Storage) -> None:
        found = [subject.commit([Put(ALERTS, "a", {"n": n})]).revisions for n in range(3)]
        assert found == [(1,), (2,), (3,)]
        twice = subject.commit([Put(ALERTS, "a", {}), Put(ALERTS, "a", {})]).revisions
        assert twice == (4, 5), "operations of one commit see those before them"

    def test_a_stale_revision_is_refused(self, subject: Storage) -> None:
        subject.commit([Put(ALERTS, "a", {"n": 1})])
        subject.commit([Put(ALERTS, "a", {"n": 2}, expect=1)])
        for stale in (0, 1, 3):
            with refused(Conflict, "a"):
                subject.commit([Put(ALERTS, "a", {"n": 9}, expect=stale)])
            with refused(Conflict, "a"):
                subject.commit([Delete(ALERTS, "a", expect=stale)])
        found = subject.get(ALERTS, "a")
        assert found is not None, "a refused delete deletes nothing"
        assert found.value == {"n": 2}
        subject.commit([Delete(ALERTS, "a", expect=2)])
        assert subject.get(ALERTS, "a") is None

    def test_expecting_a_document_that_is_not_there_is_refused(self, subject: Storage) -> None:
        with refused(Conflict, "a"):
            subject.commit([Put(ALERTS, "a", {}, expect=1)])
        with refused(Conflict, "a"):
            subject.commit([Delete(ALERTS, "a", expect=1)])

    def test_documents_are_found_by_their_fields(self, subject: Storage) -> None:
        _put_samples(subject)
        assert _keys(subject, {"state": "firing"}) == ["b", "d", "f"]
        assert _keys(subject, {"state": "firing", "rank": 2}) == ["d"]
        assert _keys(subject, {"state": None}) == ["e"]
        assert _keys(subject, {"state": "nobody"}) == []
        assert _keys(subject, {"rank": "2"}) == [], "the text 2 is not the number 2"
        assert _keys(subject, {}) == ["a", "b", "c", "d", "e", "f"]

    def test_documents_are_ordered_by_fields_and_then_by_key(self, subject: Storage) -> None:
        _put_samples(subject)
        assert _keys(subject, None, "rank") == ["f", "e", "b", "c", "d", "a"], "None is less than anything else"
        assert _keys(subject, None, "-rank") == ["a", "d", "b", "c", "e", "f"], "equal ones stay in the order of key"
        assert _keys(subject, None, "-state", "rank") == ["c", "a", "f", "b", "d", "e"]
        assert _keys(subject, {"state": "firing"}, "-rank") == ["d", "b", "f"]
        assert _keys(subject, {"state": "firing"}, "state", "rank") == ["f", "b", "d"]

    def test_text_is_ordered_by_code_point_and_numbers_by_size(self, subject: Storage) -> None:
        values: list[Scalar] = ["Z", "a", "é", "ab", "", "😀", "\uffee"]
        for number, value in enumerate([*values, 10, 9.5, -3, None]):
            subject.commit([Put(ALERTS, f"{number:02}", {"it": value}, {"state": value})])
        found = [document.value["it"] for document in subject.find(ALERTS, order=["state"])]
        texts = sorted(value for value in values if isinstance(value, str))
        assert found == [None, -3, 9.5, 10, *texts], f"None, then numbers, then text by code point: {found}"

    def test_pages_join_without_a_gap(self, subject: Storage) -> None:
        for number, (state, rank) in enumerate(itertools.product(("x", "y", None), (1, 2.5, "2", None))):
            subject.commit([Put(ALERTS, f"{number % 5}-{number}", {}, {"state": state, "rank": rank})])
        for order in ([], ["state"], ["-state"], ["rank", "-state"], ["-rank", "state"], ["-rank", "-state"]):
            whole = [document.key for document in subject.find(ALERTS, order=order)]
            assert len(whole) == 12, f"all documents are found, whatever the order: {order}"
            for limit in (1, 5):
                assert _paged(subject, order, limit) == whole, f"pages of {limit} in the order {order}"

    def test_a_page_follows_a_document_that_has_gone_meanwhile(self, subject: Storage) -> None:
        _put_samples(subject)
        page = subject.find(ALERTS, order=["rank"], limit=3)
        subject.commit([Delete(ALERTS, page[-1].key)])
        rest = subject.find(ALERTS, order=["rank"], after=page[-1])
        assert [document.key for document in rest] == ["c", "d", "a"]

    def test_a_limit_of_none_at_all_gives_nothing(self, subject: Storage) -> None:
        _put_samples(subject)
        assert subject.find(ALERTS, limit=0) == ()
        with refused(UsageError, "limit"):
            subject.find(ALERTS, limit=-1)

    def test_outlines_are_what_is_found_without_the_values(self, subject: Storage) -> None:
        if not isinstance(subject, Outlines):
            return
        assert subject.outlines(ALERTS) == ()
        _put_samples(subject)
        subject.commit([Put(ALERTS, "b", {"it": 2}, {"state": "firing", "rank": 7})])
        for where, order in (({}, []), ({"state": "firing"}, ["-rank"]), ({"state": None}, ["rank", "-state"])):
            expected = [
                (found.key, found.revision, tuple(found.index[field] for field in ALERTS.index))
                for found in subject.find(ALERTS, where, order)
            ]
            assert [tuple(found) for found in subject.outlines(ALERTS, where, order)] == expected
        with refused(UsageError, "stat", ALERTS.name):
            subject.outlines(ALERTS, {"stat": "firing"})

    def test_a_changed_document_is_found_under_its_new_fields(self, subject: Storage) -> None:
        _put_samples(subject)
        subject.commit([Put(ALERTS, "b", {}, {"state": "resolved"})])
        assert _keys(subject, {"state": "firing"}) == ["d", "f"]
        assert _keys(subject, {"state": "resolved"}) == ["b"]

    def test_a_field_that_is_not_declared_is_refused(self, subject: Storage) -> None:
        for call in (
            lambda: subject.find(ALERTS, {"stat": "firing"}),
            lambda: subject.find(ALERTS, order=["-stat"]),
            lambda: subject.commit([Put(ALERTS, "a", {}, {"stat": "firing"})]),
        ):
            with refused(UsageError, "stat", ALERTS.name):
                call()

    def test_another_declaration_of_a_namespace_is_refused(self, subject: Storage) -> None:
        subject.commit([Put(ALERTS, "a", {})])
        other = attrs.evolve(ALERTS, index=("state", "size"))
        for call in (
            lambda: subject.commit([Put(other, "b", {})]),
            lambda: subject.find(other),
            lambda: subject.get(other, "a"),
        ):
            with refused(UsageError, ALERTS.name, "size", "rank"):
                call()
        with refused(UsageError, "five"):
            subject.commit([Put(Namespace("five", ("a", "b", "c", "d", "e")), "k", {})])

    def test_namespaces_do_not_mix(self, subject: Storage) -> None:
        other = Namespace("contract.others")
        subject.commit([Put(ALERTS, "a", {"n": 1}), Put(other, "a", {"n": 2})])
        subject.commit([Delete(other, "a")])
        found = subject.get(ALERTS, "a")
        assert found is not None, "a delete in one namespace leaves the other alone"
        assert found.value == {"n": 1}

    def test_what_json_cannot_hold_is_refused(self, subject: Storage) -> None:
        for value in ({"n": float("nan")}, {"n": float("inf")}, {"n": {1: 2}}, {"n": b"x"}, {"n": "\ud800"}):
            with refused(WatchkeeperError, "JSON"):
                subject.commit([Put(ALERTS, "a", value)])
        with refused(WatchkeeperError, "rank"):
            subject.commit([Put(ALERTS, "a", {}, {"rank": float("nan")})])
        assert subject.get(ALERTS, "a") is None

    def test_names_of_documents_that_cannot_be_kept_are_refused(self, subject: Storage) -> None:
        for bad in BAD_NAMES.values():
            with refused(UsageError):
                subject.commit([Put(ALERTS, bad, {})])
            with refused(UsageError):
                subject.commit([Put(Namespace(bad), "a", {})])
            with refused(UsageError):
                subject.get(ALERTS, bad)


def _put_samples(store: Storage) -> None:
    samples: dict[str, dict[str, Scalar]] = {
        "a": {"state": "ok", "rank": "high"},
        "b": {"state": "firing", "rank": 1},
        "c": {"state": "pending", "rank": 1.0},
        "d": {"state": "firing", "rank": 2},
        "e": {"rank": -5},
        "f": {"state": "firing"},
    }
    store.commit([Put(ALERTS, key, {}, index) for key, index in samples.items()])


def _keys(store: Storage, where: dict[str, Scalar] | None, *order: str) -> list[str]:
    return [document.key for document in store.find(ALERTS, where, order)]


def _paged(store: Storage, order: list[str], limit: int) -> list[str]:
    keys: list[str] = []
    last: Document | None = None
    while page := store.find(ALERTS, order=order, after=last, limit=limit):
        assert len(page) <= limit, f"a page of {limit} has {len(page)} documents"
        keys += [document.key for document in page]
        last = page[-1]
    return keys
