"""Faulty distributions and an external one, built, installed into an environment of their own, and listed there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.distributions

ROOT = Path(__file__).parents[2]
FAULTY = ROOT / "tests" / "distributions"
NOTIFIER = ROOT / "examples" / "watchkeeper-notifier-spool"


class Environment:
    """A virtual environment that has its own watchkeeper, and sees the other packages of the one that runs us."""

    def __init__(self, folder):
        self.folder = folder
        venv.create(folder, with_pip=False)
        self.python = folder / "bin" / "python"
        packages = next(folder.glob("lib/python*/site-packages"))
        seen = sysconfig.get_path("purelib")
        (packages / "parent.pth").write_text(f"import site; site.addsitedir({seen!r})\n")

    def install(self, *wheels):
        command = [sys.executable, "-m", "pip", "--python", self.python, "install", "--no-index", "--no-deps", *wheels]
        subprocess.run([*command, "--quiet", "--disable-pip-version-check"], check=True, timeout=300)

    def run(self, *arguments, cwd=None):
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
        return subprocess.run(
            [self.python, *arguments],
            check=False, capture_output=True, text=True, timeout=300, cwd=cwd or self.folder, env=environment,
        )  # fmt: skip

    def watchkeeper(self, *arguments):
        """The command's exit code and the JSON that it printed."""
        done = self.run("-m", "watchkeeper", *arguments, "--json")
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def wheel_of(tmp_path_factory):
    """Builds the wheel of a project, once."""
    built = {}

    def build(project):
        if project not in built:
            folder = tmp_path_factory.mktemp("wheel")
            source = project
            if project != ROOT:  # a copy, so that building leaves nothing behind
                source = shutil.copytree(project, folder / project.name)
            command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source]
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stdout + done.stderr
            (built[project],) = folder.glob("*.whl")
        return built[project]

    return build


@pytest.fixture(scope="module")
def make_environment(tmp_path_factory, wheel_of):
    def make(*projects):
        environment = Environment(tmp_path_factory.mktemp("environment") / "venv")
        environment.install(wheel_of(ROOT), *map(wheel_of, projects))
        return environment

    return make


@pytest.fixture(scope="module")
def with_all_faults(make_environment):
    return make_environment(*(folder for folder in sorted(FAULTY.iterdir()) if folder.is_dir()))


@pytest.fixture(scope="module")
def listed(with_all_faults):
    return with_all_faults.watchkeeper("plugins", "list")


def test_the_environment_has_a_watchkeeper_of_its_own(with_all_faults):
    done = with_all_faults.run("-c", "import watchkeeper; print(watchkeeper.__file__)")

    assert done.stdout.startswith(str(with_all_faults.folder)), done.stderr


def test_a_list_with_faulty_plugins_ends_with_exit_code_1(listed):
    code, found = listed

    assert code == 1
    assert found["broken"] == 6


TAKEN = (
    "the name metric.accuracy is taken by watchkeeper (watchkeeper_plugins.metrics.accuracy), which comes first: give "
    "this plugin another name"
)
FAULTS = {
    "faulty-import-error": (
        "metric.import_error",
        "importing faulty_import_error raised RuntimeError: the licence server did not answer",
    ),
    "faulty-exit-at-import": ("metric.exit_at_import", "importing faulty_exit_at_import raised SystemExit: 3"),
    "faulty-wrong-api": (
        "metric.wrong_api",
        "it was written for version 9 of the metric contract, this watchkeeper accepts 1: upgrade watchkeeper",
    ),
    "faulty-misspelt-hook": (
        "metric.misspelt_hook",
        "it implements a hook that does not exist: 'watchkeeper_metric'; did you mean 'watchkeeper_metrics'?",
    ),
    "a-duplicate-name": ("metric.accuracy", TAKEN),
    "faulty-wrong-build": (
        "metric.wrong_build",
        "build returned a Half, which is no Metric: tasks is missing; compute is missing",
    ),
}


