"""Natural scene statistics: the patch features of NIQE (Mittal, Soundararajan and Bovik 2013)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PATCH = 96  # pixels a side at the first scale, half of it at the second
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # neighbours: right, below, and the two diagonals


def patch_features(luma: Tensor) -> Tensor:
    """The 36 features of every patch of an image: 18 at full size and 18 at half size.

    Args:
        luma: `[H, W]`, float64, 8-bit values in [0, 255], at least 96 pixels a side. What is left over at the right
            and at the bottom after whole patches is cut off.

    Returns:
        `[patches, 36]`; a patch without texture has NaN in it.
    """
    from piq.functional import imresize  # MATLAB's: bicubic, antialiased, with its borders

    height, width = (side // PATCH * PATCH for side in luma.shape)
    full = luma[:height, :width]
    half = imresize(full[None, None], sizes=(height // 2, width // 2))[0, 0]
    return torch.cat([_features(_patches(mscn(full), PATCH)), _features(_patches(mscn(half), PATCH // 2))], dim=1)


def mscn(luma: Tensor) -> Tensor:
    """Mean-subtracted contrast-normalised coefficients of `[H, W]`: (x - mean) / (deviation + 1).

    Both are local, in a 7x7 Gaussian window of deviation 7/6 with replicated borders.
    """
    x = torch.arange(-3, 4, dtype=luma.dtype, device=luma.device)
    line = torch.exp(-0.5 * (x / (7 / 6)) ** 2)
    window = torch.outer(line, line)[None, None] / line.sum() ** 2

    def local_mean(values: Tensor) -> Tensor:
        return F.conv2d(F.pad(values[None, None], (3, 3, 3, 3), mode="replicate"), window)[0, 0]

    mean = local_mean(luma)
    deviation = (local_mean(luma**2) - mean**2).abs().sqrt()
    return (luma - mean) / (deviation + 1)


def _patches(values: Tensor, side: int) -> Tensor:
    """`[H, W]` to `[patches, side, side]`."""
    return values.unfold(0, side, side).unfold(1, side, side).flatten(0, 1)


def _features(patches: Tensor) -> Tensor:
    """18 features of MSCN patches `[P, side, side]`, to `[P, 18]`: two of their own and four of each neighbour's."""
    alpha, left, right = asymmetric_gaussian(patches.flatten(1))
    features = [alpha, (left + right) / 2]
    for shift in SHIFTS:
        products = patches * patches.roll(shift, dims=(1, 2))
        alpha, left, right = asymmetric_gaussian(products.flatten(1))
        mean = (right - left) * torch.exp(torch.lgamma(2 / alpha) - torch.lgamma(1 / alpha))
        features += [alpha, mean, left, right]
    return torch.stack(features, dim=1)


def asymmetric_gaussian(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fits an asymmetric generalised Gaussian to each row of `[P, N]` by moments: shape and the two scales, `[P]` each.

    The shape is looked up in steps of 0.001 from 0.2 to 10 (Lasmar et al. 2009).
    """
    shapes = torch.arange(200, 10001, dtype=values.dtype, device=values.device) / 1000
    ratios = torch.exp(2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes))
    squares = values.square()
    left = ((squares * (values < 0)).sum(1) / (values < 0).sum(1)).sqrt()
    right = ((squares * (values > 0)).sum(1) / (values > 0).sum(1)).sqrt()
    skew = left / right
    ratio = values.abs().mean(1).square() / squares.mean(1)
    ratio = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    # `ratios` grows with the shape, so the nearest entry is one of two neighbours.
    after = torch.searchsorted(ratios, ratio.contiguous()).clamp(1, len(ratios) - 1)
    nearer = after - (ratio - ratios[after - 1] <= ratios[after] - ratio).long()
    alpha = torch.where(ratio.isnan(), torch.nan, shapes[nearer])
    scale = torch.exp((torch.lgamma(1 / alpha) - torch.lgamma(3 / alpha)) / 2)
    return alpha, left * scale, right * scale
