"""The performance monitor: records predictions and outcomes, measures windows, judges them."""
