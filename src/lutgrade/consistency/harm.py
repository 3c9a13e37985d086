"""What a LUT may do to a clip that no distance between clips shows: clip it, lift or tint its ends, tear its tones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from lutgrade.consistency.encoding import SDR, Encoding
from lutgrade.consistency.profiles import Profile
from lutgrade.lut import Lut

CLIPPED = 0.05  # share of a clip's pixels with a channel driven to 0 or 1
LIFTED = 5.0  # lightness of the black point above both its own and the target's
DULLED = 8.0  # lightness of the white point below both
TINTED = 8.0  # chroma of the darkest or the lightest pixels above both their own and the target's
NEUTRAL = 12.0  # their own chroma up to which they have no colour that a grade could deepen
END = 0.05  # share of the pixels that these are
TORN = 0.01  # share of neighbours that come to lie `TEAR` times as far apart as they did
TEAR = 3.0
SMOOTH = 8.0  # distance of neighbours between which there is no edge
GRAIN = 1.0  # distance that nobody sees, and that counts as this much
NEIGHBOURS = 8192
EDGE = 0.5 / 255
POINTS = (0.01, 0.99)  # quantiles of lightness that the black and the white point are


class Limits(NamedTuple):
    """Where the ends of a graded clip have to lie: its black and white point, and the chroma of what is about them.

    A black point far above that of the clip and that of the target belongs to neither: it comes of matching shares of
    dark pixels between pictures of unlike content. The same holds for whites, and for a tint of clouds or shadows that
    are neutral in both.
    """

    highest_black: float
    lowest_white: float
    tints: tuple[float, float] = (float("inf"), float("inf"))  # of the darkest and of the lightest pixels


@dataclass(frozen=True, eq=False)
class Judge:
    """Finds what is wrong with a grade of a clip.

    Attributes:
        colors: of the clip, `[3, N]`, code values in [0, 1].
        neighbours: `[2, 3, N]`, pixels of its frames and those next to them; N may be 0.
        limits: of its ends.
        encoding: of the clip.
    """

    colors: Tensor
    neighbours: Tensor
    limits: Limits
    encoding: Encoding = SDR

    @classmethod
    def of(cls, profile: Profile, target: Tensor) -> Judge:
        """Of a clip that is matched to colours `[3, N]`."""
        encoding = profile.encoding
        both = [encoding.measured(colors) for colors in (profile.colors, target)]
        (black, white), wanted = (ends(measured[0]) for measured in both)
        pairs = zip(*(_tints(measured, *_outermost(measured[0])) for measured in both), strict=True)
        dark, light = (max(own, other) + TINTED if own <= NEUTRAL else float("inf") for own, other in pairs)
        limits = Limits(max(black, wanted[0]) + LIFTED, min(white, wanted[1]) - DULLED, (dark, light))
        return cls(profile.colors, neighbours_of(profile.frames), limits, encoding)

    @cached_property
    def outermost(self) -> tuple[Tensor, Tensor]:
        """Which of the colours are the darkest, and which the lightest."""
        return _outermost(self.encoding.measured(self.colors)[0])

    def harm(self, lut: Lut) -> list[str]:
        """What is wrong with the clip after a LUT, in words."""
        after, axis = graded(lut, self.colors), self.encoding.axes[0]
        found = []
        clipped = float((_at_edge(after) & ~_at_edge(self.colors)).any(0).float().mean())
        if clipped > CLIPPED:
            found.append(f"more of it would clip {clipped:.0%} of its pixels")
        measured = self.encoding.measured(after)
        black, white = ends(measured[0])
        lifted, dulled = black - self.limits.highest_black + LIFTED, self.limits.lowest_white - white + DULLED
        if lifted > LIFTED:
            found.append(f"more of it would lift its blacks by {lifted:.0f} {axis}")
        if dulled > DULLED:
            found.append(f"more of it would dull its whites by {dulled:.0f} {axis}")
        tints = _tints(measured, *self.outermost)
        for name, tint, most in zip(("blacks", "whites"), tints, self.limits.tints, strict=True):
            if tint > most:
                found.append(f"more of it would tint its {name}, to a chroma of {tint:.0f}")
        if (torn := self._torn(lut)) > TORN:
            found.append(f"more of it would tear smooth tones apart, {torn:.0%} of its pixels")
        return found

    def _torn(self, lut: Lut) -> float:
        """The share of neighbours without an edge between them that get one."""
        if not self.neighbours.numel():
            return 0.0
        before, after = (_apart(x, self.encoding) for x in (self.neighbours, graded(lut, self.neighbours)))
        return float(((before < SMOOTH) & (after > TEAR * before.clamp_min(GRAIN))).float().mean())


def graded(lut: Lut, colors: Tensor) -> Tensor:
    """Colours `[..., 3, N]` through a LUT."""
    return lut(colors[..., None, :], interpolation="tetrahedral")[..., 0, :].clamp(0, 1)


def ends(lightness: Tensor) -> tuple[float, float]:
    """The black and the white point of lightnesses `[N]`."""
    black, white = torch.quantile(lightness.double(), torch.tensor(POINTS, dtype=torch.float64)).tolist()
    return black, white


def _outermost(lightness: Tensor) -> tuple[Tensor, Tensor]:
    """Which of the lightnesses `[N]` are the lowest, and which the highest."""
    order = lightness.argsort(stable=True)
    count = max(1, round(END * len(order)))
    return order[:count], order[-count:]


def _tints(measured: Tensor, *parts: Tensor) -> list[float]:
    """The chroma of the mean of some of the measured colours `[3, N]`."""
    return [float(measured[1:, part].mean(1).norm()) for part in parts]


def neighbours_of(frames: Tensor) -> Tensor:
    """Pixels of frames `[K, 3, h, w]` and those below and to the right of them, `[2, 3, N]`, always the same ones."""
    first, second = (x.movedim(1, 0).flatten(1) for x in (frames[..., :-1, :-1], frames[..., 1:, 1:]))
    picks = torch.linspace(0, max(0, first.shape[1] - 1), min(NEIGHBOURS, first.shape[1])).long()
    return torch.stack([first[:, picks], second[:, picks]]).float()


def _apart(pairs: Tensor, encoding: Encoding) -> Tensor:
    """How far pairs `[2, 3, N]` of code values lie apart on the axes, `[N]`."""
    first, second = encoding.measure(pairs[..., None, :])[..., 0, :]
    return (first - second).norm(dim=0)


def _at_edge(colors: Tensor) -> Tensor:
    return (colors < EDGE) | (colors > 1 - EDGE)
