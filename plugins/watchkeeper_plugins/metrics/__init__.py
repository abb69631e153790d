"""Metrics: one number from a window's truths and predictions, one file each."""
