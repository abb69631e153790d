"""Who acts: tokens prove it, and a name that takes a token is nobody's without."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import watchkeeper as wk
from watchkeeper.app.identity import identified, new_token, token_digest
from watchkeeper.cli.main import app
from watchkeeper.domain.errors import ConfigError, NotAllowed

KNOWN = {"ada": token_digest("s3cret"), "bob": token_digest("other")}


def system() -> str:
    return "root"


def test_a_token_proves_who_acts() -> None:
    assert identified(KNOWN, None, "s3cret", system) == "ada"
    assert identified(KNOWN, "bob", "other\n", system) == "bob"


def test_without_identities_it_is_what_the_caller_or_the_system_says() -> None:
    assert identified({}, None, None, system) == "root"
    assert identified(KNOWN, "eve", None, system) == "eve"


@pytest.mark.parametrize("user", ["ada", "root"])
def test_a_name_that_takes_a_token_is_refused_without(user: str) -> None:
    actor = None if user == "ada" else "ada"
    with pytest.raises(NotAllowed, match=r"'ada' must prove who they are: set WATCHKEEPER_TOKEN"):
        identified(KNOWN, actor, None, lambda: user)


def test_a_token_of_nobody_is_refused_and_not_repeated() -> None:
    with pytest.raises(
        NotAllowed, match=r"the token is nobody's: \[identities\] of the configuration has ada, bob"
    ) as told:
        identified(KNOWN, None, "guessed", system)
    assert "guessed" not in str(told.value)


def test_a_token_of_somebody_else_is_refused() -> None:
    with pytest.raises(NotAllowed, match=r"the token is that of 'bob', and not of 'ada'"):
        identified(KNOWN, "ada", "other", system)


def test_tokens_are_long_and_differ() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 43


def test_a_project_asks_for_the_token_and_roles_go_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = CliRunner().invoke(app, ["models", "token", "ada"])
    token = made.stdout.strip()
    assert f'sha256 = "{token_digest(token)}"' in made.stderr
    path = tmp_path / "watchkeeper.toml"
    path.write_text(
        f'[project]\nname = "desk"\n[identities.ada]\nsha256 = "{token_digest(token)}"\n'
        '[roles.desk]\nrole = "operator"\nwho = ["ada"]\n',
        encoding="utf-8",
    )
    monkeypatch.delenv("WATCHKEEPER_TOKEN", raising=False)
    with pytest.raises(NotAllowed, match="must prove who they are"):
        wk.open(path, actor="ada")
    with wk.open(path, token=token) as watch:
        assert watch.registry.acting.actor == "ada"
        assert watch.registry.models() == ()
    with wk.open(path, actor="eve") as watch, pytest.raises(NotAllowed, match="no role at all"):
        watch.registry.get("m@latest")
    monkeypatch.setenv("WATCHKEEPER_TOKEN", token)
    with wk.open(path) as watch:
        assert watch.registry.acting.actor == "ada"


def test_a_digest_that_is_none_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "watchkeeper.toml"
    path.write_text('[project]\nname = "desk"\n[identities.ada]\nsha256 = "s3cret"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="is no SHA-256: expected 64 hexadecimal digits in lower case"):
        wk.open(path)
