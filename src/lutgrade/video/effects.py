"""Curves, levels, white balance, vignette and opacity, with the meaning that FFmpeg's filters give them.

Each effect takes images `[..., 3, H, W]`, encoded RGB in [0, 1], to the same, and says the FFmpeg filter that does it.
The first three map every channel by itself, so that they can be baked into a LUT; the vignette depends on the place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lutgrade.color.spaces import linear_to_srgb, srgb_to_linear
from lutgrade.color.temperature import D65_MIRED, light_gains
from lutgrade.errors import InputError

Points = Sequence[tuple[float, float]]
CHANNELS = ("r", "g", "b")
KELVIN_RANGE = (1000, 15000)  # where the black-body locus is approximated


class ColorEffect(Protocol):
    """A pointwise effect, and the FFmpeg filter that does the same."""

    def __call__(self, image: Tensor) -> Tensor: ...

    def ffmpeg(self) -> str: ...


@dataclass(frozen=True)
class Curves:
    """Tone curves through points (x, y) in [0, 1]: natural cubic splines, level beyond the ends (`curves`).

    Args:
        red, green, blue: the curve of a channel; no points change nothing.
        master: a curve of all channels, after their own.

    Raises:
        InputError: points outside [0, 1], or whose x do not increase.
    """

    red: Points = ()
    green: Points = ()
    blue: Points = ()
    master: Points = ()

    def __post_init__(self) -> None:
        for points in (self.red, self.green, self.blue, self.master):
            xs = [x for x, _ in points]
            if any(not 0 <= value <= 1 for point in points for value in point):
                raise InputError(f"the points of a curve lie in [0, 1], not {_point_text(points)}")
            if any(b <= a for a, b in itertools.pairwise(xs)):
                raise InputError(f"the points of a curve go from left to right, not {_point_text(points)}")

    def __call__(self, image: Tensor) -> Tensor:
        channels = []
        for channel, points in zip(image.unbind(-3), (self.red, self.green, self.blue), strict=True):
            mapped = _spline(_spline(channel.double().cpu().numpy(), points), self.master)
            channels.append(torch.from_numpy(mapped).to(image))
        return torch.stack(channels, dim=-3)

    def ffmpeg(self) -> str:
        names = {"r": self.red, "g": self.green, "b": self.blue, "master": self.master}
        return "curves=" + ":".join(f"{name}='{_point_text(points)}'" for name, points in names.items() if points)


@dataclass(frozen=True)
class Levels:
    """Black and white points per channel, red, green, blue: stretches [in] over [out] and clamps (`colorlevels`).

    Raises:
        InputError: a black point that is not under its white point, or a level outside [0, 1].
    """

    in_black: tuple[float, float, float] = (0, 0, 0)
    in_white: tuple[float, float, float] = (1, 1, 1)
    out_black: tuple[float, float, float] = (0, 0, 0)
    out_white: tuple[float, float, float] = (1, 1, 1)

    def __post_init__(self) -> None:
        for low, high in zip(self.in_black, self.in_white, strict=True):
            if not 0 <= low < high <= 1:
                raise InputError(f"levels lie in [0, 1] with black under white, not {low:g} and {high:g}")
        if not all(0 <= level <= 1 for level in (*self.out_black, *self.out_white)):
            raise InputError("output levels lie in [0, 1]")

    def __call__(self, image: Tensor) -> Tensor:
        in_black, in_white, out_black, out_white = (
            image.new_tensor(levels)[:, None, None]
            for levels in (self.in_black, self.in_white, self.out_black, self.out_white)
        )
        return ((image - in_black) * ((out_white - out_black) / (in_white - in_black)) + out_black).clamp(0, 1)

    def ffmpeg(self) -> str:
        named = {"imin": self.in_black, "imax": self.in_white, "omin": self.out_black, "omax": self.out_white}
        options = [
            f"{c}{name}={level:g}" for name, levels in named.items() for c, level in zip(CHANNELS, levels, strict=True)
        ]
        return "colorlevels=" + ":".join(options)


@dataclass(frozen=True)
class WhiteBalance:
    """The picture as if its white light had this colour temperature: 6504 K (D65) changes nothing, less is warmer.

    Gains in linear light along the black-body locus, under which white keeps its luminance to 1 % from 2700 K up.
    FFmpeg's own `colortemperature` multiplies encoded values instead, so the equivalent is an expression.

    Args:
        kelvin: 1000 to 15000.
    """

    kelvin: float

    def __post_init__(self) -> None:
        low, high = KELVIN_RANGE
        if not low <= self.kelvin <= high:
            raise InputError(f"a white balance is from {low:.0f} to {high:.0f} K, not {self.kelvin:g}")

    @property
    def gains(self) -> Tensor:
        """The gains of red, green and blue, `[3]` float64."""
        return light_gains(torch.tensor([1e6 / self.kelvin - D65_MIRED], dtype=torch.float64)).flatten()

    def __call__(self, image: Tensor) -> Tensor:
        return linear_to_srgb(srgb_to_linear(image) * self.gains.to(image)[:, None, None]).clamp(0, 1)

    def ffmpeg(self) -> str:
        return "lutrgb=" + ":".join(
            f"{channel}='{_linear_gain(gain)}'" for channel, gain in zip(CHANNELS, self.gains.tolist(), strict=True)
        )


@dataclass(frozen=True)
class Vignette:
    """Natural light falloff, cos^4 of an angle that grows from the centre to the corners (`vignette`).

    On encoded values, as FFmpeg has it; round in pixels.

    Args:
        angle: at the corners, in radians, 0 to pi/2; FFmpeg's own default is pi/5.
    """

    angle: float = math.pi / 5

    def __post_init__(self) -> None:
        if not 0 <= self.angle <= math.pi / 2:
            raise InputError(f"the angle of a vignette is from 0 to pi/2, not {self.angle:g}")

    def __call__(self, image: Tensor) -> Tensor:
        return image * _falloff(self.angle, *image.shape[-2:]).to(image)

    def ffmpeg(self, aspect: Fraction = Fraction(1)) -> str:
        """`aspect` is that of the picture's pixels, by which FFmpeg would make it round when shown."""
        return f"vignette=angle={self.angle:.6g}:aspect={aspect.numerator}/{aspect.denominator}:dither=0"


