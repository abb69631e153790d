"""Who is not told, and why: matchers, silences and inhibitions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.alerting import (
    Alerting,
    Escalation,
    Inhibition,
    Matcher,
    Rule,
    SilenceState,
    Step,
    parsed,
)
from watchkeeper.domain.alert import Alert, AlertState, Severity
from watchkeeper.domain.errors import ConfigError, NotFound, UsageError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

SECOND = 1_000_000
HOUR = 3_600 * SECOND


def alert(rule="r", model="momentum", severity=Severity.WARNING, state=AlertState.FIRING, **labels):
    return Alert(f"{rule}-{model}", rule, model, severity, state, "", 0, 0, version="1.4.0", labels=labels)


def matchers(*texts):
    return tuple(Matcher.parse(text) for text in texts)


class Desk:
    def __init__(self, rules=None, **settings):
        self.clock = FakeClock()
        self.storage = MemoryStorage()
        self.rules = rules or [self.rule("accuracy-fell", "accuracy < 0.8")]
        self.alerting = Alerting(self.storage, self.clock, self.rules, **settings)

    @staticmethod
    def rule(name, text, **settings):
        return Rule(name=name, condition=parsed(text), receivers=("ops",), **settings)

    def check(self, model="momentum", **numbers):
        self.clock.advance(60)
        measurements = [
            Measurement(name, Value.of(value), model, None, Window(0, 1)) for name, value in numbers.items()
        ]
        return self.alerting.evaluate(model, measurements)

    def silence(self, *texts, seconds=3_600, **settings):
        ends_us = self.clock.now_us() + seconds * SECOND
        return self.alerting.silences.add(matchers(*texts), ends_us, by="ada", comment="planned work", **settings)

    def told(self):
        letters = sorted(self.alerting.outbox.waiting(), key=lambda letter: letter.first_us)
        return [(one.notification.alert.rule, one.notification.alert.state.value) for one in letters]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("model=momentum", True),
        ("model = mom*", True),
        ("model!=mom*", False),
        ("rule=?", True),
        ("rule=??", False),
        ("severity=warning", True),
        ("severity=critical", False),
        ("version=1.4.*", True),
        ("feature=vol10", True),
        ("feature=vol[0-9]0", True),
        ("segment=", None),
        ("segment!=NYSE", True),
        ("segment=*", True),
        ("Model=momentum", False),
        ("model=MOMENTUM", False),
    ],
)
def test_a_matcher_fits_by_label(text, fits):
    if fits is None:
        with pytest.raises(UsageError):
            Matcher.parse(text)
    else:
        assert Matcher.parse(text).fits(alert(feature="vol10")) is fits


@pytest.mark.parametrize("text", ["", "model", "=x", "model==x", "1model=x", "model~x"])
def test_a_text_that_is_no_matcher_is_refused(text):
    if text == "model==x":
        assert Matcher.parse(text).pattern == "=x"
        return
    with pytest.raises(
        UsageError, match=re.escape(f"{text!r} is no matcher: expected label=pattern, such as model=momentum")
    ):
        Matcher.parse(text)


@pytest.mark.parametrize("pattern", ["x" * 201, "*" * 9])
def test_a_pattern_that_could_take_long_is_refused(pattern):
    with pytest.raises(UsageError, match="a pattern has at most 200 characters and 8 stars"):
        Matcher("model", pattern)


@given(st.text(alphabet="ab", min_size=0, max_size=150))
def test_many_stars_over_a_long_name_take_no_time(name):
    assert Matcher("model", "a*a*a*a*a*a*a*b").fits(alert(model=name)) in {True, False}


@given(st.sampled_from(["rule", "model", "feature"]), st.text(min_size=1, max_size=50), st.booleans())
def test_a_matcher_reads_what_it_writes(label, pattern, is_negated):
    try:
        matcher = Matcher(label, pattern.strip(), is_negated)
        again = Matcher.parse(str(matcher))
    except UsageError:
        return
    if not matcher.pattern.startswith("="):
        assert again == matcher


def test_in_a_silence_nobody_is_told_and_the_alert_is_there():
    desk = Desk()
    desk.silence("model=momentum")

    (found,) = desk.check(accuracy=0.6)

    assert found.state is AlertState.FIRING
    assert found.muted == "silenced by ada until 2008-09-15T01:00:00Z: planned work"
    assert desk.told() == []
    assert desk.alerting.alerts()[0].muted == found.muted


def test_a_silence_is_about_what_fits_all_of_its_matchers():
    desk = Desk()
    desk.silence("model=momentum", "severity=critical")

    desk.check(accuracy=0.6)

    assert desk.told() == [("accuracy-fell", "firing")]


def test_what_still_fires_when_the_silence_ends_is_told_then():
    desk = Desk()
    desk.silence("model=momentum", seconds=180)
    desk.check(accuracy=0.6)
    desk.check(accuracy=0.6)
    assert desk.told() == []

    desk.check(accuracy=0.6)

    assert desk.told() == [("accuracy-fell", "firing")]
    assert desk.alerting.alerts()[0].muted == ""


def test_what_is_over_before_the_silence_ends_is_never_told():
    desk = Desk()
    desk.silence("model=momentum")

    desk.check(accuracy=0.6)
    desk.check(accuracy=0.9)

    assert desk.told() == []


def test_who_was_told_before_the_silence_hears_of_the_end_in_it():
    desk = Desk()
    desk.check(accuracy=0.6)
    desk.silence("model=momentum")

    desk.check(accuracy=0.9)

    assert desk.told() == [("accuracy-fell", "firing"), ("accuracy-fell", "resolved")]


def test_in_a_silence_nothing_is_repeated_or_escalated():
    policy = Escalation("office", (Step(120 * SECOND, ("boss",)),))
    desk = Desk([Desk.rule("accuracy-fell", "accuracy < 0.8", repeat_us=1, escalation=policy)])
    desk.check(accuracy=0.6)
    desk.silence("model=momentum", seconds=300)
    for _ in range(4):
        desk.check(accuracy=0.6)
        desk.alerting.escalate()
    assert len(desk.told()) == 1

    desk.clock.advance(120)
    assert len(desk.alerting.escalate()) == 1


def test_a_silence_that_is_to_come_holds_nothing_back_yet():
    desk = Desk()
    silence = desk.silence("model=momentum", starts_us=desk.clock.now_us() + 600 * SECOND)

    desk.check(accuracy=0.6)

    assert silence.state(desk.clock.now_us()) is SilenceState.PENDING
    assert len(desk.told()) == 1


def test_ending_a_silence_early_ends_it():
    desk = Desk()
    silence = desk.silence("model=momentum")
    desk.check(accuracy=0.6)

    over = desk.alerting.silences.end(silence.id, by="grace")

    assert over.state(desk.clock.now_us()) is SilenceState.EXPIRED
    desk.check(accuracy=0.6)
    assert len(desk.told()) == 1


def test_who_silenced_what_and_why_is_in_the_log():
    desk = Desk()
    silence = desk.silence("model=momentum")
    desk.alerting.silences.end(silence.id, by="grace")

    told = [(entry.body["event"], entry.body["by"], entry.body["comment"]) for entry in desk.storage.read_log("alerts")]
    assert told == [("silenced", "ada", "planned work"), ("silence ended", "grace", "planned work")]


def test_silences_are_listed_by_where_they_stand():
    desk = Desk()
    first = desk.silence("model=a", seconds=60)
    second = desk.silence("model=b", seconds=7_200)
    later = desk.silence("model=c", seconds=9_000, starts_us=desk.clock.now_us() + HOUR)
    desk.clock.advance(120)
    silences = desk.alerting.silences

    assert [one.id for one in silences.listed()] == [later.id, second.id]
    assert [one.id for one in silences.listed(SilenceState.ACTIVE)] == [second.id]
    assert [one.id for one in silences.listed(SilenceState.PENDING)] == [later.id]
    assert [one.id for one in silences.listed(SilenceState.EXPIRED)] == [first.id]


def test_many_silences_are_read_page_by_page():
    desk = Desk()
    for at in range(250):
        desk.silence(f"model=m{at}", seconds=600 + at)

    assert len(desk.alerting.silences.listed()) == 250
    desk.check(model="m0", accuracy=0.6)
    assert desk.told() == []


def test_the_same_silence_twice_is_one():
    desk = Desk()

    assert desk.silence("model=a") == desk.silence("model=a")
    assert len(desk.alerting.silences.listed()) == 1


@pytest.mark.parametrize(
    ("texts", "settings", "message"),
    [
        ((), {}, "a silence needs at least one matcher, such as model=momentum: without any it means everything"),
        (("a=b",), {"by": " "}, "a silence needs who wants it and why: give a name and a comment"),
        (("a=b",), {"comment": ""}, "a silence needs who wants it and why"),
        (("a=b",), {"ends": -1}, "a silence ends after its start and after now, found from 2008-09-15T00:00:00Z to"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(texts, settings, message):
    desk = Desk()
    ends_us = desk.clock.now_us() + settings.pop("ends", 60) * SECOND

    with pytest.raises(UsageError, match=message):
        desk.alerting.silences.add(matchers(*texts), ends_us, **{"by": "ada", "comment": "why", **settings})


def test_a_silence_that_is_over_cannot_be_ended():
    desk = Desk()
    silence = desk.silence("model=a", seconds=60)
    desk.clock.advance(60)

    with pytest.raises(UsageError, match=f"silence {silence.id} ended at 2008-09-15T00:01:00Z; nothing to end"):
        desk.alerting.silences.end(silence.id, by="ada")


def test_an_unknown_silence_is_not_found_and_the_nearest_is_named():
    desk = Desk()
    silence = desk.silence("model=a")

    with pytest.raises(NotFound, match=f"there is no silence '0{silence.id[1:]}'; did you mean '{silence.id}'"):
        desk.alerting.silences.get("0" + silence.id[1:])


EXPLAINS = Inhibition(matchers("rule=no-data"), matchers("rule!=no-data"))


def both(**settings):
    rules = [Desk.rule("accuracy-fell", "accuracy < 0.8"), Desk.rule("no-data", "missing > 0.5")]
    return Desk(rules, inhibitions=[EXPLAINS], **settings)


def test_an_alert_that_another_explains_is_not_told():
    desk = both()

    desk.check(accuracy=0.6, missing=0.9)

    assert desk.told() == [("no-data", "firing")]
    muted = {found.rule: found.muted for found in desk.alerting.alerts()}
    assert muted["no-data"] == ""
    assert muted["accuracy-fell"].startswith("explained by no-data (")


def test_when_the_explanation_is_over_what_still_fires_is_told():
    desk = both()
    desk.check(accuracy=0.6, missing=0.9)

    desk.check(accuracy=0.6, missing=0.0)

    assert ("accuracy-fell", "firing") in desk.told()


def test_an_alert_of_another_model_explains_nothing():
    desk = both()
    desk.check(model="carry", missing=0.9)

    desk.check(accuracy=0.6)

    assert ("accuracy-fell", "firing") in desk.told()


def test_what_explains_may_be_an_alert_of_another_model_when_that_need_not_be_equal():
    rules = [Desk.rule("accuracy-fell", "accuracy < 0.8"), Desk.rule("feed-down", "missing > 0.5")]
    inhibition = Inhibition(matchers("rule=feed-down"), matchers("rule=accuracy-fell"), ("severity",))
    desk = Desk(rules, inhibitions=[inhibition])
    desk.check(model="feed", missing=0.9)

    desk.check(accuracy=0.6)

    assert desk.told() == [("feed-down", "firing")]


@pytest.mark.parametrize(
    ("source", "target", "equal", "inhibits"),
    [
        ({"team": "quant"}, {"team": "quant"}, ("team",), True),
        ({"team": "quant"}, {"team": "risk"}, ("team",), False),
        ({"team": "quant"}, {}, ("team",), False),
        ({}, {"team": "quant"}, ("team",), False),
        ({}, {}, ("team",), False),
        ({}, {}, ("modle",), False),
        ({}, {}, ("version",), True),
        ({}, {}, ("model", "team"), False),
        ({"team": "quant"}, {"team": "quant"}, ("model", "team"), True),
    ],
)
def test_a_label_is_equal_only_where_both_alerts_have_it(source, target, equal, inhibits):
    inhibition = Inhibition(matchers("rule=no-data"), matchers("rule!=no-data"), equal)
    explains, explained = alert("no-data", **source), alert("x", **target)

    assert inhibition.inhibits(explains, explained) is inhibits


@pytest.mark.parametrize(
    ("source", "target", "inhibits"),
    [
        (alert("no-data"), alert("x"), True),
        (alert("no-data"), alert("no-data"), False),
        (alert("x"), alert("y"), False),
        (alert("no-data", state=AlertState.ACKNOWLEDGED), alert("x"), True),
        (alert("no-data", state=AlertState.PENDING), alert("x"), False),
        (alert("no-data", state=AlertState.RESOLVED), alert("x"), False),
        (alert("no-data", model="a"), alert("x", model="b"), False),
    ],
)
def test_what_explains_what(source, target, inhibits):
    assert EXPLAINS.inhibits(source, target) is inhibits


def test_two_alerts_that_fit_both_sides_do_not_silence_each_other():
    mutual = Inhibition(matchers("severity=*"), matchers("severity=*"))

    assert not mutual.inhibits(alert("a"), alert("b"))
    assert not mutual.inhibits(alert("b"), alert("a"))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (((), matchers("a=b")), "an inhibition needs matchers for its source and for its target"),
        ((matchers("a=b"), ()), "an inhibition needs matchers for its source and for its target"),
        ((matchers("a=b"), matchers("a=b"), ()), "an inhibition needs labels that are equal in both alerts"),
    ],
)
def test_an_inhibition_without_a_side_is_refused(parts, message):
    with pytest.raises(ConfigError, match=message):
        Inhibition(*parts)


ROUND = [
    Inhibition(matchers("rule=a"), matchers("rule=b")),
    Inhibition(matchers("rule=b"), matchers("rule=c")),
    Inhibition(matchers("rule=c"), matchers("rule=a")),
]


@pytest.mark.parametrize("order", ["abc", "cba", "bac"])
def test_of_alerts_that_explain_each_other_in_a_circle_one_is_told(order):
    desk = Desk([Desk.rule(name, f"{name} > 0") for name in order], inhibitions=ROUND)

    for _ in range(3):
        desk.check(a=1.0, b=1.0, c=1.0)

    assert len(desk.told()) == 1
    assert [found.muted for found in desk.alerting.alerts()].count("") == 1


def test_of_alerts_that_explain_each_other_the_most_severe_is_told():
    rules = [Desk.rule("a", "a > 0"), Desk.rule("b", "b > 0", severity="critical")]
    crossed = [ROUND[0], Inhibition(matchers("rule=b"), matchers("rule=a"))]
    desk = Desk(rules, inhibitions=crossed)

    desk.check(a=1.0, b=1.0)

    assert desk.told() == [("b", "firing")]


def test_what_is_explained_explains_others():
    desk = Desk([Desk.rule(name, f"{name} > 0") for name in "abc"], inhibitions=ROUND[:2])

    desk.check(a=1.0, b=1.0, c=1.0)

    assert desk.told() == [("a", "firing")]
