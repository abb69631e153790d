"""How the documentation is built."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx.application import Sphinx

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))

project = "watchkeeper"
copyright = "the watchkeeper developers"
author = "the watchkeeper developers"
version = release = installed_version("watchkeeper")
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "requirements.txt"]
html_theme = "furo"
html_title = f"watchkeeper {release}"
html_theme_options = {"source_repository": "", "navigation_with_keys": True}


def _generate(_: Sphinx) -> None:
    from generate import write_pages

    write_pages(FOLDER / "reference" / "generated")


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", _generate)
