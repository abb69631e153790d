"""Model versioning: versions, artifacts, stages, audit."""
