"""Checks of more rows than memory holds: rows are profiled where they are, and profiles added up."""
