"""Weighting strategies."""
