"""Every mistake in what a file says about alerts is told, in one go, with its place and the nearest known name."""

from __future__ import annotations

import pytest

from watchkeeper.app.mistakes import checked_whole, loaded_whole
from watchkeeper.domain.errors import ConfigError
from watchkeeper.plugins import Plugins

HEAD = """\
[project]
name = "desk"
[models.momentum]
task = "classification"
columns = { time = "ts", prediction = "p", outcome = "y", segments = ["venue"] }
window = "1h"
metrics = ["accuracy"]
drift = ["ks"]
[rules.feed-down]
when = "samples < 1"
labels = { team = "quant" }
each = ["feature"]
[notifiers.ops]
kind = "console"
"""


@pytest.fixture
def problems(tmp_path):
    def told(text, head=HEAD, look=loaded_whole):
        file = tmp_path / "watchkeeper.toml"
        file.write_text(head + text, encoding="utf-8")
        try:
            look(str(file), Plugins(), {})
        except ConfigError as error:
            return [
                problem.replace(f"{tmp_path}/watchkeeper.toml:", "").replace(f"{tmp_path}/", "")
                for problem in error.problems
            ]
        return []

    return told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[inhibitions.a]\nsource = ["rul=feed-down"]\ntarget = ["model=*"]',
            ("16: inhibitions.a.source: 'rul=feed-down': no alert can have a label 'rul'; did you mean 'rule'?"),
        ),
        (
            '[inhibitions.a]\nsource = ["rule=feed-dwn"]\ntarget = ["model=*"]',
            (
                "16: inhibitions.a.source: 'rule=feed-dwn' means no alert: no rule is called 'feed-dwn'; "
                "did you mean 'feed-down'?"
            ),
        ),
        (
            '[inhibitions.a]\nsource = ["model=*"]\ntarget = ["model=momentun"]',
            (
                "17: inhibitions.a.target: 'model=momentun' means no alert: no model is called 'momentun'; "
                "did you mean 'momentum'?"
            ),
        ),
        (
            '[inhibitions.a]\nsource = ["model=*"]\ntarget = ["team=quant"]\nequal = ["modl"]',
            "18: inhibitions.a.equal: no alert can have a label 'modl'; did you mean 'model'?",
        ),
        (
            '[grouping]\nby = ["model", "venue"]',
            (
                "16: grouping.by: no alert can have a label 'venue'; expected one of feature, model, rule, "
                "severity, team, version, or a label that a rule has in `labels` or `each`"
            ),
        ),
        (
            '[maintenance.m]\nbegins = "0 2 * * *"\nlasts = "1h"\nmatchers = ["severity!=critcal", "tam=quant"]',
            (
                "18: maintenance.m.matchers: 'severity!=critcal' means every alert: no severity is called "
                "'critcal'; did you mean 'critical'?"
            ),
        ),
        (
            '[maintenance.m]\nbegins = "0 2 * * *"\nlasts = "1h"\nmatchers = ["severity!=critcal", "tam=quant"]',
            ("18: maintenance.m.matchers: 'tam=quant': no alert can have a label 'tam'; did you mean 'team'?"),
        ),
        (
            '[maintenance.m]\nbegins = "0 2 * * *"\nlasts = "1h"\nmatchers = ["team=qant"]',
            ("18: maintenance.m.matchers: 'team=qant' means no alert: no team is called 'qant'; did you mean 'quant'?"),
        ),
        (
            '[rules.r]\nwhen = "ks > 0.2"\neach = ["featur"]',
            "17: rules.r.each: no measurement has the label 'featur'; did you mean 'feature'?",
        ),
        (
            '[rules.r]\nwhen = "accuracy < 0.2"\neach = ["venue"]',
            ("17: rules.r.each: no measurement has the label 'venue': values of that column are in 'segment'"),
        ),
        (
            '[rules.r]\nwhen = "accuracy < 0.2"\neach = ["model"]',
            ("17: rules.r.each: no measurement has the label 'model': every alert has a model of its own anyway"),
        ),
        (
            '[rules.r]\nwhen = "ks{featre=vol10} > 0.2"',
            "16: rules.r.when: no measurement has the label 'featre'; did you mean 'feature'?",
        ),
    ],
    ids=lambda value: value[:50],
)
def test_what_no_alert_can_be_is_refused_with_the_nearest_name(problems, text, told):
    assert told in problems(text)


