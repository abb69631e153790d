"""Formats: how a framework's models are saved and loaded."""
