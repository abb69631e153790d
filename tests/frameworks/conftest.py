"""The folder itself is where `framework_models` is imported from, as an installed module would be."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def pytest_collection_modifyitems(items):
    for item in items:
        if "frameworks" in item.path.parts:
            item.add_marker("frameworks")
