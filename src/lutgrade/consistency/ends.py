"""The ends of what a LUT makes of a clip, its blacks and whites, bent back to where they belong."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lutgrade.consistency.harm import Judge, ends, graded
from lutgrade.lut import Lut

STEEPEST = 2.0  # slope of the curve of lightness at an end
FLATTEST = 0.5  # slope of what makes up for it in the middle
MARGIN = 0.5  # inside the limits that an end is brought to


def anchored(lut: Lut, judge: Judge) -> Lut:
    """A LUT `[3, S, S, S]` with the black and the white point that it gives a clip, and their tints, inside the limits.

    What a linear map does to the light and the cast of a picture, it does to its blacks and whites as well. A colourist
    would turn the middle and leave the ends: here by a curve over lightness that is smooth, rises everywhere, and keeps
    the clip's mean as far as it can.
    """
    encoding = judge.encoding
    after = encoding.measured(graded(lut, judge.colors).double())
    bend = _bend(after, judge)
    if bend is None:
        return lut
    low, high = bend.low, bend.high
    bent = bend(after)
    most = (1 - FLATTEST) * (high - low) / 4
    amount = (after - bent).mean(1) / _middle(bent[0], low, high).mean().clamp_min(1e-6)  # [3]
    amount = amount.clamp(-most, most)[:, None]

    nodes = bend(encoding.measured(lut.table.double().flatten(1)))
    nodes = nodes + amount * _middle(nodes[0], low, high)
    nodes[0].clamp_(0, encoding.top)
    return Lut(encoding.codes(nodes[:, None])[:, 0].clamp(0, 1).view_as(lut.table).to(lut.table))


@dataclass(frozen=True, eq=False)
class _Bend:
    """Moves the black and the white end of measured colours `[3, N]`, by parabolas over lightness.

    Attributes:
        black, mean, white: lightnesses; the parabolas begin at the mean.
        shifts: `[2, 3]`, what either end is moved by.
    """

    black: float
    mean: float
    white: float
    shifts: Tensor

    @property
    def low(self) -> float:
        """Where the black point comes to lie."""
        return self.black + float(self.shifts[0, 0])

    @property
    def high(self) -> float:
        """Where the white point comes to lie."""
        return self.white + float(self.shifts[1, 0])

    def weights(self, lightness: Tensor) -> Tensor:
        """How much of the shift of either end a lightness takes, `[2, N]`; beyond the ends straight on."""
        below, above = self.mean - lightness, lightness - self.mean
        place = torch.stack([below / (self.mean - self.black), above / (self.white - self.mean)]).clamp_min(0)
        return torch.where(place < 1, place.square(), 2 * place - 1)

    def __call__(self, colors: Tensor) -> Tensor:
        """Chroma follows lightness down, as it would in less light."""
        weights = self.weights(colors[0])
        lightness = colors[0] + self.shifts[:, 0] @ weights
        darker = (lightness / colors[0].clamp_min(1e-6)).clamp(0, 1)
        return torch.cat([lightness[None], colors[1:] * darker + self.shifts[:, 1:].T @ weights.clamp(max=1)])


def _bend(after: Tensor, judge: Judge) -> _Bend | None:
    """What brings the ends of a clip that comes out as `after`, `[3, N]`, inside its limits; None where they are."""
    (black, white), mean = ends(after[0]), float(after[0].mean())
    if not black < mean < white:
        return None
    bend = _Bend(black, mean, white, after.new_zeros(2, 3))
    bend.shifts[0, 0] = -_reached(black - judge.limits.highest_black, mean - black)
    bend.shifts[1, 0] = _reached(judge.limits.lowest_white - white, white - mean)
    for end, (part, most) in enumerate(zip(judge.outermost, judge.limits.tints, strict=True)):
        tint = after[1:, part].mean(1)
        if (chroma := float(tint.norm())) > most:
            share = bend.weights(after[0, part])[end].clamp(max=1).mean().clamp_min(0.1)
            bend.shifts[end, 1:] = -tint * (1 - (most - MARGIN) / chroma) / share
    return bend if bool(bend.shifts.any()) else None


def _middle(lightness: Tensor, low: float, high: float) -> Tensor:
    """A parabola that is 1 between two ends and 0 at them and beyond."""
    place = ((lightness - low) / (high - low)).clamp(0, 1)
    return 4 * place * (1 - place)


def _reached(needed: float, room: float) -> float:
    """How far an end is brought back: no farther than the slope allows where there is so much room."""
    return min(needed + MARGIN, room * (STEEPEST - 1) / 2) if needed > 0 else 0.0
