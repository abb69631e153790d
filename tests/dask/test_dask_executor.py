"""The executor ``dask``: the contract of executors, a worker killed on the way, and nothing left behind."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.cells import NumberCells, ordered_numbers
from watchkeeper.domain.errors import ConfigError, PluginBroken
from watchkeeper.domain.model import Task
from watchkeeper.monitor.evaluating import Judging, PredictionForm
from watchkeeper.monitor.scale.folder import planned_folder, profiled_folder
from watchkeeper.monitor.scale.questions import Question
from watchkeeper.plugins import Plugins
from watchkeeper.testing import ExecutorContract
from watchkeeper_plugins.executors.dask import Options, build

pytest.importorskip("distributed", reason='pip install "watchkeeper[dask]"')

pytestmark = [
    pytest.mark.dask,
    # what the cluster's own threads and sockets warn of at their end is not ours to mend
    pytest.mark.filterwarnings("default::ResourceWarning", "default::pytest.PytestUnraisableExceptionWarning"),
]

FEATURES = tuple(f"feature_{number:02}" for number in range(12))
CELLS = {name: NumberCells.of(ordered_numbers(np.random.default_rng(1).normal(size=5000))) for name in FEATURES}
CELLS |= {"prediction": NumberCells.of(ordered_numbers(np.random.default_rng(2).random(5000)))}
QUESTION = Question(CELLS, "p", Judging(Task.CLASSIFICATION, PredictionForm.PROBABILITY, ("0", "1")), outcome="y")


@pytest.fixture(scope="module")
def cluster():
    """One cluster for all pools of the contract: each is a client of its scheduler."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as made:
        yield made


class TestDask(ExecutorContract):
    @pytest.fixture
    def subject(self, cluster):
        return Plugins().build(Kind.EXECUTOR, "dask", {"address": cluster.scheduler_address})


@pytest.fixture
def folder(tmp_path):
    """24 files, so that a kill half-way hits work that is under way."""
    for number in range(24):
        rng = np.random.default_rng(number)
        table = {name: rng.normal(size=20_000).astype(np.float32) for name in FEATURES}
        probability = rng.random(20_000)
        table |= {"p": probability, "y": (rng.random(20_000) < probability).astype(np.int8)}
        pq.write_table(pa.table(table), tmp_path / f"part-{number:02}.parquet", row_group_size=10_000)
    return tmp_path


def others():
    """Processes that this one started, but for Python's own helpers, which live as long as it does."""
    found = psutil.Process().children(recursive=True)
    return [
        one
        for one in found
        if not {"resource_tracker", "forkserver"} & set(" ".join(one.cmdline()).replace("(", ".").split("."))
    ]


def test_a_folder_is_counted_to_the_bit_although_a_worker_is_killed_half_way(folder):
    expected = profiled_folder(planned_folder(folder), QUESTION, lambda: ThreadPoolExecutor(1))
    half_way = threading.Event()
    killed = []

    def kill():
        half_way.wait(60)
        worker = max(others(), key=lambda one: one.cpu_times().user)
        os.kill(worker.pid, signal.SIGKILL)
        killed.append(worker.pid)

    def tell(progress):
        if progress.done_files >= progress.files // 3:
            half_way.set()

    killer = threading.Thread(target=kill)
    killer.start()
    found = profiled_folder(planned_folder(folder), QUESTION, build(Options(workers=2)).open, tell)
    killer.join()

    assert killed
    assert found.findings == ()
    assert found.profiles == expected.profiles
    assert found.window == expected.window
    assert np.array_equal(found.evaluation.confusion, expected.evaluation.confusion)
    assert np.array_equal(found.evaluation.scores, expected.evaluation.scores)


def test_closing_leaves_no_processes():
    before = {one.pid for one in others()}
    with build(Options(workers=2)).open() as pool:
        pids = set(pool.map(_pid, range(8)))
        assert len({one.pid for one in others()} - before) >= 2
    deadline = time.monotonic() + 20
    while {one.pid for one in others()} - before and time.monotonic() < deadline:
        threading.Event().wait(0.1)

    assert {one.pid for one in others()} <= before
    assert os.getpid() not in pids


def _pid(_):
    return os.getpid()


def test_a_scheduler_that_does_not_answer_is_told():
    provider = build(Options(address="tcp://127.0.0.1:9", wait_seconds=0.5))

    with pytest.raises(PluginBroken, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 within 0\.5 s"):
        provider.open()


def test_a_remote_cluster_stays_when_the_pool_is_closed():
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        with build(Options(address=cluster.scheduler_address)).open() as pool:
            assert pool.submit(abs, -3).result(30) == 3
        with Client(cluster, set_as_default=False) as client:
            assert client.submit(abs, -4).result() == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers: found 0, expected at least 1, or nothing for one a core"),
        (
            {"workers": 2, "address": "tcp://there:8786"},
            "workers: the scheduler at tcp://there:8786 has its own; leave `workers` or `address` out",
        ),
    ],
)
def test_options_that_make_no_sense_are_told(options, message):
    with pytest.raises(ConfigError, match=message):
        build(Options(**options))
