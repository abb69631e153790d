"""Rules over measurements, the alerts that they raise, and their delivery."""

from .caretaker import Caretaker
from .condition import Condition
from .delivery import Courier, DeliveryReport, Patience, Undelivered
from .escalation import Escalation, Step
from .outbox import Letter, Outbox
from .outcome import Outcome
from .parser import parsed
from .rules import NoData, Rule
from .sender import Sender
from .system import Alerting

__all__ = [
    "Alerting",
    "Caretaker",
    "Condition",
    "Courier",
    "DeliveryReport",
    "Escalation",
    "Letter",
    "NoData",
    "Outbox",
    "Outcome",
    "Patience",
    "Rule",
    "Sender",
    "Step",
    "Undelivered",
    "parsed",
]
