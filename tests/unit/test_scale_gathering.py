"""Work on executors whose workers die, raise, or are slow: every piece comes back once, as a result or by name."""

from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import pytest

from watchkeeper.monitor.scale.gathering import Lost, gathered


class Mortal(Executor):
    """Runs a call at once, and dies of some arguments as a process pool does."""

    opened = 0

    def __init__(self, deadly, lives):
        type(self).opened += 1
        self.deadly = deadly
        self.lives = lives
        self.is_dead = False
        self.is_shut = False

    def submit(self, call, argument):
        if self.is_dead:
            raise BrokenExecutor("a worker died")
        future = Future()
        if argument in self.deadly and self.lives.get(argument, 0) > 0:
            self.lives[argument] -= 1
            self.is_dead = True
            future.set_exception(BrokenExecutor("a worker died"))
        else:
            try:
                future.set_result(call(argument))
            except ArithmeticError as error:
                future.set_exception(error)
        return future

    def shutdown(self, *, wait=True, cancel_futures=False):
        self.is_shut = True


def answers(open_pool, pieces, work=lambda piece: piece * 10):
    found = list(gathered(open_pool, pieces, work))
    return sorted(one for one in found if not isinstance(one, Lost)), [one for one in found if isinstance(one, Lost)]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_piece_comes_back_once(workers):
    assert answers(lambda: ThreadPoolExecutor(workers), range(100)) == ([piece * 10 for piece in range(100)], [])


def test_pieces_are_taken_as_work_is_done():
    taken = []

    def pieces():
        for piece in range(1000):
            taken.append(piece)
            yield piece

    found = gathered(lambda: ThreadPoolExecutor(1), pieces(), lambda piece: piece)
    next(found)

    assert len(taken) <= 17
    found.close()


def test_a_piece_that_raises_is_named_and_the_others_are_done():
    found, lost = answers(lambda: ThreadPoolExecutor(2), [1, 0, 2], lambda piece: 10 // piece)

    assert found == [5, 10]
    assert [(one.piece, one.reason) for one in lost] == [(0, "ZeroDivisionError: integer division or modulo by zero")]


def test_a_pool_that_died_once_is_opened_anew_and_nothing_is_lost():
    lives = {3: 1, 7: 1}
    pools = []

    def open_pool():
        pools.append(Mortal({3, 7}, lives))
        return pools[-1]

    found, lost = answers(open_pool, range(10))

    assert found == [piece * 10 for piece in range(10)]
    assert lost == []
    assert all(pool.is_shut for pool in pools)


def test_a_piece_that_kills_every_pool_is_named_and_the_others_are_done():
    lives = {3: 99}

    found, lost = answers(lambda: Mortal({3}, lives), range(30))

    assert found == [piece * 10 for piece in range(30) if piece != 3]
    assert [one.piece for one in lost] == [3]
    assert lost[0].reason == "its worker died 3 times (BrokenExecutor: a worker died)"


def test_no_pool_is_opened_for_nothing():
    def open_pool():
        raise AssertionError("it was opened")

    assert answers(open_pool, []) == ([], [])


def test_the_pool_is_shut_when_the_caller_leaves_early():
    pools = []

    def open_pool():
        pools.append(Mortal(set(), {}))
        return pools[-1]

    found = gathered(open_pool, range(10), lambda piece: piece)
    next(found)
    found.close()

    assert pools[0].is_shut
