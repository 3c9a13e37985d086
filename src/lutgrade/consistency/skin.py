"""Keeping skin what it was while everything else is matched: a smooth mask in colour space, baked into the LUT."""

from __future__ import annotations

import torch
from torch import Tensor

from lutgrade.color.spaces import lab_to_lch, lab_to_srgb, srgb_to_lab
from lutgrade.lut import identity_table

HUE, HUE_WIDTH = 57.0, 22.0  # CIELAB degrees: the middle of measured skin of all tones, and one deviation
CHROMA, CHROMA_WIDTH = 22.0, 14.0
DARKEST, LIGHTEST = 15.0, 95.0  # L, between which skin lies; the mask falls off over 10


def skin_mask(colors: Tensor) -> Tensor:
    """How much each colour of `[3, H, W]`, sRGB-encoded in [0, 1], is that of skin: `[H, W]` in [0, 1], smooth."""
    lightness, chroma, hue = lab_to_lch(srgb_to_lab(colors)).unbind(0)
    turn = torch.remainder(hue - HUE + 180, 360) - 180
    mask = torch.exp(-((turn / HUE_WIDTH) ** 2) / 2 - ((chroma - CHROMA) / CHROMA_WIDTH) ** 2 / 2)
    return mask * ((lightness - DARKEST) / 10 + 1).clamp(0, 1) * ((LIGHTEST - lightness) / 10 + 1).clamp(0, 1)


def protect_skin(table: Tensor, amount: float) -> Tensor:
    """A table `[3, S, S, S]` in which the colours of skin keep `amount` (0 to 1) of their hue and chroma.

    Lightness follows the grade, so that faces stay in the exposure of their scene. The mask is on the colours that
    come in: a clip whose skin has a cast keeps that much of it.
    """
    size = table.shape[-1]
    nodes = identity_table(size, dtype=torch.float64).reshape(3, size, -1)
    graded = srgb_to_lab(table.double().reshape(3, size, -1))
    own = srgb_to_lab(nodes)
    keep = (amount * skin_mask(nodes))[None]
    mixed = torch.cat([graded[:1], torch.lerp(graded[1:], own[1:], keep)])
    return lab_to_srgb(mixed).clamp(0, 1).reshape(table.shape).to(table)
