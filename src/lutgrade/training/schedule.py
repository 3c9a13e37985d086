"""Learning rate over a run: a linear warm-up, then a decay; a function of the step alone, so it needs no state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lutgrade.errors import InputError

Decay = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class Schedule:
    """What the optimiser's learning rate is multiplied by.

    Args:
        warmup: steps over which the factor rises linearly to 1.
        decay: its course from there to the last step.
        final: the factor at the last step; ignored by `constant`.

    Raises:
        InputError: an unknown decay, a warm-up of less than no steps.
    """

    warmup: int = 0
    decay: Decay = "cosine"
    final: float = 0.0

    def __post_init__(self) -> None:
        if self.decay not in ("constant", "linear", "cosine"):
            raise InputError(f"unknown decay '{self.decay}'; it is constant, linear or cosine")
        if not isinstance(self.warmup, int) or self.warmup < 0:
            raise InputError(f"a warm-up of {self.warmup} steps; it is a whole number of at least 0")

    def __call__(self, step: int, steps: int) -> float:
        """The factor of step `step` (from 0) of `steps`."""
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        if self.decay == "constant":
            return 1.0
        progress = min(1.0, (step - self.warmup) / max(1, steps - 1 - self.warmup))
        remaining = 1 - progress if self.decay == "linear" else (1 + math.cos(math.pi * progress)) / 2
        return self.final + (1 - self.final) * remaining
