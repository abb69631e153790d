"""How hypothesis runs here: without deadlines, as a busy machine must not fail a test."""

from hypothesis import HealthCheck, settings

settings.register_profile("watchkeeper", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("watchkeeper")
