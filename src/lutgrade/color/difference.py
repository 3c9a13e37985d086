"""Colour differences between CIELAB images, differentiable."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lutgrade.color.matrix import split_channels

_TINY = 1e-20  # a squared chroma or difference under this is zero, and so is the gradient of its root


def delta_e_76(lab1: Tensor, lab2: Tensor) -> Tensor:
    """CIE 1976 difference, the Euclidean distance in Lab: `[..., 3, H, W]` twice to `[..., H, W]`."""
    return _root((lab1 - lab2).square().sum(-3))


def ciede2000(lab1: Tensor, lab2: Tensor, *, kL: float = 1.0, kC: float = 1.0, kH: float = 1.0) -> Tensor:
    """CIEDE2000 difference of two Lab images, `[..., 3, H, W]` twice (broadcast) to `[..., H, W]`.

    Follows Sharma, Wu and Dalal (2005), "The CIEDE2000 color-difference formula", with its equation numbers.
    Symmetric. Gradients are finite everywhere: zero at identical colours, where the root has none. The
    formula itself jumps where two hues are opposite.

    Args:
        lab1: CIELAB, D65, L in [0, 100].
        lab2: the same.
        kL: the parametric weight of lightness; 2 for textiles.
        kC: that of chroma.
        kH: that of hue.
    """
    lightness1, a1, b1 = split_channels(lab1)
    lightness2, a2, b2 = split_channels(lab2)

    mean_chroma_ab = (_root(a1**2 + b1**2) + _root(a2**2 + b2**2)) / 2  # (2), (3)
    stretch = 1 + 0.5 * (1 - _chroma_weight(mean_chroma_ab))  # (4), 1 + G
    a1, a2 = stretch * a1, stretch * a2  # (5)
    chroma1, hue1 = _polar(a1, b1)  # (6), (7)
    chroma2, hue2 = _polar(a2, b2)

    coloured = (chroma1 > 0) & (chroma2 > 0)
    turn = torch.where(coloured, hue2 - hue1, 0)  # (10)
    far = turn.abs() > math.pi
    turn = torch.where(far, turn - 2 * math.pi * turn.sign(), turn)
    delta_l = lightness2 - lightness1  # (8)
    delta_c = chroma2 - chroma1  # (9)
    delta_h = 2 * _root(chroma1 * chroma2) * torch.sin(turn / 2)  # (11)

    mean_l = (lightness1 + lightness2) / 2  # (12)
    mean_c = (chroma1 + chroma2) / 2  # (13)
    # (14). A grey has hue 0, so the sum is the other colour's hue; half a turn up or down is one angle.
    mean_h = (hue1 + hue2) / 2
    mean_h = torch.where(coloured, torch.where(far, mean_h + math.pi, mean_h), hue1 + hue2)

    squared_l = (mean_l - 50) ** 2
    s_l = 1 + 0.015 * squared_l / (20 + squared_l).sqrt()  # (17)
    s_c = 1 + 0.045 * mean_c  # (18)
    s_h = 1 + 0.015 * mean_c * _hue_weight(mean_h)  # (19)
    light, chroma, hue = delta_l / (kL * s_l), delta_c / (kC * s_c), delta_h / (kH * s_h)
    # delta_h squared, in the form that at a grey still has the gradient towards the other colour.
    squared_h = ((a2 - a1) ** 2 + (b2 - b1) ** 2 - delta_c**2).clamp_min(0) / (kH * s_h) ** 2
    return _root(light**2 + chroma**2 + squared_h + _rotation(mean_c, mean_h) * chroma * hue)  # (22)


def _root(squared: Tensor) -> Tensor:
    """The square root, with a zero gradient at 0."""
    zero = squared < _TINY
    return torch.where(zero, 0, torch.where(zero, 1, squared).sqrt())


def _polar(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Chroma and hue in radians [0, 2 pi); hue 0 without a gradient for a grey."""
    grey = a**2 + b**2 < _TINY
    hue = torch.atan2(torch.where(grey, 0, b), torch.where(grey, 1, a))
    return _root(a**2 + b**2), torch.where(hue < 0, hue + 2 * math.pi, hue)


def _chroma_weight(chroma: Tensor) -> Tensor:
    """sqrt(C^7 / (C^7 + 25^7)), in a form whose gradient at 0 exists."""
    ratio = chroma / 25
    return ratio**3.5 / (1 + ratio**7).sqrt()


def _hue_weight(hue: Tensor) -> Tensor:
    """T of equation (15)."""
    return (
        1
        - 0.17 * torch.cos(hue - math.radians(30))
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + math.radians(6))
        - 0.20 * torch.cos(4 * hue - math.radians(63))
    )


def _rotation(chroma: Tensor, hue: Tensor) -> Tensor:
    """R_T of equations (16), (20) and (21): the tilt of the ellipses around blue."""
    degrees = torch.remainder(hue, 2 * math.pi) * (180 / math.pi)
    angle = math.radians(30) * torch.exp(-(((degrees - 275) / 25) ** 2))
    return -2 * _chroma_weight(chroma) * torch.sin(2 * angle)
