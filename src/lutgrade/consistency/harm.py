"""What a LUT may do to a clip that no distance between clips shows: clipping, milky blacks, dull whites."""

from __future__ import annotations

import torch
from torch import Tensor

from lutgrade.consistency.encoding import SDR, Encoding

CLIPPED = 0.05  # share of a clip's pixels with a channel driven to 0 or 1
LIFTED = 5.0  # lightness of the black point above both its own and the target's
DULLED = 8.0  # lightness of the white point below both
EDGE = 0.5 / 255
POINTS = (0.01, 0.99)  # quantiles of lightness that the black and the white point are


def harm_of(before: Tensor, after: Tensor, target: Tensor, encoding: Encoding = SDR) -> list[str]:
    """What is wrong with a clip's colours `[3, N]` after a grade, in words; all code values in [0, 1].

    A black point far above that of the clip and that of the target belongs to neither: it comes of matching shares of
    dark pixels between pictures of unlike content. The same holds for whites.
    """
    found = []
    clipped = float((_at_edge(after) & ~_at_edge(before)).any(0).float().mean())
    if clipped > CLIPPED:
        found.append(f"more of it would clip {clipped:.0%} of its pixels")
    (black, white), own, wanted = (_points(colors, encoding) for colors in (after, before, target))
    lifted = black - max(own[0], wanted[0])
    if lifted > LIFTED:
        found.append(f"more of it would lift its blacks by {lifted:.0f} {encoding.axes[0]}")
    dulled = min(own[1], wanted[1]) - white
    if dulled > DULLED:
        found.append(f"more of it would dull its whites by {dulled:.0f} {encoding.axes[0]}")
    return found


def _at_edge(colors: Tensor) -> Tensor:
    return (colors < EDGE) | (colors > 1 - EDGE)


def _points(colors: Tensor, encoding: Encoding) -> tuple[float, float]:
    """The lightness of the black and of the white point of colours `[3, N]`."""
    lightness = encoding.measured(colors)[0].double()
    black, white = torch.quantile(lightness, torch.tensor(POINTS, dtype=torch.float64)).tolist()
    return black, white