@dataclass(frozen=True)
class Effects:
    """What finishes a picture after its grade: colour effects in order, the vignette, then opacity.

    Args:
        color: the pointwise effects.
        vignette: None is none.
        opacity: of all this and of the grade over the original picture; 1 hides it (`blend`).
    """

    color: tuple[ColorEffect, ...] = ()
    vignette: Vignette | None = None
    opacity: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise InputError(f"opacity is from 0 to 1, not {self.opacity:g}")

    @property
    def is_spatial(self) -> bool:
        """Whether `place` changes anything."""
        return self.vignette is not None or self.opacity != 1

    def map_colors(self, image: Tensor) -> Tensor:
        """The pointwise effects of images `[..., 3, H, W]`."""
        for effect in self.color:
            image = effect(image)
        return image

    def place(self, graded: Tensor, original: Tensor) -> Tensor:
        """The vignette on graded images, and both laid over the originals, `[..., 3, H, W]` each."""
        if self.vignette is not None:
            graded = self.vignette(graded)
        return graded if self.opacity == 1 else torch.lerp(original, graded, self.opacity)


@lru_cache(maxsize=4)
def _falloff(angle: float, height: int, width: int) -> Tensor:
    """The factors of a vignette, `[H, W]` float64; the centre is where FFmpeg has it."""
    with torch.inference_mode(False):
        rows, columns = (torch.arange(side, dtype=torch.float64) - side / 2 for side in (height, width))
        distance = torch.hypot(columns, rows[:, None]) / math.hypot(width / 2, height / 2)  # 1 at a corner
        return (angle * distance).cos() ** 4


def _spline(x: np.ndarray, points: Points) -> np.ndarray:
    """The natural cubic spline through the points at `x`, clamped to [0, 1]; level beyond the ends."""
    if not points:
        return x
    xs, ys = (np.array(values) for values in zip(*points, strict=True))
    if len(points) < 3:
        return np.interp(x, xs, ys)
    from scipy.interpolate import CubicSpline

    return CubicSpline(xs, ys, bc_type="natural")(x.clip(xs[0], xs[-1])).clip(0, 1)


def _point_text(points: Points) -> str:
    return " ".join(f"{x:g}/{y:g}" for x, y in points)


def _linear_gain(gain: float) -> str:
    """FFmpeg's expression for a gain on the linear light of an sRGB-encoded channel."""
    decoded = "if(lte(ld(0),0.04045),ld(0)/12.92,pow((ld(0)+0.055)/1.055,2.4))"
    encoded = "if(lte(ld(1),0.0031308),ld(1)*12.92,1.055*pow(ld(1),1/2.4)-0.055)"
    return f"st(0,val/maxval);st(1,{gain:.8f}*{decoded});round(maxval*clip({encoded},0,1))"
