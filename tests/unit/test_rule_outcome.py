"""What rules find in measurements: which labels they mean, what no data means, and what they say."""

import math

import pytest

from watchkeeper.alerting.measured import Measured
from watchkeeper.alerting.outcome import fingerprint_of, outcomes, vanished
from watchkeeper.alerting.parser import parsed
from watchkeeper.alerting.rules import Rule
from watchkeeper.domain.alert import NoData
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window

WINDOW = Window(0, 3_600_000_000)


def measurement(name, number=None, version="1.0.0", *, end_us=WINDOW.end_us, samples=0, details=None, **labels):
    value = Value.undefined("no outcomes yet") if number is None else Value.of(number, samples=samples)
    return Measurement(name, value, "momentum", version, Window(0, end_us), labels, details or {})


def found(text, *measurements, firing_rows=None, **settings):
    rule = Rule(name="the-rule", condition=parsed(text), **settings)
    return outcomes(rule, "momentum", Measured(measurements), firing_rows)


def only(text, *measurements, **settings):
    (outcome,) = found(text, *measurements, **settings)
    return outcome


def ks(number, feature, **settings):
    return measurement("ks", number, feature=feature, **settings)


def test_a_name_means_the_measurement_without_labels_when_there_is_one():
    outcome = only("accuracy < 0.8", measurement("accuracy", 0.9), measurement("accuracy", 0.1, segment="NYSE"))

    assert not outcome.is_true


def test_a_name_whose_measurements_all_have_labels_means_each_of_them():
    outcome = only("ks > 0.2", ks(0.1, "ret1"), ks(0.3, "vol10"))

    assert outcome.is_true
    assert outcome.rows == ("feature=vol10",)


def test_a_label_selects():
    measurements = ks(0.1, "ret1"), ks(0.3, "vol10")

    assert only('ks["vol10"] > 0.2', *measurements).is_true
    assert only("ks{feature=vol10} > 0.2", *measurements).is_true
    assert not only("ks{feature=ret1} > 0.2", *measurements).is_true
    assert only("ks{segment=vol10} > 0.2", *measurements).is_held


def test_two_names_must_hold_for_one_and_the_same_feature():
    psi = measurement("psi", 0.5, feature="ret1"), measurement("psi", 0.0, feature="vol10")

    assert not only("ks > 0.2 and psi > 0.2", ks(0.1, "ret1"), ks(0.3, "vol10"), *psi).is_true
    assert only("ks > 0.2 and psi > 0.2", ks(0.3, "ret1"), ks(0.1, "vol10"), *psi).rows == ("feature=ret1",)


def test_what_is_selected_by_label_is_compared_across_features():
    assert only('ks["a"] > 0.2 and ks["b"] < 0.2', ks(0.3, "a"), ks(0.1, "b")).is_true


def test_a_measurement_with_fewer_labels_serves_every_row():
    measurements = ks(0.3, "ret1"), ks(0.1, "vol10"), measurement("samples", 600)

    assert only("ks > 0.2 and samples >= 500", *measurements).rows == ("feature=ret1",)
    assert not only("ks > 0.2 and samples >= 1000", *measurements).is_true


def test_the_measurement_with_most_of_the_labels_serves_a_row():
    outcome = only(
        "ks > 0.2 and psi > 0.2",
        measurement("ks", 0.3, feature="a", segment="x"),
        measurement("psi", 0.0),
        measurement("psi", 0.5, feature="a"),
        measurement("psi", 0.0, feature="b"),
    )

    assert not outcome.is_true, "psi without labels is there, and is what psi means"
    without_total = only(
        "ks > 0.2 and psi > 0.2",
        measurement("ks", 0.3, feature="a", segment="x"),
        measurement("psi", 0.5, feature="a"),
        measurement("psi", 0.0, feature="b"),
    )
    assert without_total.rows == ("feature=a, segment=x",)


def test_the_latest_window_counts():
    outcome = only("accuracy < 0.8", measurement("accuracy", 0.9, end_us=20), measurement("accuracy", 0.1, end_us=10))

    assert not outcome.is_true


