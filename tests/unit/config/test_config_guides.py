"""The configurations in the guides about windows, health and segments are read without a mistake."""

import re
from pathlib import Path

import pytest

from watchkeeper.config import load
from watchkeeper.plugins import Plugins

GUIDES = Path(__file__).parents[3] / "docs/how-to"
START = '[project]\nname = "desk"\n'
MISSING = 'task = "classification"\n'
WINDOW = 'window = "1h"\n'
COLUMNS = 'columns = { time = "ts", prediction = "p", features = ["vol10"] }\n'


EXAMPLES = [
    pytest.param(found, id=f"{page}-{at}")
    for page in ("windows-and-schedules", "segments")
    for at, found in enumerate(
        re.findall(r"```toml\n(.*?)```", (GUIDES / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL)
    )
]


def completed(example):
    """With what each model needs and the guide leaves out."""
    text = START
    for part in re.split(r"(?m)^(?=\[)", example):
        text += part
        if re.match(r"\[models\.\w+\]\n", part):
            text += MISSING + ("" if "columns =" in part else COLUMNS) + ("" if "window =" in part else WINDOW)
    if "[models.momentum]\n" not in text:
        text += "[models.momentum]\n" + MISSING + COLUMNS + WINDOW
    return text


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_read_without_a_mistake(tmp_path, example):
    file = tmp_path / "watchkeeper.toml"
    file.write_text(completed(example), encoding="utf-8")
    assert load(file, Plugins()).config.models["momentum"].window