@pytest.mark.parametrize(
    "text",
    [
        '[inhibitions.a]\nsource = ["rule=feed-*", "team!=quant"]\ntarget = ["feature=vol*", "version=1.*"]',
        '[inhibitions.a]\nsource = ["rule=data-quality"]\ntarget = ["severity=w*"]\nequal = ["team", "version"]',
        '[grouping]\nby = ["model", "team", "feature"]',
        '[rules.r]\nwhen = "accuracy < 0.2"\neach = ["segment", "version", "desk"]',
    ],
    ids=lambda value: value[:50],
)
def test_what_an_alert_can_be_is_taken(problems, text):
    assert problems(text) == []


NEVER = "so that no alert would ever end; expected a limit on the other side of that of `when`"
AT_ONCE = "it would keep no alert; expected a limit beyond that of `when`, or leave it out"


@pytest.mark.parametrize(
    ("when", "recover", "told"),
    [
        ("accuracy < 0.8", "accuracy < 0.7", NEVER),
        ("accuracy < 0.8 and samples >= 500", "accuracy <= 0.7 and samples >= 500", NEVER),
        ("accuracy < 0.8", "accuracy > 0.7", "at accuracy = 0.75, where the alert fires: " + AT_ONCE),
        ("accuracy < 0.8 and accuracy.samples >= 500", "accuracy > 0.7", AT_ONCE),
        ("ks > 0.2", "ks < 0.3", AT_ONCE),
        ("not accuracy >= 0.8", "accuracy > 0.75", AT_ONCE),
        ("samples < 1", "samples < 0", NEVER),
    ],
    ids=str,
)
def test_a_recovery_on_the_wrong_side_is_refused(problems, when, recover, told):
    (problem,) = problems(f'[rules.r]\nwhen = "{when}"\nrecover = "{recover}"')
    assert problem.startswith("17: rules.r.recover: ")
    assert told in problem


@pytest.mark.parametrize(
    ("when", "recover"),
    [
        ("accuracy < 0.8", "accuracy > 0.85"),
        ("accuracy < 0.8", "accuracy >= 0.8"),
        ("accuracy < 0.8 and samples >= 500", "accuracy > 0.85 and samples >= 500"),
        ("accuracy < 0.8", "samples > 10"),
        ("accuracy < 0.8 or ks > 0.2", "accuracy > 0.85"),
        ("ks > 0.2 and accuracy < 0.8", "ks < 0.3"),
        ("accuracy / samples < 0.8", "accuracy / samples < 0.7"),
        ("anomaly(accuracy)", "accuracy > 0.5"),
        ("samples < 1", "samples > 10"),
    ],
    ids=str,
)
def test_a_recovery_that_can_do_something_is_taken(problems, when, recover):
    assert problems(f'[rules.r]\nwhen = "{when}"\nrecover = "{recover}"') == []


def test_a_misspelt_key_hides_no_other_mistake(problems):
    told = problems(
        """
[rules.fell]
when = "acuracy < 0.8"
severty = "critical"
do = ["notify:ops"]
[inhibitions.a]
source = ["rule=fel"]
target = ["modl=x"]
[maintenance.m]
begins = "at night"
lasts = "1h"
matchers = ["model=*"]
"""
    )
    assert [one.partition(": ")[0] for one in told] == [str(line) for line in (18, 17, 22, 21, 24)]
    assert 'unknown key "severty"' in told[0]
    assert "no measurement is called 'acuracy'; did you mean 'accuracy'?" in told[1]


def test_a_misspelt_section_is_looked_into(problems):
    told = problems(
        '[rule.fell]\nwhen = "acuracy < 0.8"\nseverity = "high"\n[inhibitions.a]\nsource = ["rule=fell"]\n'
        'target = ["model=*"]\n',
        HEAD.replace("[rules.feed-down]", "[rule.feed-down]"),
    )
    assert [one.partition(": ")[0] for one in told] == [str(line) for line in (9, 17, 16)]
    assert 'unknown key "rule" in the file' in told[0]
    assert 'rule.fell.severity is "high"' in told[1]
    assert "acuracy" in told[2]


