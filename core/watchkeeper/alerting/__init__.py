"""Rules over measurements, the alerts that they raise, and their delivery."""

from watchkeeper.domain.alert import NoData

from .caretaker import Caretaker
from .condition import Condition
from .delivery import Courier
from .escalation import Escalation, Step
from .grouping import Grouping
from .groups import AlertGroup
from .letters import Letter
from .limits import Limit, RateLimits
from .maintenance import MaintenanceWindow
from .matching import Matcher
from .muting import Inhibition
from .outbox import Outbox
from .outcome import Outcome
from .parser import parsed
from .patience import Patience
from .reports import DeliveryReport, Undelivered
from .rules import Rule
from .sender import Sender
from .silences import Silence, Silences, SilenceState
from .summaries import summary_of, words_of
from .system import Alerting

__all__ = [
    "AlertGroup",
    "Alerting",
    "Caretaker",
    "Condition",
    "Courier",
    "DeliveryReport",
    "Escalation",
    "Grouping",
    "Inhibition",
    "Letter",
    "Limit",
    "MaintenanceWindow",
    "Matcher",
    "NoData",
    "Outbox",
    "Outcome",
    "Patience",
    "RateLimits",
    "Rule",
    "Sender",
    "Silence",
    "SilenceState",
    "Silences",
    "Step",
    "Undelivered",
    "parsed",
    "summary_of",
    "words_of",
]
