"""The guide for plugin authors is true: its code is a plugin that keeps the contract."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from watchkeeper.plugins import Plugins
from watchkeeper.testing import NotifierContract, Outcome
from watchkeeper.testing.checking import checked_one
from watchkeeper.testing.entry_points import entry_points_of

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-plugin.md"


def code_blocks():
    return re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_plugin_of_the_guide_keeps_its_contract():
    module = ModuleType("watchkeeper_notifier_spool")
    exec(compile(code_blocks()[0], str(GUIDE), "exec", dont_inherit=True), vars(module))  # noqa: S102 - our own documentation
    plugins = Plugins(entry_points_of("mine", {"notifier.spool": module}))

    found = checked_one(plugins, "notifier.spool", {"folder": "{tmp_path}"})

    assert {result.outcome for result in found.results} == {Outcome.PASSED}, found


def test_the_test_of_the_guide_subclasses_the_contract():
    assert f"class TestSpool({NotifierContract.__name__}):" in code_blocks()[1]
