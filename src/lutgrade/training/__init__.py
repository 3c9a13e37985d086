"""Training: a plain loop that knows no model; objectives own the losses, and randomness follows from the seed."""

from lutgrade.training.samples import GradeGrid
from lutgrade.training.schedule import Schedule
from lutgrade.training.tracking import read_log
from lutgrade.training.trainer import Trainer

__all__ = ["GradeGrid", "Schedule", "Trainer", "read_log"]
