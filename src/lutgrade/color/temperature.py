"""Colour temperature: the white of a black body, and the gains of a light that is warmer or cooler than D65."""

from __future__ import annotations

import torch
from torch import Tensor

from lutgrade.color.spaces import xyz_to_linear

D65_MIRED = 1e6 / 6504  # reciprocal megakelvin
MIRED_RANGE = (1e6 / 15000, 1e6 / 1000)  # where Krystek's approximation holds


def planckian_xyz(mired: Tensor) -> Tensor:
    """XYZ `[3, *shape]` at Y = 1 of black bodies of `mired` = 1e6 / kelvin, for 1000 K to 15000 K (clamped).

    Krystek (1985), "An algorithm to calculate correlated colour temperature": rational functions for the
    CIE 1960 (u, v), within 2e-4 of the locus.
    """
    t = 1e6 / mired.clamp(*MIRED_RANGE)
    u = (0.860117757 + 1.54118254e-4 * t + 1.28641212e-7 * t**2) / (1 + 8.42420235e-4 * t + 7.08145163e-7 * t**2)
    v = (0.317398726 + 4.22806245e-5 * t + 4.20481691e-8 * t**2) / (1 - 2.89741816e-5 * t + 1.61456053e-7 * t**2)
    x, y = 3 * u / (2 * u - 8 * v + 4), 2 * v / (2 * u - 8 * v + 4)
    return torch.stack([x / y, torch.ones_like(y), (1 - x - y) / y])


def light_gains(shift: Tensor) -> Tensor:
    """Gains `[N, 3, 1, 1]` on linear Rec.709 of a light `shift` `[N]` mired warmer than D65.

    The colours of two black bodies divided, so a shift of 0 gives gains of exactly 1. White keeps its luminance
    to 0.3 %.
    """
    whites = [
        xyz_to_linear(planckian_xyz(D65_MIRED + mired)[:, None])[:, 0]  # [3, N]
        for mired in (shift, torch.zeros_like(shift))
    ]
    return (whites[0] / whites[1]).T[:, :, None, None]