def test_what_was_left_out_makes_no_mistakes_of_its_own(problems):
    head = HEAD.replace('metrics = ["accuracy"]', 'metrics = ["zzz"]').replace("[notifiers.ops]", "[notifers.ops]")
    told = problems(
        '[rules.fell]\nwhen = "accuracy < 0.8"\ndo = ["notify:ops"]\n[rules.broken]\nfor = "3 checks"\n'
        'labels = { desk = "a" }\n[grouping]\nby = ["desk"]\n[inhibitions.a]\nsource = ["rule=broken"]\n'
        'target = ["desk=b"]\n',
        head,
    )
    assert len(told) == 3, told
    assert 'asks for the metric plugin "zzz"' in told[0]
    assert 'unknown key "notifers"' in told[1]
    assert "rules.broken: there is no condition" in told[2]


def test_a_missing_key_hides_no_other_mistake(problems):
    head = HEAD.replace('name = "desk"\n', "").replace('window = "1h"\n', "")
    told = problems('[rules.fell]\nwhen = "acuracy < 0.8"\n', head)
    assert '[project] has no "name"' in told[0]
    assert '[models.momentum] has no "window"' in told[1]
    assert "did you mean 'accuracy'?" in told[2]
    told = problems('[rules.fell]\nwhen = "acuracy < 0.8"\n', HEAD.partition('"desk"\n')[2])
    assert 'the file has no "project"' in told[0]
    assert "did you mean 'accuracy'?" in told[1]


def reference(folder, columns="ts,p,y,venue,mean_radius", row="2026-01-05,0.5,{at},NYSE,{at}"):
    rows = [row.format(at=at % 2) for at in range(60)]
    (folder / "reference.csv").write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")


WITH_REFERENCE = HEAD.replace('window = "1h"', 'window = "1h"\nreference = "reference.csv"')


def test_a_feature_that_the_reference_lacks_is_told_with_the_nearest(problems, tmp_path):
    reference(tmp_path)
    text = '[rules.r]\nwhen = "ks{feature=mean_radus} > 0.2"\n'
    (told,) = problems(text, WITH_REFERENCE, checked_whole)
    assert told.startswith("17: rules.r.when: no model of this rule has a feature 'mean_radus'; ")
    assert told.endswith("did you mean 'mean_radius'?")
    assert problems(text.replace("radus", "radius"), WITH_REFERENCE, checked_whole) == []


def test_a_reference_that_is_not_there_is_told_with_the_nearest(problems, tmp_path):
    reference(tmp_path)
    (told,) = problems("", WITH_REFERENCE.replace("reference.csv", "referense.csv"), checked_whole)
    assert told.endswith("referense.csv; did you mean 'reference.csv'?")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'prediction = "p"',
            'prediction = "pp", features = ["mean_radus", "venue"]',
            [
                (
                    "5: models.momentum.columns.prediction: reference.csv has no column 'pp'; found ts, p, y, "
                    "venue, mean_radius"
                ),
                (
                    "5: models.momentum.columns.features: reference.csv has no column 'mean_radus'; "
                    "found ts, p, y, venue, mean_radius; did you mean 'mean_radius'?"
                ),
            ],
        ),
        (
            'task = "classification"\ncolumns = { time = "ts", prediction = "p"',
            'task = "regression"\ncolumns = { time = "ts", prediction = "venue"',
            [
                (
                    "5: models.momentum.columns.prediction: reference.csv: column 'venue' holds text, 'NYSE' "
                    "in row 1 of 60; expected numbers: mend or leave out such rows"
                )
            ],
        ),
        (
            'time = "ts"',
            'time = "mean_radius"',
            ["5: models.momentum.columns.time: reference.csv: column 'mean_radius' holds "],
        ),
    ],
    ids=["missing", "text", "time"],
)
def test_columns_that_cannot_be_are_told_by_config_check(problems, tmp_path, old, new, told):
    reference(tmp_path)
    head = WITH_REFERENCE.replace(old, new).replace('metrics = ["accuracy"]', "metrics = []")
    found = problems("", head, checked_whole)
    assert len(found) == len(told), found
    for one, expected in zip(found, told, strict=True):
        assert one.startswith(expected[:100])


