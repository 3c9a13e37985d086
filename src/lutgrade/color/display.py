"""A display rendering of scene light: the plain picture of a camera's log footage, before any grade."""

from __future__ import annotations

import torch
from torch import Tensor

from lutgrade.color.matrix import split_channels
from lutgrade.color.spaces import linear_to_srgb

MIDDLE_GREY = 0.18  # scene reflectance
DISPLAYED_GREY = 0.16  # its display light, 0.437 sRGB-encoded
CONTRAST = 1.4  # of the curve in log-log, before the shoulder
GAMUT_THRESHOLD = 0.8  # saturation (max - min) / max above which colours are compressed

_BLACK = 1e-9  # keeps the saturation of a black finite


def scene_to_display(linear: Tensor) -> Tensor:
    """Renders scene-linear light in Rec.709 primaries for an sRGB display.

    A sigmoid tone curve, y = x^p / (x^p + k), puts 18 % grey at 0.437 (sRGB-encoded) and diffuse white at
    0.84, and rolls highlights off towards 1. The curve acts on the largest and the smallest channel, and the
    one between them keeps its place: the hue (of HSV, in linear light) stays as it was, and bright colours
    turn to white without a cast. Saturation beyond 0.8 is compressed under 1, so colours out of the display's
    gamut keep their differences instead of being clipped. Continuous, and increasing with exposure.

    Args:
        linear: `[..., 3, H, W]`, scene light with 1 as diffuse white; may be above 1 and negative.

    Returns:
        `[..., 3, H, W]`, sRGB-encoded in [0, 1].
    """
    split_channels(linear)
    highest, lowest = linear.amax(-3, keepdim=True), linear.amin(-3, keepdim=True)  # [..., 1, H, W]
    light = highest.clamp_min(0)
    saturation = _compress((light - lowest) / (light + _BLACK))
    top, bottom = _tone(light), _tone(light * (1 - saturation))
    spread = highest - lowest
    place = (linear - lowest) / torch.where(spread > 0, spread, 1)  # 0 at the smallest channel, 1 at the largest
    return linear_to_srgb(bottom + place * (top - bottom))


def _compress(saturation: Tensor) -> Tensor:
    """Brings saturations from the threshold to infinity into [threshold, 1), with a continuous slope."""
    room = 1 - GAMUT_THRESHOLD
    excess = ((saturation - GAMUT_THRESHOLD) / room).clamp_min(0)
    return torch.where(excess > 0, GAMUT_THRESHOLD + room * excess / (1 + excess), saturation)


def _tone(light: Tensor) -> Tensor:
    """Scene light, 0 or more, to display light in [0, 1)."""
    offset = MIDDLE_GREY**CONTRAST * (1 / DISPLAYED_GREY - 1)
    power = light**CONTRAST
    return power / (power + offset)
