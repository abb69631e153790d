"""The commands of `models` and `audit` over a real store."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LinearRegression
from typer.testing import CliRunner

import watchkeeper as wk
from watchkeeper.cli.main import app
from watchkeeper.domain.errors import DataError, NotAllowed, UsageError
from watchkeeper.domain.model import Stage

CONFIG = """
[project]
name = "desk"

[models.line]
task = "regression"
columns = { time = "t", prediction = "p" }
window = "1h"
"""


def line(slope: float) -> LinearRegression:
    return LinearRegression().fit([[0.0], [1.0]], [0.0, slope])


@pytest.fixture
def project(tmp_path: Path) -> str:
    path = tmp_path / "watchkeeper.toml"
    path.write_text(CONFIG, encoding="utf-8")
    with wk.open(path, actor="ada") as watch:
        for slope in (1.0, 2.0):
            parents = ["line@1.0.0"] if slope > 1.0 else []
            version = watch.registry.register(line(slope), "line", metrics={"rmse": slope}, parents=parents)
            watch.registry.promote(version.ref, Stage.STAGING)
            watch.registry.promote(version.ref, Stage.PRODUCTION)
        watch.registry.register(line(3.0), "line")
    return str(path)


def ran(project: str, *arguments: str) -> Any:
    found = CliRunner().invoke(app, [*arguments, "--config", project])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def as_json(project: str, *arguments: str) -> Any:
    return json.loads(ran(project, *arguments, "--json").stdout)


def test_list_shows_every_version_the_latest_first(project: str) -> None:
    ran(project, "models", "alias", "line@1.2.0", "challenger")
    ran(project, "models", "alias", "line@1.2.0", "bravest")
    told = as_json(project, "models", "list")
    assert [(one["ref"], one["stage"], one["aliases"]) for one in told] == [
        ("line@1.2.0", "training", ["bravest", "challenger"]),
        ("line@1.1.0", "production", []),
        ("line@1.0.0", "retired", []),
    ]
    assert "bravest, challenger" in ran(project, "models", "list").stdout
    assert "line@1.1.0" in ran(project, "models", "list", "line").stdout


def test_show_tells_checks_and_approvals_too(project: str) -> None:
    ran(project, "models", "check", "line@1.2.0", "backtest", "--failed", "--evidence", "rmse 3.0")
    told = as_json(project, "models", "show", "line@latest")
    assert told["checks"][0]["evidence"] == "rmse 3.0"
    assert told["format"] == "sklearn"
    assert "rmse 3.0" in ran(project, "models", "show", "line@latest").stdout


@pytest.mark.parametrize("command", [["models", "list"], ["models", "history", "line"], ["audit", "show"]])
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_in_a_narrow_terminal_tables_fold_and_cut_nothing(
    project: str, command: list[str], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watchkeeper.cli.output.width", lambda: columns)
    monkeypatch.setattr("watchkeeper.cli.models.width", lambda: columns)
    told = ran(project, *command).stdout
    assert "…" not in told
    assert max(map(len, told.splitlines())) <= columns
    assert "line@1.1.0" in told.replace("\n", "")


def test_a_reason_is_shown_as_it_was_written(project: str) -> None:
    ran(project, "models", "promote", "line@1.2.0", "staging", "-m", "[/nope] [bold]it[/] :smile:")
    for command in (["models", "history", "line"], ["audit", "show"]):
        assert "[/nope] [bold]it[/] :smile:" in ran(project, *command).stdout


def test_what_changes_a_version_prints_it_for_a_program(project: str) -> None:
    staged = as_json(project, "models", "promote", "line@1.2.0", "staging")
    assert (staged["ref"], staged["stage"], staged["digest"]) == ("line@1.2.0", "staging", staged["digest"])
    assert as_json(project, "models", "rollback", "line")["ref"] == "line@1.0.0"
    assert as_json(project, "models", "retire", "line")["stage"] == "retired"
    assert as_json(project, "models", "delete", "line@1.2.0")["number"] == "1.2.0"
    log = as_json(project, "audit", "verify")
    assert log["entries"] == len(as_json(project, "audit", "show"))
    assert log["head"] == as_json(project, "audit", "show")[-1]["digest"]


def test_the_audit_log_tells_who_did_what(project: str) -> None:
    told = ran(project, "audit", "show").stdout
    assert "promote line@1.1.0: from staging, generation 4, replaced line@1.0.0, to production" in told
    entries = as_json(project, "audit", "show")
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
    assert {"action", "subject", "by", "at_us", "digest", "seal"} <= entries[0]["body"].keys()
    assert [entry["previous"] for entry in entries] == ["", *(entry["digest"] for entry in entries[:-1])]
    assert as_json(project, "audit", "show", "--after", "5") == entries[5:]


def test_rollback_and_retire_say_what_is_in_production(project: str) -> None:
    assert "line@1.0.0 is in production again" in ran(project, "models", "rollback", "line", "-m", "worse").stderr
    changes = as_json(project, "models", "history", "line")
    assert (changes[-1]["kind"], changes[-1]["reason"], changes[-1]["replaced"]) == ("rollback", "worse", "1.1.0")
    assert "worse" in ran(project, "models", "history", "line").stdout
    assert "no version of line is in production now" in ran(project, "models", "retire", "line").stderr


def test_promote_takes_the_generation_that_was_decided_on(project: str) -> None:
    assert (
        "line@1.2.0 is in staging" in ran(project, "models", "promote", "line@1.2.0", "staging", "--expect", "4").stderr
    )
    assert ran(project, "models", "promote", "line@1.2.0", "productoin").exit_code == 2


def test_approving_ones_own_version_is_refused(project: str) -> None:
    assert "approved line@1.2.0" in ran(project, "models", "approve", "line@1.2.0", "-m", "fine").stderr
    with wk.open(project, actor="ada") as watch, pytest.raises(NotAllowed, match="cannot approve it"):
        watch.registry.guards.approve("line@1.2.0")


def test_lineage_and_diff_tell_where_a_version_comes_from(project: str) -> None:
    assert as_json(project, "models", "lineage", "line@1.0.0")["edges"] == [["line@1.0.0", "line@1.1.0"]]
    assert "line@1.0.0 -> line@1.1.0" in ran(project, "models", "lineage", "line@1.1.0").stdout
    assert "no parents" in ran(project, "models", "lineage", "line@1.2.0").stdout
    fields = {one["field"] for one in as_json(project, "models", "diff", "line@1.0.0", "line@1.1.0")}
    assert fields == {"digest", "metrics.rmse", "parents"}
    assert "metrics.rmse" in ran(project, "models", "diff", "line@1.0.0", "line@1.1.0").stdout


def test_gc_tells_first_and_deletes_when_asked(project: str) -> None:
    ran(project, "models", "delete", "line@1.2.0", "-m", "wrong rows")
    assert as_json(project, "models", "gc", "--keep", "0", "--older-than", "1s")["versions"] == []
    assert "--delete does it" in ran(project, "models", "gc").stderr
    assert "are gone" in ran(project, "models", "gc", "--delete").stderr
    with pytest.raises(UsageError, match='"soon" is not a length of time'):
        ran(project, "models", "gc", "--older-than", "soon")


def test_verify_passes_after_all_that(project: str) -> None:
    ran(project, "models", "rollback", "line")
    ran(project, "models", "delete", "line@1.2.0")
    assert as_json(project, "models", "verify")["status"] == "OK"
    assert ran(project, "models", "verify").exit_code == 0


def test_a_project_that_asks_for_signatures_loads_nothing_without(tmp_path: Path) -> None:
    key = tmp_path / "ada.pem"
    public = CliRunner().invoke(app, ["models", "keygen", str(key)]).stdout.strip()
    path = tmp_path / "watchkeeper.toml"
    path.write_text(CONFIG + f'[registry]\nsignatures = 1\n[signers.ada]\nkey = "{public}"\n', encoding="utf-8")
    with wk.open(path, actor="ada") as watch:
        watch.registry.register(line(1.0), "line")
        with pytest.raises(NotAllowed, match="1 signatures of trusted keys are needed and 0 are there"):
            watch.registry.load("line@latest")
    assert (
        "ada signed line@1.0.0"
        in ran(str(path), "models", "sign", "line@1.0.0", "--key", str(key), "--as", "ada").stderr
    )
    assert as_json(str(path), "models", "signatures", "line@1.0.0")[0]["is_trusted"]
    assert "ada" in ran(str(path), "models", "signatures", "line@1.0.0").stdout
    with wk.open(path) as watch:
        assert watch.registry.load("line@latest").predict([[2.0]]) == pytest.approx([2.0])


def test_a_configured_key_signs_what_is_registered_and_roles_hold(tmp_path: Path) -> None:
    key = tmp_path / "desk.pem"
    public = CliRunner().invoke(app, ["models", "keygen", str(key)]).stdout.strip()
    path = tmp_path / "watchkeeper.toml"
    governed = f"""
