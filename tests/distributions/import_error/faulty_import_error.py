"""A faulty plugin: it cannot be imported."""

raise RuntimeError("the licence server did not answer")
