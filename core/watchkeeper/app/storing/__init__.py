"""Whole stores: what they hold, whether it is as it was written, and how it moves to another place."""