def test_what_a_reference_can_do_without_is_a_doubt(tmp_path):
    reference(tmp_path, "ts,p,yy,venue,mean_radius")
    file = tmp_path / "watchkeeper.toml"
    file.write_text(WITH_REFERENCE, encoding="utf-8")
    _, (doubt, promise) = checked_whole(str(file), Plugins(), {})
    assert 'reference.csv has no column "y", which columns.outcome names' in doubt
    assert "the reference has 60 rows, at least 240 are needed to learn what is usual" in promise


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[rules.r]\nwhen = "accuracy < 80%"', "write a share of 80 % as 0.8"),
        ('[rules.r]\nwhen = "accuracy < 0,8"', "a decimal has a point, as in 0.8"),
        ('[rules.r]\nwhen = "accuracy below 0.8"', "to compare write '<', as in accuracy < 0.8"),
        ('[rules.r]\nwhen = "accuracy = 1"', "to compare write '=='"),
        ('[rules.r]\nwhen = "anomaly(accuracy) > 1"', "anomaly(...) is true or false by itself: leave out"),
        (
            '[rules.r]\nwhen = "accuracy < 0.8"\nrecovers = 0.85',
            'recovers belongs to metric; beside when write a condition: recover = "accuracy > 0.85"',
        ),
        ('[rules.r]\nif = "accuracy < 0.8"', 'did you mean "when"?'),
        ('[rules.r]\nwhen = "accuracy < 0.8"\ndo = "notify:ops"', 'expected an array: ["notify:ops"]'),
        (
            '[rules.r]\nmetric = "accuracy"\nanomaly = "forrest"',
            "17: rules.r.anomaly: no method is called 'forrest'; did you mean 'forest'?",
        ),
        ('[escalations.e]\nsteps = [{ after = "10m", notify = ["ops"] }]', 'did you mean "wait"?'),
        ('[notifiers.s]\ntype = "console"', 'did you mean "kind"?'),
        ('[silences.s]\nmatchers = ["model=x"]', "watchkeeper silences add model=NAME --for 2h -m why"),
        (
            '[grouping]\nwait = "30s"',
            'wait belongs to by; expected the labels that make a group beside it: by = ["model"]',
        ),
        (
            '[maintenance.m]\nbegins = "0 2 * * *"\nlasts = "8d"\nmatchers = ["model=*"]',
            "lasts is 8d; expected at most 7d",
        ),
        (
            '[maintenance.m]\nbegins = "0 2 * * *"\nlasts = "1h"\nmatchers = ["model=*"]\ntimezone = "Berlin"',
            "19: maintenance.m.timezone: ",
        ),
        (
            '[inhibitions.a]\nsource = ["rule==feed-down"]\ntarget = ["model=*"]',
            "write rule=NAME or rule!=NAME; * in it stands for any letters",
        ),
        (
            '[inhibitions.a]\nsource = ["rule=feed-down", "rule=data-quality"]\ntarget = ["model=*"]',
            "no alert fits both 'rule=feed-down' and 'rule=data-quality': all of a list must fit",
        ),
    ],
    ids=lambda value: value[:60],
)
def test_a_newcomers_mistake_is_told_with_what_to_write(problems, text, told):
    assert told in "\n".join(problems(text))


def test_a_section_without_a_name_is_told_with_how_to_give_one(problems):
    (told,) = problems('when = "accuracy < 0.8"\n', HEAD.partition("[rules.feed-down]")[0] + "[rules]\n")
    assert told == ('10: rules.when is "accuracy < 0.8"; expected a table with a name of its own, such as [rules.NAME]')


def test_a_name_that_is_only_a_little_like_a_section_is_not_read_as_it(problems):
    assert len(problems('[silences.s]\nmatchers = ["model=x"]\n[signals.s]\nmatchers = ["model=x"]')) == 2
