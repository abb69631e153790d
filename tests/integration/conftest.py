"""A small project on disk, and the command line in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import attrs
import numpy as np
import pytest

from watchkeeper.app import open_project
from watchkeeper.domain.alert import Alert

CONFIG = """\
[project]
name = "desk"
storage = "sqlite:///watch"
false_alarms = "1 per 30d"
presets = false
[models.momentum]
task = "classification"
reference = "reference.csv"
columns = { time = "ts", id = "id", prediction = "p", outcome = "y", features = ["ret1", "vol10", "venue"] }
window = "100 rows"
metrics = ["accuracy", "roc_auc", "brier"]
drift = ["ks", "chi2"]

[rules.accuracy-fell]
when = "accuracy < 0.4 and samples >= 50"
severity = "critical"
do = ["notify:ops"]
next_step = "Look at the latest deployment."

[notifiers.ops]
kind = "console"
"""


def rows(count: int, seed: int, *, start: int = 0) -> dict[str, list[object]]:
    """A minute apart; the prediction has skill, the features are noise around it."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=count)
    probability = 1.0 / (1.0 + np.exp(-signal))
    minutes = np.datetime64("2026-01-05T00:00:00") + np.arange(start, start + count) * np.timedelta64(1, "m")
    return {
        "ts": [str(minute) for minute in minutes],
        "id": [f"r{start + at}" for at in range(count)],
        "ret1": rng.normal(size=count).round(6).tolist(),
        "vol10": np.exp(rng.normal(size=count)).round(6).tolist(),
        "venue": rng.choice(["NYSE", "LSE"], size=count).tolist(),
        "p": probability.round(6).tolist(),
        "y": (rng.random(count) < probability).astype(int).tolist(),
    }


def write_csv(path: Path, table: dict[str, list[object]]) -> Path:
    """None is an empty cell."""
    lines = [",".join(table)]
    lines += [",".join("" if cell is None else str(cell) for cell in row) for row in zip(*table.values(), strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@attrs.frozen
class Project:
    """A folder with a configuration and a reference."""

    folder: Path
    config: str = CONFIG

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def configure(self, text: str) -> None:
        """Replace the configuration."""
        (self.folder / "watchkeeper.toml").write_text(text, encoding="utf-8")

    def rows(self, count: int = 100, seed: int = 2) -> dict[str, list[object]]:
        """Rows that come after the reference's."""
        return rows(count, seed, start=2000)

    def today(self, **changes: list[object]) -> Path:
        """Write ``today.csv``: a hundred rows, with other columns where they are given."""
        return self.write({**self.rows(), **changes})

    def opposite_rows(self, count: int = 100) -> dict[str, list[object]]:
        """The same with the opposite of what the model answers as outcomes."""
        table = self.rows(count)
        return {**table, "y": [int(p < 0.5) for p in table["p"]]}

    def fire(self) -> Alert:
        """Let the model answer the opposite of what is true; the alert that its rule raises."""
        with open_project(self.folder / "watchkeeper.toml") as watch:
            watch.log_table("momentum", self.opposite_rows())
            (alert,) = (one for one in watch.check("momentum").alerts if one.rule == "accuracy-fell")
        return alert

    def write(self, table: dict[str, list[object]]) -> Path:
        """Write ``today.csv``."""
        return write_csv(self.folder / "today.csv", table)


@attrs.frozen
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a configuration and a reference of 2,000 rows, as the working directory."""
    made = Project(tmp_path)
    made.configure(CONFIG)
    write_csv(tmp_path / "reference.csv", rows(2000, seed=1))
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def command(capsys, monkeypatch):
    """Run ``watchkeeper`` in this process: ``command("check", "momentum")``."""

    def run(*arguments: str) -> Answer:
        from watchkeeper.cli.main import main

        monkeypatch.setattr(sys, "argv", ["watchkeeper", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return run