def test_several_versions_are_told_apart_like_labels():
    measurements = measurement("accuracy", 0.9, "1.0.0"), measurement("accuracy", 0.7, "1.1.0")

    assert only("accuracy < 0.8", *measurements).rows == ("version=1.1.0",)
    assert not only('accuracy["1.0.0"] < 0.8', *measurements).is_true
    assert only("accuracy < 0.8", *measurements).version == "1.1.0"


def test_details_samples_and_bounds_can_be_asked_for():
    value = Value.of(0.7, samples=40, interval=(0.6, 0.8))
    measured = Measurement("accuracy", value, "momentum", None, WINDOW, {}, {"p_value": 0.01, "broken": math.nan})

    assert only("accuracy.p_value < 0.05", measured).is_true
    assert only("accuracy.samples == 40", measured).is_true
    assert only("accuracy.high < 0.85 and accuracy.low > 0.55", measured).is_true
    assert only("accuracy.broken < 1", measured).is_held
    assert only("accuracy.effect < 1", measured).sentence == "no data: accuracy has no effect"
    assert only("recall.low < 1", measurement("recall", 0.5)).is_held


def test_each_label_named_is_a_matter_of_its_own():
    first, second = found("ks > 0.2", ks(0.1, "ret1"), ks(0.3, "vol10"), each=("feature",))

    assert (first.identity, first.is_true) == ({"feature": "ret1"}, False)
    assert (second.identity, second.is_true, second.rows) == ({"feature": "vol10"}, True, ("",))
    assert first.fingerprint != second.fingerprint


def test_each_segment_is_looked_at_even_beside_the_whole():
    results = found(
        "accuracy < 0.8 and samples > 10",
        measurement("accuracy", 0.9),
        measurement("accuracy", 0.7, segment="NYSE"),
        measurement("accuracy", 0.85, segment="LSE"),
        measurement("samples", 100),
        each=("segment",),
    )

    assert {(result.identity["segment"], result.is_true) for result in results} == {("NYSE", True), ("LSE", False)}


@pytest.mark.parametrize(
    ("policy", "is_true", "is_held"),
    [(NoData.KEEP, False, True), (NoData.OK, False, False), (NoData.ALERT, True, False)],
)
@pytest.mark.parametrize("measurements", [(), (measurement("accuracy"),)], ids=["missing", "undefined"])
def test_no_data_is_what_the_rule_makes_of_it(policy, is_true, is_held, measurements):
    outcome = only("accuracy < 0.8", *measurements, no_data=policy)

    assert (outcome.is_true, outcome.is_held) == (is_true, is_held)


def test_a_dead_feature_that_never_fired_does_not_hold_the_others():
    outcome = only("ks > 0.2", ks(None, "dead"), ks(0.1, "vol10"))

    assert not outcome.is_held
    assert outcome.is_recovered


def test_a_feature_that_fired_and_has_no_data_now_is_held():
    before = {fingerprint_of("the-rule", "momentum", {}): frozenset({"feature=vol10"})}

    outcome = only("ks > 0.2", ks(None, "vol10"), ks(0.1, "ret1"), firing_rows=before)

    assert outcome.is_held
    assert outcome.sentence == "no data: ks{feature=vol10} is undefined: no outcomes yet"


def test_another_feature_that_fires_wins_over_what_is_held():
    before = {fingerprint_of("the-rule", "momentum", {}): frozenset({"feature=vol10"})}

    assert only("ks > 0.2", ks(None, "vol10"), ks(0.3, "ret1"), firing_rows=before).rows == ("feature=ret1",)


def test_recovery_has_a_threshold_of_its_own():
    settings = {"recover": parsed("accuracy > 0.85")}

    assert not only("accuracy < 0.8", measurement("accuracy", 0.82), **settings).is_recovered
    assert only("accuracy < 0.8", measurement("accuracy", 0.9), **settings).is_recovered
    assert not only("accuracy < 0.8", measurement("accuracy", 0.7), **settings).is_recovered


def test_all_features_must_recover():
    settings = {"recover": parsed("ks < 0.1")}

    assert not only("ks > 0.2", ks(0.15, "a"), ks(0.05, "b"), **settings).is_recovered
    assert only("ks > 0.2", ks(0.05, "a"), ks(0.05, "b"), **settings).is_recovered


