"""The local executor: its options, its start method, and the share of the cores that a worker takes."""

from __future__ import annotations

import multiprocessing
import os
import threading

import pytest

from watchkeeper.domain.errors import ConfigError
from watchkeeper.plugins import Plugins
from watchkeeper_plugins.executors.local import Options, _context, build, usable_cores


def test_it_has_a_worker_for_each_core_when_nothing_is_set():
    assert build(Options()).workers == usable_cores()
    assert usable_cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_worker_is_a_config_error(workers):
    with pytest.raises(ConfigError) as caught:
        build(Options(workers=workers))

    assert str(caught.value) == f"workers: found {workers}, expected at least 1, or nothing for one a core"


def test_an_unknown_kind_of_worker_is_a_config_error():
    with pytest.raises(
        ConfigError, match=r"kind: found 'process' \(text\), expected one of .* did you mean 'processes'"
    ):
        Plugins().build("executor", "local", {"kind": "process"})


def test_threads_run_in_this_process_under_a_name_of_their_own():
    with build(Options(workers=1, kind="threads")).open() as pool:
        assert pool.submit(os.getpid).result(60) == os.getpid()
        assert pool.submit(threading.current_thread).result(60).name.startswith("watchkeeper-local")


def test_processes_are_not_forked_from_a_process_with_threads():
    with build(Options(workers=1)).open() as pool:
        assert pool.submit(os.getpid).result(60) != os.getpid()
    assert _context().get_start_method() != "fork"


def test_workers_share_the_cores_instead_of_each_taking_all(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("watchkeeper_plugins.executors.local.usable_cores", lambda: 8)

    with build(Options(workers=2)).open() as pool:
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result(60) == "4"


def test_a_number_of_threads_that_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setattr("watchkeeper_plugins.executors.local.usable_cores", lambda: 8)
    monkeypatch.setattr(
        "watchkeeper_plugins.executors.local._context", lambda: multiprocessing.get_context("spawn")
    )  # a fork server that another test has started keeps the environment of that time

    with build(Options(workers=2)).open() as pool:
        assert pool.submit(os.getenv, "OPENBLAS_NUM_THREADS").result(60) == "1"