@pytest.mark.parametrize("distribution", FAULTS)
def test_a_faulty_plugin_is_a_row_with_its_reason(listed, distribution):
    title, reason = FAULTS[distribution]

    (row,) = [row for row in listed[1]["plugins"] if row["distribution"] == distribution]

    assert (row["plugin"], row["is_ok"], row["reason"]) == (title, False, reason)
    assert row["distribution_version"] == "1.0"


def test_every_faulty_distribution_is_listed_here():
    assert {folder.name.replace("_", "-") for folder in FAULTY.iterdir()} == {
        distribution.removeprefix("faulty-").removeprefix("a-") for distribution in FAULTS
    }


def test_the_built_in_plugins_work_beside_the_faulty_ones(listed):
    own = [row for row in listed[1]["plugins"] if row["distribution"] == "watchkeeper"]

    assert {row["plugin"] for row in own} >= {"metric.accuracy", "drift.ks", "storage.sqlite", "executor.local"}
    assert [row["reason"] for row in own if not row["is_ok"]] == []


def test_a_built_in_plugin_computes_beside_one_that_wants_its_name(with_all_faults):
    program = """
import numpy as np
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.plugins import Plugins
said = Evaluation(Task.CLASSIFICATION, np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]), None, ("no", "yes"))
print(Plugins().build("metric", "accuracy").compute(said).number)
"""

    done = with_all_faults.run("-c", program)

    assert done.stdout == "0.75\n", done.stderr


def test_a_faulty_plugin_that_is_asked_for_says_its_reason(with_all_faults):
    code, found = with_all_faults.watchkeeper("plugins", "info", "metric.exit_at_import")

    assert code == 1
    assert found["reason"] == FAULTS["faulty-exit-at-import"][1]


def test_checking_everything_names_the_faulty_ones_and_ends_with_exit_code_1(with_all_faults):
    code, found = with_all_faults.watchkeeper("plugins", "check")

    assert code == 1
    assert {each["plugin"] for each in found["checks"] if not each["is_ok"]} == {title for title, _ in FAULTS.values()}


@pytest.fixture(scope="module")
def with_the_notifier(make_environment):
    return make_environment(NOTIFIER)


def test_an_external_plugin_is_listed_and_nothing_is_broken(with_the_notifier):
    code, found = with_the_notifier.watchkeeper("plugins", "list")

    (row,) = [row for row in found["plugins"] if row["distribution"] == "watchkeeper-notifier-spool"]
    assert (row["plugin"], row["is_ok"], row["reason"]) == ("notifier.spool", True, "")
    assert (code, found["broken"]) == (0, 0)


def test_an_external_plugin_tells_its_options(with_the_notifier):
    code, found = with_the_notifier.watchkeeper("plugins", "info", "notifier.spool")

    assert code == 0
    assert found["options"] == [{"name": "folder", "expected": "a path", "default": None}]


def test_an_external_plugin_keeps_the_contract_by_command(with_the_notifier):
    code, found = with_the_notifier.watchkeeper("plugins", "check", "notifier.spool", "--option", "folder={tmp_path}")

    assert (code, found["failed"]) == (0, 0), found
    assert len(found["checks"][0]["results"]) > 5


def test_an_external_plugin_without_its_option_says_what_is_missing(with_the_notifier):
    done = with_the_notifier.run("-m", "watchkeeper", "plugins", "check", "notifier.spool")

    assert done.returncode == 3
    assert "notifier.spool: folder: missing, expected a path" in done.stderr


def test_an_external_plugin_passes_its_own_tests(with_the_notifier, tmp_path):
    tests = shutil.copytree(NOTIFIER / "tests", tmp_path / "tests")
    shutil.copy(NOTIFIER / "pyproject.toml", tmp_path)

    done = with_the_notifier.run("-m", "pytest", "-q", "-p", "no:cacheprovider", tests, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
