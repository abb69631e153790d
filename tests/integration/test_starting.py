"""Starting is light: importing watchkeeper, or asking for help, loads no heavy package."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("pandas", "pyarrow", "sklearn", "scipy.stats", "shap", "lime", "torch", "tensorflow")


@pytest.mark.parametrize(
    "start",
    [
        "import watchkeeper",
        "import sys; sys.argv = ['watchkeeper', '--help']; from watchkeeper.cli.main import main; main()",
    ],
    ids=["import", "help"],
)
def test_nothing_heavy_is_loaded(start):
    script = f"""
import sys
try:
    exec({start!r})
except SystemExit:
    pass
print("loaded:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"


def test_every_public_name_is_there():
    import watchkeeper as wk

    for name in wk.__all__:
        assert getattr(wk, name) is not None
    assert set(wk.__all__) <= set(dir(wk))


def test_an_unknown_name_is_an_attribute_error():
    import watchkeeper as wk

    with pytest.raises(AttributeError, match="module 'watchkeeper' has no attribute 'nonsense'"):
        _ = wk.nonsense
