"""The ensemble optimizer: how much each member counts."""

from .combination import combined
from .ensembles import Ensembles
from .losses import log_losses, member_history, squared_errors

__all__ = ["Ensembles", "combined", "log_losses", "member_history", "squared_errors"]
