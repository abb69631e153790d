"""What used to be found out by the first check, or never, is told when the configuration is read."""

from __future__ import annotations

import pytest

from watchkeeper.app import open_project
from watchkeeper.domain.errors import ConfigError

from .conftest import CONFIG


@pytest.fixture
def problems(project, command):
    """What `config check` says about the ordinary configuration with more lines behind it."""

    def told(more: str, *, of: str = CONFIG) -> list[str]:
        project.configure(of + more)
        answer = command("config", "check")
        assert answer.code in {0, 3}
        return [line for line in answer.err.splitlines() if "watchkeeper.toml:" in line]

    return told


def at(text: str, more: str = "", *, of: str = CONFIG) -> str:
    """``watchkeeper.toml:12`` of the line that holds the text."""
    lines = (of + more).splitlines()
    return f"watchkeeper.toml:{next(place for place, line in enumerate(lines, 1) if text in line)}"


def test_a_threshold_of_a_misspelt_measurement_is_told_with_its_place_and_the_nearest_name(problems):
    more = "[models.momentum.health]\nacuracy = { warn = 0.8 }\n"
    told = f"{at('acuracy', more)}: models.momentum.health.acuracy: no measurement is called 'acuracy'"
    (line,) = problems(more)
    assert line.endswith(f"{told}; did you mean 'accuracy'?")
    with pytest.raises(ConfigError, match="did you mean 'accuracy'"):
        open_project("watchkeeper.toml")


def test_a_threshold_without_a_direction_is_told_with_its_place(problems):
    more = "[models.momentum.health]\nschema_changes = { warn = 3 }\naccuracy = { warn = 0.8 }\n"
    (line,) = problems(more)
    told = 'models.momentum.health.schema_changes: does not tell which way is worse: add worse = "lower" or "higher"'
    assert line.endswith(f"{at('schema_changes', more)}: {told}")


def test_thresholds_of_what_is_measured_pass(problems):
    names = ("accuracy", "estimated_accuracy", "ks{feature=ret1}", "drift_share", "samples", "age_seconds", "chi2")
    assert problems("[models.momentum.health]\n" + "".join(f'"{name}" = {{ warn = 0.1 }}\n' for name in names)) == []
