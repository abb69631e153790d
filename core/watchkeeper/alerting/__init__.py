"""Alerting: rules over measurements, the life of an alert, delivery."""
