"""To and from MLflow: its registry read without it, and models written in its layout."""

from .exporting import Exported, exported
from .importing import Imported, imported
from .reading import ForeignVersion, foreign_versions

__all__ = ["Exported", "ForeignVersion", "Imported", "exported", "foreign_versions", "imported"]