def test_each_feature_recovers_on_its_own():
    results = found("ks > 0.2", ks(0.15, "a"), ks(0.05, "b"), each=("feature",), recover=parsed("ks < 0.1"))

    assert {(result.identity["feature"], result.is_recovered) for result in results} == {("a", False), ("b", True)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("accuracy < 0.8 and samples >= 500", "accuracy 0.61 < 0.8, samples 512 >= 500"),
        ("accuracy < 0.5", "accuracy 0.61, rule accuracy < 0.5"),
        ("accuracy < 0.8 or samples < 10", "accuracy 0.61 < 0.8"),
        ("accuracy - 0.1 < samples", "accuracy 0.61, samples 512, rule accuracy - 0.1 < samples"),
        ("ks > 0.2", "ks{feature=b} 0.8 > 0.2; the same for 1 more"),
        ("ks.p_value < 0.01", "ks{feature=a}.p_value 0.0001 < 0.01"),
        ("recall < 0.5", "no data: recall is undefined: no outcomes yet"),
        ("f1 < 0.5 or precision < 1", "no data: f1 is not measured, precision is not measured"),
    ],
)
def test_the_sentence_says_what_was_found_against_which_threshold(text, sentence):
    measurements = (
        measurement("accuracy", 0.61),
        measurement("samples", 512),
        ks(0.4, "a", details={"p_value": 0.0001}),
        ks(0.8, "b", details={"p_value": 0.5}),
        measurement("recall"),
    )

    assert only(text, *measurements).sentence == sentence


def test_the_measurements_come_worst_first_with_the_threshold_they_are_held_against():
    outcome = only("ks > 0.2", ks(0.3, "a"), ks(0.9, "b", details={"p_value": 0.01}), ks(0.1, "c"))

    assert [(one.title, dict(one.details)) for one in outcome.measurements] == [
        ("ks{feature=b}", {"p_value": 0.01, "threshold": 0.2}),
        ("ks{feature=a}", {"threshold": 0.2}),
    ]


def test_no_more_than_ten_measurements_are_carried_along():
    outcome = only("ks > 0.2", *(ks(0.3, f"f{at}") for at in range(50)))

    assert len(outcome.rows) == 50
    assert len(outcome.measurements) == 10


def test_a_matter_that_is_not_measured_any_more_is_held_or_over():
    rule = Rule(name="r", condition=parsed("ks > 0.2"), each=("feature",))
    patient = Rule(name="r", condition=parsed("ks > 0.2"), each=("feature",), no_data=NoData.OK)

    assert vanished(rule, "momentum", {"feature": "a"}).is_held
    assert vanished(patient, "momentum", {"feature": "a"}).is_recovered


def test_fingerprints_differ_where_names_do_and_stay_as_they_are():
    assert fingerprint_of("r", "m", {"a": "1", "b": "2"}) == fingerprint_of("r", "m", {"b": "2", "a": "1"})
    assert len({fingerprint_of("ab", "c", {}), fingerprint_of("a", "bc", {}), fingerprint_of("a", "b", {"c": ""})}) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"for_checks": 0}, "rule 'the-rule': for_checks: expected at least 1, found 0"),
        ({"for_us": -1}, "rule 'the-rule': for_us: expected at least 0, found -1"),
        ({"cooldown_us": -1}, "cooldown_us: expected at least 0"),
        ({"keep_firing_us": -1}, "keep_firing_us: expected at least 0"),
        ({"repeat_us": -1}, "repeat_us: expected at least 0"),
    ],
)
def test_a_rule_with_a_number_out_of_range_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Rule(name="the-rule", condition=parsed("accuracy < 0.8"), **settings)


def test_a_rule_is_about_every_model_or_those_it_names():
    assert Rule(name="r", condition=parsed("a < 1")).watches("momentum")
    assert not Rule(name="r", condition=parsed("a < 1"), models=["carry"]).watches("momentum")


def test_what_was_measured_can_be_listed():
    assert Measured([measurement("b", 1), measurement("a", 1)]).names() == ("a", "b")
