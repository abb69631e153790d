"""Any order of checks, acts, silences, crashes, limits and deliveries: what is owed arrives, one key an occasion."""

import contextlib
import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from watchkeeper.alerting import Alerting, Limit, Matcher, Rule, parsed
from watchkeeper.alerting.record import DUES
from watchkeeper.domain.alert import AlertState, Delivery
from watchkeeper.domain.errors import DeliveryDelayed
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

SECOND = 1_000_000
RULE = Rule(
    name="r",
    condition=parsed("accuracy < 0.8"),
    recover=parsed("accuracy > 0.85"),
    for_checks=2,
    keep_firing_us=30 * SECOND,
    cooldown_us=100 * SECOND,
    repeat_us=200 * SECOND,
    receivers=("ops", "mail"),
)


class Killed(BaseException):
    """The process ends here."""


class Ledger:
    """A receiver that sometimes accepts, sometimes refuses for now, and sometimes accepts and the sender dies."""

    def __init__(self, rng):
        self.rng = rng
        self.accepted = []
        self.is_well = False

    def send(self, notification):
        chance = 1.0 if self.is_well else self.rng.random()
        if chance < 0.3:
            raise DeliveryDelayed("503")
        self.accepted.append((notification.key, notification.alert.state))
        if chance < 0.5:
            raise Killed
        return Delivery("ledger")

    def close(self):
        pass


class AlertMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.clock = FakeClock()
        self.storage = MemoryStorage()
        self.rng = random.Random(0)  # noqa: S311 - chance, not secrecy
        self.ledgers = {"ops": Ledger(self.rng), "mail": Ledger(self.rng)}
        self.owed = 0
        self.seen = []

    def opened(self):
        return Alerting(self.storage, self.clock, [RULE], observer=self.seen.append)

    @rule(number=st.sampled_from([None, 0.6, 0.82, 0.9]), seconds=st.integers(0, 60))
    def check(self, number, seconds):
        self.clock.advance(seconds)
        value = Value.undefined("none") if number is None else Value.of(number)
        self.opened().evaluate("m", [Measurement("accuracy", value, "m", None, Window(0, 1))])

    @rule(act=st.sampled_from(["acknowledge", "give_back", "resolve"]))
    def act(self, act):
        alerting = self.opened()
        allowed = {
            "acknowledge": {AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RECOVERING},
            "give_back": {AlertState.ACKNOWLEDGED},
            "resolve": set(AlertState) - {AlertState.RESOLVED},
        }
        for alert in alerting.alerts():
            if alert.state in allowed[act]:
                getattr(alerting, act)(alert.fingerprint, "ada")

    @rule()
    def comment(self):
        alerting = self.opened()
        for alert in alerting.alerts():
            found = alerting.comment(alert.fingerprint, "bob", "I saw it")
            assert (found.state, found.by) == (alert.state, alert.by)

    @rule(seconds=st.integers(1, 120))
    def silence(self, seconds):
        ends_us = self.clock.now_us() + seconds * SECOND
        self.opened().silences.add([Matcher.parse("rule=r")], ends_us, by="ada", comment="work")

    @rule(seconds=st.integers(0, 90))
    def tend(self, seconds):
        self.clock.advance(seconds)
        self.opened().tend()
        now_us = self.clock.now_us()
        assert all(document.value["next_us"] > now_us for document in self.storage.find(DUES)), "nothing due is left"

    @rule(seconds=st.integers(0, 90))
    def deliver(self, seconds):
        self.clock.advance(seconds)
        with contextlib.suppress(Killed):
            self.delivered()

    def delivered(self):
        self.opened().courier(self.ledgers, attempt, rng=self.rng, limits={"mail": Limit(2, burst=1)}).deliver()

    @invariant()
    def at_most_one_alert_is_open(self):
        assert len(self.opened().alerts()) <= 1

    @invariant()
    def the_log_says_how_it_stands(self):
        states = [entry.body["state"] for entry in self.storage.read_log("alerts") if "state" in entry.body]
        (stands,) = [alert.state for alert in self.opened().alerts()] or ["resolved"]
        assert (states or ["resolved"])[-1] == stands

    @invariant()
    def the_log_tells_every_change(self):
        events = [entry.body for entry in self.storage.read_log("alerts") if "rule" in entry.body]
        changes = [event for event in events if event["event"] != "inactive"]
        told = [alert for alert in self.seen if alert.state is not AlertState.RESOLVED]
        assert len([event for event in changes if event["event"] != "resolved"]) >= len(told)

    def teardown(self):
        """When receivers are well again, everything that the log says was told has arrived, and nothing else."""
        for ledger in self.ledgers.values():
            ledger.is_well = True
        for _ in range(100):
            self.clock.advance(120)
            self.delivered()
        assert self.opened().outbox.waiting() == ()
        assert self.opened().outbox.dead_letters() == ()
        for ledger in self.ledgers.values():
            notices = [state for key, state in ledger.accepted if key.startswith("notification-limit")]
            assert len(set(notices)) in {0, 2}, "who hears of a limit hears of its end"
            ledger.accepted = [one for one in ledger.accepted if not one[0].startswith("notification-limit")]
            first_times = list(dict.fromkeys(int(key.split("-")[2]) for key, _ in ledger.accepted))
            assert first_times == sorted(first_times), "no news overtakes an earlier one"
        told = [entry.body for entry in self.storage.read_log("alerts") if entry.body.get("told")]
        for name, ledger in self.ledgers.items():
            assert len({key for key, _ in ledger.accepted}) == sum(name in body["told"] for body in told)
        firings = sum(body["event"] == "firing" for body in told)
        ends = sum(body["event"] == "resolved" for body in told)
        flaps = sum(body["event"] == "flapping" for body in told)
        assert 0 <= firings - ends <= 1 + 2 * flaps, "each firing that was told is told to be over, once"


AlertMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAlertMachine = AlertMachine.TestCase
