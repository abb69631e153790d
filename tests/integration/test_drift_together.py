"""All features together, outcomes, texts and importance, as a user configures and meets them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import watchkeeper as wk

WORDS = ["the", "price", "of", "this", "bond", "fell", "after", "a", "call", "from", "our", "desk", "in", "town"]


@pytest.fixture
def told(project, command):
    """Configure the model with these changes, and check rows with these columns: the findings and measurements."""

    def check(*changes: tuple[str, str], **columns):
        text = project.config
        for found, replacement in changes:
            assert found in text
            text = text.replace(found, replacement)
        project.configure(text)
        project.today(**columns)
        answer = command("check", "momentum", "--data", "today.csv", "--json", "--fail-on", "never")
        assert answer.code == 0, answer.err
        return json.loads(answer.out)[0]

    return check


def sentences(result, subject):
    return [found["sentence"] for found in result["findings"] if found["subject"] == subject]


def measured(result, name, feature):
    (found,) = [one for one in result["measurements"] if one["name"] == name and one["labels"] == {"feature": feature}]
    return found


def test_all_features_are_compared_together(told):
    detectors = ('drift = ["ks", "chi2"]', 'drift = ["ks", "mmd", "domain_classifier", "pca_reconstruction"]')
    result = told(detectors)
    assert sentences(result, "all features") == ["all features together are as in the reference"]
    for name in ("mmd", "domain_classifier", "pca_reconstruction"):
        found = measured(result, name, "all features")
        assert found["value"] < found["details"]["threshold"]
        assert found["details"]["p_value"] > 1e-6


def test_features_that_begin_to_move_together_are_told(project, told):
    rows = project.rows()
    moved = {"vol10": np.exp(np.asarray(rows["ret1"])).round(6).tolist(), "ret1": rows["ret1"]}
    result = told(('drift = ["ks", "chi2"]', 'drift = ["mmd", "domain_classifier", "pca_reconstruction"]'), **moved)
    assert sentences(result, "all features")[0].startswith("all features together drifted: domain_classifier 0.")


def test_options_of_a_table_detector_are_read(told):
    result = told(('drift = ["ks", "chi2"]', 'drift = [{ name = "mmd", features = 50, bandwidth = 2.0 }]'))
    assert measured(result, "mmd", "all features")["value"] is not None


def test_what_is_important_is_told_first(project, told):
    shifted = {name: (np.asarray(project.rows()[name]) + 9.0).tolist() for name in ("ret1", "vol10")}
    result = told(("metrics =", "importance = { vol10 = 0.4, ret1 = 0.1 }\nmetrics ="), **shifted)
    drifted = [found["subject"] for found in result["findings"] if "drifted" in found["sentence"]]
    assert drifted == ["vol10", "ret1"]
    assert measured(result, "ks", "vol10")["details"]["importance"] == 0.4
    assert measured(result, "ks", "vol10")["details"]["direction"] > 0.9


def test_importance_of_what_is_no_feature_names_the_nearest(project, command):
    project.configure(project.config.replace("metrics =", "importance = { vol1 = 0.4 }\nmetrics ="))
    project.today()
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 3
    assert "models.momentum.importance names 'vol1', which is no feature" in answer.err
    assert "did you mean 'vol10'?" in answer.err


def test_importance_that_is_no_number_is_refused(project, command):
    project.configure(project.config.replace("metrics =", 'importance = { vol10 = "much" }\nmetrics ='))
    answer = command("check", "momentum")
    assert answer.code == 3
    assert "models.momentum.importance.vol10" in answer.err


def test_a_rule_can_read_label_drift(project, told):
    rule = '[rules.labels]\nwhen = "label_drift > 0"\n[notifiers.ops]'
    result = told(("[notifiers.ops]", rule), y=[1] * 100)
    assert sentences(result, "outcome")[0].startswith("outcomes drifted: ")
    assert [alert["rule"] for alert in result["alerts"]] == ["labels"]


def texts(count: int, words: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=words + int(rng.integers(0, 5)))) for _ in range(count)]


@pytest.fixture
def noted(project):
    """The project with a column of free text."""
    from tests.integration.conftest import rows, write_csv

    write_csv(project / "reference.csv", {**rows(2000, seed=1), "note": texts(2000, 8, 1)})
    project.configure(project.config.replace('"venue"]', '"venue", "note"]'))
    return project


def test_free_text_is_watched_by_its_length(noted, command):
    noted.write({**noted.rows(), "note": texts(100, 20, 2)})
    answer = command("check", "momentum", "--data", "today.csv", "--json", "--fail-on", "never")
    result = json.loads(answer.out)[0]
    assert any("drifted" in told for told in sentences(result, "note.words"))
    assert any("drifted" in told for told in sentences(result, "note.characters"))
    assert measured(result, "ks", "note.words")["details"]["direction"] == pytest.approx(1.0)
    assert sentences(result, "schema") == ["the columns are the reference's"]


def test_free_text_is_recorded_and_checked_by_its_length(noted, command):
    noted.write({**noted.rows(), "note": texts(100, 8, 3)})
    assert command("log", "momentum", "today.csv").code == 0
    with wk.open("watchkeeper.toml") as watch:
        ids = watch.log("momentum", {"ret1": 0.1, "vol10": 1.0, "venue": "LSE", "note": "a b c"}, 0.4)
        assert ids
        result = watch.check("momentum")
    assert result.measurement("missing_share", feature="note.words").value.number == 0.0
    assert result.measurement("ks", feature="note.characters").value.samples == 100


def test_few_texts_are_categories_unless_they_are_named(noted, command):
    from tests.integration.conftest import rows, write_csv

    write_csv(noted / "reference.csv", {**rows(2000, seed=1), "note": ["so", "so so"] * 1000})
    noted.write({**noted.rows(), "note": ["so", "so so"] * 50})
    plain = command("check", "momentum", "--data", "today.csv", "--json", "--fail-on", "never")
    assert measured(json.loads(plain.out)[0], "chi2", "note")["value"] is not None
    text = (noted / "watchkeeper.toml").read_text(encoding="utf-8")
    noted.configure(text.replace('"venue", "note"]', '"venue"], text = ["note"]'))
    named = command("check", "momentum", "--data", "today.csv", "--json", "--fail-on", "never")
    assert measured(json.loads(named.out)[0], "ks", "note.words")["value"] is not None


def test_a_folder_counts_the_lengths_of_texts(noted, command):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (noted / "rows").mkdir()
    pq.write_table(pa.table({**noted.rows(400), "note": texts(400, 8, 4)}), noted / "rows" / "part.parquet")
    answer = command("check", "momentum", "--data", str(noted / "rows"), "--json", "--fail-on", "never")
    assert measured(json.loads(answer.out)[0], "ks", "note.words")["value"] < 0.2
