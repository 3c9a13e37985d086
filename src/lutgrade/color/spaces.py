"""Colour spaces: sRGB-encoded, linear, XYZ, CIELAB, LCh, Oklab and HSV.

Every function takes and returns images `[..., 3, H, W]` in floating point, batched, on any device, and has
finite gradients everywhere, black, white and greys included. Linear is Rec.709 (sRGB) primaries with 1 as
white; XYZ has Y = 1 at white; the white is D65 of the 2 degree observer by its chromaticity (0.3127, 0.3290).
Greys come out neutral in every space. Nothing is clamped: colours outside [0, 1] go through and come back.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lutgrade.color.matrix import (
    D65,
    REC709_PRIMARIES,
    apply_matrix,
    inverse,
    rgb_to_xyz_matrix,
    split_channels,
    white_xyz,
)

_LINEAR_TO_XYZ = rgb_to_xyz_matrix(REC709_PRIMARIES, D65)
_XYZ_TO_LINEAR = inverse(_LINEAR_TO_XYZ)
_WHITE = white_xyz(D65).tolist()

# IEC 61966-2-1. The break in linear light is the image of the encoded one: the two are exact inverses.
_SRGB_BREAK = 0.04045
_SRGB_SLOPE = 12.92

_LAB_DELTA = 6 / 29  # CIE 15:2004: a cube root above delta^3, a line below

# Ottosson (2020), "A perceptual color space for image processing", in its version for linear sRGB.
_LINEAR_TO_LMS = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
_LMS_TO_OKLAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]
_LMS_TO_LINEAR = inverse(_LINEAR_TO_LMS)
_OKLAB_TO_LMS = inverse(_LMS_TO_OKLAB)

# The cube root has an infinite slope at 0. Under this cone response (of 8-bit colours, black alone) Oklab
# takes the chord instead, so that black has a finite gradient.
_CHORD = 1e-6

_GREY = 1e-20  # squared chroma under which a colour has no hue


def srgb_to_linear(image: Tensor) -> Tensor:
    """Decodes sRGB (IEC 61966-2-1) to linear light; negative values by odd symmetry, as in scRGB."""
    size = image.abs()
    power = ((size.clamp_min(_SRGB_BREAK) + 0.055) / 1.055) ** 2.4
    return torch.where(size <= _SRGB_BREAK, image / _SRGB_SLOPE, power * image.sign())


def linear_to_srgb(image: Tensor) -> Tensor:
    """Encodes linear light as sRGB, the inverse of `srgb_to_linear`; negative values by odd symmetry."""
    size = image.abs()
    threshold = _SRGB_BREAK / _SRGB_SLOPE
    power = 1.055 * size.clamp_min(threshold) ** (1 / 2.4) - 0.055
    return torch.where(size <= threshold, image * _SRGB_SLOPE, power * image.sign())


def linear_to_xyz(image: Tensor) -> Tensor:
    """Linear Rec.709 to CIE XYZ with Y = 1 at white."""
    return apply_matrix(_LINEAR_TO_XYZ, image)


def xyz_to_linear(image: Tensor) -> Tensor:
    """CIE XYZ with Y = 1 at white to linear Rec.709; colours out of its gamut have negative channels."""
    return apply_matrix(_XYZ_TO_LINEAR, image)


def xyz_to_lab(image: Tensor) -> Tensor:
    """CIE XYZ (Y = 1 at white) to CIELAB, D65, L in [0, 100]."""
    x, y, z = (_lab_curve(channel / white) for channel, white in zip(split_channels(image), _WHITE, strict=True))
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-3)


def lab_to_xyz(image: Tensor) -> Tensor:
    """CIELAB (D65, L in [0, 100]) to CIE XYZ with Y = 1 at white."""
    lightness, a, b = split_channels(image)
    y = (lightness + 16) / 116
    curves = (y + a / 500, y, y - b / 200)
    return torch.stack([_lab_uncurve(f) * white for f, white in zip(curves, _WHITE, strict=True)], dim=-3)


def _lab_curve(t: Tensor) -> Tensor:
    line = t / (3 * _LAB_DELTA**2) + 4 / 29
    return torch.where(t > _LAB_DELTA**3, t.clamp_min(_LAB_DELTA**3) ** (1 / 3), line)


def _lab_uncurve(f: Tensor) -> Tensor:
    return torch.where(f > _LAB_DELTA, f**3, 3 * _LAB_DELTA**2 * (f - 4 / 29))


def srgb_to_lab(image: Tensor) -> Tensor:
    """sRGB-encoded to CIELAB, D65, L in [0, 100] for colours in [0, 1]."""
    return xyz_to_lab(linear_to_xyz(srgb_to_linear(image)))


def lab_to_srgb(image: Tensor) -> Tensor:
    """CIELAB (D65) to sRGB-encoded, not clamped: Lab colours that sRGB does not hold fall outside [0, 1]."""
    return linear_to_srgb(xyz_to_linear(lab_to_xyz(image)))


def lab_to_lch(image: Tensor) -> Tensor:
    """Lab (or Oklab) to lightness, chroma and hue in degrees [0, 360); a grey has hue 0 and no gradient."""
    lightness, a, b = split_channels(image)
    squared = a**2 + b**2
    grey = squared < _GREY
    chroma = torch.where(grey, 1, squared).sqrt()
    hue = torch.atan2(torch.where(grey, 0, b), torch.where(grey, 1, a)) * (180 / math.pi)
    return torch.stack([lightness, torch.where(grey, 0, chroma), torch.where(hue < 0, hue + 360, hue)], dim=-3)


def lch_to_lab(image: Tensor) -> Tensor:
    """Lightness, chroma and hue in degrees to Lab (or Oklab), the inverse of `lab_to_lch`."""
    lightness, chroma, hue = split_channels(image)
    angle = hue * (math.pi / 180)
    return torch.stack([lightness, chroma * angle.cos(), chroma * angle.sin()], dim=-3)


def linear_to_oklab(image: Tensor) -> Tensor:
    """Linear Rec.709 to Oklab, L in [0, 1]."""
    lms = apply_matrix(_LINEAR_TO_LMS, image)
    size = lms.abs()
    root = size.clamp_min(_CHORD) ** (1 / 3) * lms.sign()
    return apply_matrix(_LMS_TO_OKLAB, torch.where(size < _CHORD, lms * _CHORD ** (-2 / 3), root))


def oklab_to_linear(image: Tensor) -> Tensor:
    """Oklab to linear Rec.709, not clamped."""
    root = apply_matrix(_OKLAB_TO_LMS, image)
    lms = torch.where(root.abs() < _CHORD ** (1 / 3), root * _CHORD ** (2 / 3), root**3)
    return apply_matrix(_LMS_TO_LINEAR, lms)


def srgb_to_oklab(image: Tensor) -> Tensor:
    """sRGB-encoded to Oklab, L in [0, 1]; a and b reach about 0.32 within sRGB."""
    return linear_to_oklab(srgb_to_linear(image))


def oklab_to_srgb(image: Tensor) -> Tensor:
    """Oklab to sRGB-encoded, not clamped."""
    return linear_to_srgb(oklab_to_linear(image))


def srgb_to_hsv(image: Tensor) -> Tensor:
    """sRGB-encoded in [0, 1] to hue in turns [0, 1), saturation and value; a grey has hue 0."""
    red, green, blue = split_channels(image)
    value, lowest = image.amax(-3), image.amin(-3)
    spread = value - lowest
    divisor = torch.where(spread > 0, spread, 1)
    hue = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4),
    )
    turns = torch.where(hue < 0, hue + 6, hue) / 6
    saturation = spread / torch.where(value == 0, 1, value)
    return torch.stack([torch.where(turns < 1, turns, 0), saturation, value], dim=-3)


def hsv_to_srgb(image: Tensor) -> Tensor:
    """Hue in turns (any real, taken modulo 1), saturation and value to sRGB-encoded."""
    hue, saturation, value = split_channels(image)
    channels = []
    for offset in (5, 3, 1):  # where red, green and blue lie on the hexagon
        position = torch.remainder(hue * 6 + offset, 6)
        channels.append(value - value * saturation * torch.minimum(position, 4 - position).clamp(0, 1))
    return torch.stack(channels, dim=-3)
