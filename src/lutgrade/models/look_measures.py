"""What a look does to light and colour, in numbers that can be set against the words for a look."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lutgrade.color.spaces import oklab_to_srgb, srgb_to_oklab

HUES = {
    "reds": 29,
    "oranges": 58,
    "yellows": 100,
    "greens": 140,
    "cyans": 195,
    "blues": 255,
    "purples": 305,
    "pinks": 350,
}
REGIONS = {"shadow": (0.1, 0.35), "midtone": (0.35, 0.65), "highlight": (0.65, 0.95)}  # of grey, sRGB-encoded
WARM = 75  # degrees: the hue between orange and yellow that a warmer light adds; cooler is the opposite
CHROMA, LIGHTNESS = 0.06, (0.45, 0.6, 0.75)  # of the colours that saturation is measured on; inside sRGB at every hue
STEPS = 101

# A change of each that is plain to see; measures are given in these units.
UNITS = {
    "exposure": 0.08,
    "contrast": 0.15,
    "shadows": 0.06,
    "blacks": 0.1,
    "highlights": 0.05,
    "shoulder": 0.2,
    "temperature": 0.03,
    "tint": 0.025,
    "saturation": 0.35,
    "cast": 0.03,
    "hue": 0.3,
}


def measure(look: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """Changes that a colour map makes, each in units (`UNITS`) of a change that is plain to see.

    The map takes images `[3, H, W]`, sRGB-encoded in [0, 1], to the same.

    `exposure`, `shadows`, `blacks` and `highlights` are lightness (Oklab) of greys, `contrast` its slope over the
    middle, `shoulder` how much flatter it is at the top, `temperature` and `tint` the cast of greys towards orange and
    magenta, `saturation` the distance of colours from greys, `reds` to `pinks` how much colour those hues have.
    `shadow_a`, `shadow_b` and so on for midtone and highlight are the casts of those regions.
    """
    after, before = _raw(look), _raw(lambda image: image)
    return {name: (after[name] - before[name]) / _unit(name) for name in after}


def _raw(look: Callable[[Tensor], Tensor]) -> dict[str, float]:
    greys = torch.linspace(0, 1, STEPS)
    light, a, b = srgb_to_oklab(look(greys.expand(3, 1, STEPS)))[:, 0]  # [STEPS] each

    def mean(row: Tensor, low: float, high: float) -> float:
        return float(row[(greys >= low - 1e-6) & (greys <= high + 1e-6)].mean())

    def slope(low: float, high: float) -> float:
        return float(light[round(high * (STEPS - 1))] - light[round(low * (STEPS - 1))]) / (high - low)

    cast_a, cast_b = mean(a, 0.15, 0.85), mean(b, 0.15, 0.85)
    warm_a, warm_b = math.cos(math.radians(WARM)), math.sin(math.radians(WARM))
    casts = {
        f"{region}_{axis}": mean(row, *limits)
        for region, limits in REGIONS.items()
        for axis, row in (("a", a), ("b", b))
    }
    return {
        "exposure": mean(light, 0.15, 0.85),
        "contrast": slope(0.25, 0.75),
        "shadows": mean(light, 0.05, 0.3),
        "blacks": float(light[0]),
        "highlights": mean(light, 0.75, 1.0),
        "shoulder": -slope(0.8, 1.0),
        "temperature": cast_a * warm_a + cast_b * warm_b,
        "tint": cast_a * warm_b - cast_b * warm_a,
        **casts,
        **_colors(look),
    }


def _colors(look: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """The logarithm of the spread of colours about their mean, and the share of each hue's own colour in them."""
    angle = torch.deg2rad(torch.tensor([float(hue) for hue in HUES.values()]))
    light = torch.tensor(LIGHTNESS)[:, None].expand(-1, len(HUES))
    lab = torch.stack([light, (CHROMA * angle.cos()).expand_as(light), (CHROMA * angle.sin()).expand_as(light)])
    out = srgb_to_oklab(look(oklab_to_srgb(lab)))  # [3, lightness, hue]
    spread = (out[1:] - out[1:].mean(2, keepdim=True)).square().sum(0).mean().sqrt()
    shares = ((out[1] * angle.cos() + out[2] * angle.sin()) / CHROMA).mean(0)  # [hue]
    return {"saturation": math.log(max(float(spread) / CHROMA, 0.05)), **dict(zip(HUES, shares.tolist(), strict=True))}


def _unit(name: str) -> float:
    if name in HUES:
        return UNITS["hue"]
    return UNITS["cast" if name[:-2] in REGIONS else name]
