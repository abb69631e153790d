"""How hypothesis runs here: the same examples each time, and without deadlines, as machines may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("watchkeeper", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("watchkeeper")
