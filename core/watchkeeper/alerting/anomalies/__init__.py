"""Anomalies in series of measurements: what is unlike the series' own clean history."""
