"""How a version takes over: blue-green, canary and shadow, with analysis, as a state machine that survives any kill."""

from .analysis import MetricCheck, Outcome
from .deployments import Deployments
from .plan import Plan, Step, StepKind, blue_green, canary, shadow
from .state import Deployment, Phase
from .weights import Arm, WeightTable

__all__ = [
    "Arm",
    "Deployment",
    "Deployments",
    "MetricCheck",
    "Outcome",
    "Phase",
    "Plan",
    "Step",
    "StepKind",
    "WeightTable",
    "blue_green",
    "canary",
    "shadow",
]