[registry]
signatures = 1
signing_key = "desk.pem"
signs_as = "desk"

[signers.desk]
key = "{public}"

[roles.desk]
role = "operator"
who = ["ada"]
models = ["li*"]
"""
    path.write_text(CONFIG + governed, encoding="utf-8")
    with wk.open(path, actor="ada") as watch:
        watch.registry.register(line(1.0), "line")
        assert watch.registry.load("line@latest").predict([[2.0]]) == pytest.approx([2.0])
        with pytest.raises(NotAllowed, match="'ada' may not register 'other'"):
            watch.registry.register(line(1.0), "other")
    with wk.open(path, actor="eve") as watch, pytest.raises(NotAllowed, match="'eve' may not view 'line'"):
        watch.registry.load("line@latest")


def test_the_report_and_the_bill_of_materials_are_written(project: str, tmp_path: Path) -> None:
    assert "<h1>Model file: line</h1>" in ran(project, "models", "report", "line").stdout
    assert as_json(project, "models", "report", "line")["subject"] == "line@1.1.0"
    assert json.loads(ran(project, "models", "bom", "line@production").stdout)["bomFormat"] == "CycloneDX"
    for command in (["report", "line"], ["bom", "line@1.0.0"]):
        assert "wrote" in ran(project, "models", *command, "--out", str(tmp_path / "out")).stderr
    with pytest.raises(DataError, match="cannot be written"):
        ran(project, "models", "report", "line", "--out", str(tmp_path / "nowhere" / "out"))


def test_the_audit_log_is_exported_so_that_anybody_can_recompute_it(project: str) -> None:
    import hashlib

    previous = ""
    lines = ran(project, "audit", "export").stdout.splitlines()
    for line_ in lines:
        entry = json.loads(line_)
        body = json.dumps(entry["body"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert entry["previous"] == previous
        previous = hashlib.sha256(f"{previous}\n{entry['number']}\n{body}".encode()).hexdigest()
        assert entry["digest"] == previous
    assert len(lines) == len(as_json(project, "audit", "show"))
    assert "register" in ran(project, "audit", "show").stdout


def test_a_checkpoint_is_held_against_the_log(project: str, tmp_path: Path) -> None:
    key = tmp_path / "ada.pem"
    public = CliRunner().invoke(app, ["models", "keygen", str(key)]).stdout.strip()
    path = Path(project)
    path.write_text(path.read_text(encoding="utf-8") + f'[signers.ada]\nkey = "{public}"\n', encoding="utf-8")
    printed = ran(project, "audit", "checkpoint", "--key", str(key), "--as", "ada").stdout
    (tmp_path / "head.json").write_text(printed, encoding="utf-8")
    told = ran(project, "audit", "verify", "--checkpoint", str(tmp_path / "head.json")).stderr
    assert "the chain is whole, and the first 7 are those that ada signed" in told
    assert "the chain is whole\n" in ran(project, "audit", "verify").stderr
    with pytest.raises(DataError, match="cannot be read"):
        ran(project, "audit", "verify", "--checkpoint", str(tmp_path / "nowhere.json"))


def test_a_file_is_registered_from_the_command_line(project: str, tmp_path: Path) -> None:
    import skops.io

    skops.io.dump(line(4.0), tmp_path / "model.skops")
    arguments = ["--metric", "rmse=0.5", "--parent", "line@1.0.0", "--tag", "desk"]
    assert (
        ran(project, "models", "register", str(tmp_path / "model.skops"), "line", *arguments).stdout == "line@1.3.0\n"
    )
    with wk.open(project) as watch:
        version = watch.registry.get("line@latest")
        assert (version.metrics, version.parents, version.tags) == ({"rmse": 0.5}, ("line@1.0.0",), ("desk",))
        assert watch.registry.load("line@latest").predict([[2.0]]) == pytest.approx([8.0])
    wrong = ran(project, "models", "register", str(tmp_path / "model.skops"), "line", "--metric", "rmse")
    assert wrong.exit_code == 2


def test_an_mlflow_registry_that_is_none_is_told(project: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no file; expected MLflow's SQLite database"):
        ran(project, "models", "import-mlflow", str(tmp_path / "none.db"), "--artifacts", str(tmp_path))
    found = ran(project, "models", "import-mlflow", "x", "--artifacts", str(tmp_path), "--rename", "x")
    assert found.exit_code == 2


def test_versions_are_exported_in_mlflows_layout(project: str, tmp_path: Path) -> None:
    told = ran(project, "models", "export-mlflow", "line", str(tmp_path / "out"))
    assert told.exit_code == 0
    assert (tmp_path / "out" / "line" / "1.0.0" / "MLmodel").is_file()


def test_what_may_not_be_meant_is_said_when_a_file_is_registered(project: str, tmp_path: Path) -> None:
    with Path(project).open("a", encoding="utf-8") as file:
        file.write(
            '\n[models.cancer]\ntask = "regression"\ncolumns = { time = "ts", prediction = "p" }\nwindow = "1h"\n'
        )
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"a": 1}))
    told = ran(project, "models", "register", str(tmp_path / "m.pkl"), "cancerr", "--format", "pickle")
    assert told.exit_code == 0
    said = " ".join(told.stderr.split())
    assert "no model of the configuration is called 'cancerr', so nothing watches it; did you mean 'cancer'?" in said
    assert "cancerr@1.0.0 cannot reach production before a signer with may_run_code has signed it" in said
    assert told.stdout == "cancerr@1.0.0\n"


def test_a_file_of_another_format_is_told_by_its_name_with_what_to_do(project: str, tmp_path: Path) -> None:
    file = tmp_path / "m.joblib"
    file.write_bytes(b"no archive")
    with pytest.raises(
        DataError, match=r"m\.joblib cannot be taken over as sklearn: .*; name the format that wrote it"
    ):
        ran(project, "models", "register", str(file), "line", "--format", "sklearn")
