"""The code in docs/explanation/alerts.md runs as it stands there."""

import re
from pathlib import Path

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.memory import MemoryStorage

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "alerts.md"
_FAR_FUTURE_US = 32_503_680_000_000_000


def test_the_example_makes_an_alerting_system():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {"storage": MemoryStorage(), "ends_us": _FAR_FUTURE_US}

    exec(code, names)  # noqa: S102 - our own page

    measurement = Measurement("samples", Value.of(0), "momentum", None, Window(0, 1))
    found = names["alerting"].evaluate("momentum", [measurement])
    assert [(alert.rule, alert.severity.value) for alert in found] == [("feed-down", "critical")]
    assert found[0].muted.startswith("silenced by ada")
