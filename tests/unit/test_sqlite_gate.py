"""The gate between processes: in order of arrival, patient to a limit, and not held by the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from watchkeeper.domain.errors import StoreBusy, StoreError
from watchkeeper_plugins.storage.sqlite_store.gate import Gate

HOLD = """
import sys, pathlib
from watchkeeper_plugins.storage.sqlite_store.gate import Gate
with Gate(pathlib.Path(sys.argv[1]), 5.0).turn():
    print("in", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gate.lock"


def test_turns_are_taken_in_the_order_of_arrival(path):
    gate, order, threads = Gate(path, 30.0), [], []

    def enter(number):
        with gate.turn():
            order.append(number)

    with gate.turn():
        for number in range(8):
            before = ticket(path)
            thread = threading.Thread(target=enter, args=(number,))
            thread.start()
            threads.append(thread)
            while ticket(path) == before:  # it has drawn its number once the counter moves
                os.sched_yield()
        assert order == []
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def ticket(path):
    return int.from_bytes(path.read_bytes()[:8], "little")


def test_only_one_is_inside(path):
    gate, inside, most = Gate(path, 30.0), [], []

    def enter():
        for _ in range(50):
            with gate.turn():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) == 200


def test_who_waits_too_long_is_told(path):
    told = pytest.raises(StoreBusy, match=r"another process has kept .*gate\.lock for more")
    with Gate(path, 1.0).turn(), told, Gate(path, 0.0).turn():
        raise AssertionError("two are inside")
    with Gate(path, 0.0).turn():
        pass


def test_a_killed_holder_is_passed_over(path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "in\n"
        with pytest.raises(StoreBusy), Gate(path, 0.0).turn():
            raise AssertionError("two are inside")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with Gate(path, 5.0).turn():
        pass


def test_a_failure_inside_gives_the_turn_back(path):
    gate = Gate(path, 0.0)
    with pytest.raises(ZeroDivisionError), gate.turn():
        raise ZeroDivisionError
    with gate.turn():
        pass


def test_a_child_forked_inside_does_not_keep_the_turn(path):
    gate = Gate(path, 0.0)
    read, write = os.pipe()
    with gate.turn():
        child = os.fork()
        if child == 0:
            os.close(write)
            os.read(read, 1)  # alive, with a copy of the descriptor, until the parent is done
            os._exit(0)
    with gate.turn():
        pass
    os.close(write)
    os.waitpid(child, 0)
    os.close(read)


@pytest.mark.parametrize(
    "damage", [b"", b"\xff", b"\xff" * 7 + b"\x7f", b"\0" * 8], ids=["empty", "torn", "huge", "zero"]
)
def test_a_damaged_counter_does_not_lock_anybody_out(path, damage):
    path.write_bytes(damage)
    for _ in range(3):
        with Gate(path, 1.0).turn():
            pass


def test_a_folder_that_is_not_there_is_told(tmp_path):
    gate = Gate(tmp_path / "gone" / "gate.lock", 1.0)
    with pytest.raises(StoreError, match=r"gone/gate\.lock cannot be used \(No such file or directory\)"), gate.turn():
        pass
