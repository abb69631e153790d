"""Taking turns: a check and every act get in, however many others write alerts of the same model."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from watchkeeper.alerting import Alerting, Rule, parsed
from watchkeeper.alerting.record import ALERTS
from watchkeeper.alerting.turns import TURNS, Turns
from watchkeeper.contracts.storage import Put
from watchkeeper.domain.errors import Conflict, StoreBusy
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

RULES = (
    Rule(name="r", condition=parsed("x > 0"), receivers=("ops",), each=("feature",)),
    Rule(name="new", condition=parsed("y > 0"), receivers=("pager",), severity="critical"),
)
HOUR = 3_600_000_000


def measured(y, features=10):
    window = Window(0, 1)
    found = [Measurement("x", Value.of(1.0), "m", "1", window, {"feature": f"f{at}"}) for at in range(features)]
    return [*found, Measurement("y", Value.of(y), "m", "1", window)]


class Overtaking(MemoryStorage):
    """While alerts are about to be written, somebody else is faster, as long as that one need not wait."""

    overtakers = 0
    act = None

    def commit(self, operations, *arguments, **settings):
        alerts = [one for one in operations if isinstance(one, Put) and one.namespace == ALERTS]
        if self.overtakers and len(alerts) > 1:
            self.overtakers -= 1
            act, self.act = self.act, None
            act()
            self.act = act
        return super().commit(operations, *arguments, **settings)


def test_a_check_that_is_overtaken_has_the_next_attempt_to_itself():
    storage, clock = Overtaking(), FakeClock()
    alerting = Alerting(storage, clock, RULES)
    first, *_ = alerting.evaluate("m", measured(-1.0))
    paused = []

    def act():
        """Somebody in another process comments, again and again, until they find that it is the check's turn."""

        class Stopped(Exception):
            pass

        def pause(_seconds):
            paused.append(True)
            raise Stopped

        other = Alerting(storage, clock, RULES, turns=Turns(storage, clock, pause=pause))
        try:
            other.comment(first.fingerprint, "bot", "a note")
        except Stopped:
            storage.overtakers = 0

    storage.act, storage.overtakers = act, 1_000

    (new,) = alerting.evaluate("m", measured(1.0))

    assert (new.rule, new.state.value) == ("new", "firing")
    assert paused == [True], "the second time, they had to wait"
    assert len(alerting.alert(first.fingerprint).notes) == 1, "what was said before the check is kept"
    assert storage.get(TURNS, "alerts").value["until_us"] == clock.now_us(), "others may go on"


def test_while_nobody_is_overtaken_nobody_takes_a_turn():
    storage = MemoryStorage()
    alerting = Alerting(storage, FakeClock(), RULES)
    first, *_ = alerting.evaluate("m", measured(-1.0))

    alerting.acknowledge(first.fingerprint, "ada")

    assert storage.get(TURNS, "alerts") is None


def test_threads_that_write_the_same_alert_and_a_check_all_get_in():
    storage, clock = MemoryStorage(), FakeClock()
    systems = [Alerting(storage, clock, RULES) for _ in range(4)]
    first, *_ = systems[0].evaluate("m", measured(-1.0))
    together = threading.Barrier(9)

    def act(number):
        together.wait(30)
        for at in range(10):
            systems[number % 4].comment(first.fingerprint, "bot", f"{number}-{at}")

    def check():
        together.wait(30)
        return [systems[3].evaluate("m", measured(y)) for y in (1.0, -1.0, 1.0)]

    with ThreadPoolExecutor(9) as pool:
        acts = [pool.submit(act, number) for number in range(8)]
        changed = pool.submit(check).result(60)
        for one in acts:
            one.result(60)

    assert [[(alert.rule, alert.state.value) for alert in found] for found in changed] == [
        [("new", "firing")],
        [("new", "resolved")],
        [("new", "firing")],
    ]
    said = [entry.body["comment"] for entry in systems[0].history(first.fingerprint) if entry.body["by"] == "bot"]
    assert sorted(said) == sorted(f"{number}-{at}" for number in range(8) for at in range(10))


def test_a_turn_of_a_process_that_has_died_ends_by_its_time():
    storage, clock = MemoryStorage(), FakeClock()
    with Turns(storage, clock).taken():
        waits = Turns(storage, clock, pause=lambda _seconds: clock.advance(1))
        began = clock.now_us()
        waits.wait()
        assert clock.now_us() - began == 10_000_000


def test_nobody_waits_for_a_turn_longer_than_it_can_last_whatever_the_clock_says():
    storage, clock = MemoryStorage(), FakeClock()
    paused = []
    with Turns(storage, clock).taken():
        Turns(storage, clock, pause=paused.append).wait()

    assert 10 <= sum(paused) < 10.1


def test_a_turn_of_a_clock_that_was_set_back_since_is_over():
    storage, clock = MemoryStorage(), FakeClock()
    storage.commit([Put(TURNS, "alerts", {"until_us": clock.now_us() + HOUR})])

    Turns(storage, clock, pause=pytest.fail).wait()


def test_two_who_want_a_turn_have_it_one_after_another():
    storage, clock = MemoryStorage(), FakeClock()
    inside = []

    def go(name):
        with Turns(storage, clock).taken():
            inside.append(name)
            inside.append(name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(go, range(12)))

    assert all(one == other for one, other in zip(inside[::2], inside[1::2], strict=True))
    assert len(inside) == 24


def test_who_loses_a_turn_to_somebody_with_another_clock_goes_on_without_it():
    storage, clock = MemoryStorage(), FakeClock()
    theirs = {"until_us": clock.now_us() + 5_000_000}

    with Turns(storage, clock).taken() as prolong:
        storage.commit([Put(TURNS, "alerts", theirs)])
        prolong()
        prolong()

    assert storage.get(TURNS, "alerts").value == theirs, "it is theirs now, and not ended"


def test_a_turn_that_nobody_can_take_is_done_without():
    class Refusing(MemoryStorage):
        def commit(self, operations, *arguments, **settings):
            raise Conflict("somebody was faster")

    paused = []
    with Turns(Refusing(), FakeClock(), pause=paused.append).taken() as prolong:
        prolong()

    assert len(paused) == 200


def test_a_store_that_breaks_in_a_turn_says_why_itself():
    class Breaking(MemoryStorage):
        is_broken = False

        def commit(self, operations, *arguments, **settings):
            if self.is_broken:
                raise StoreBusy("locked")
            return super().commit(operations, *arguments, **settings)

    storage = Breaking()

    def work():
        with Turns(storage, FakeClock()).taken():
            storage.is_broken = True
            raise StoreBusy("the first")

    with pytest.raises(StoreBusy, match="the first"):
        work()
