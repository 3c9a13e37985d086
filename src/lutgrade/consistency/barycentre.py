"""The colours half-way between clips: Wasserstein barycentres of covariances and of quantiles."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lutgrade.models.matching import linear_transport

ITERATIONS = 100
TOLERANCE = 1e-10  # of a covariance in units of (100 Lab) squared
FREE = 1e6  # no bound on the gain of a map


def gaussian_barycentre(means: Tensor, covariances: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The Wasserstein barycentre of Gaussians: `[N, 3]`, `[N, 3, 3]`, weights `[N]` of sum 1 to `[3]` and `[3, 3]`.

    The mean is the weighted mean. The covariance is the fixed point S = T S T, with T the weighted mean of the
    optimal linear maps from S to each covariance (Alvarez-Esteban et al. 2016, "A fixed-point approach to barycenters
    in Wasserstein space", Theorem 4.2).
    """
    mean = (weights[:, None] * means).sum(0)
    current = (weights[:, None, None] * covariances).sum(0)
    for _ in range(ITERATIONS):
        maps = linear_transport(current.expand_as(covariances), covariances, FREE)
        step = (weights[:, None, None] * maps).sum(0)
        following = step @ current @ step.T
        change = (following - current).abs().max()
        current = (following + following.T) / 2
        if change < TOLERANCE:
            break
    return mean, current


def quantile_barycentre(quantiles: Tensor, weights: Tensor) -> Tensor:
    """The 1-D Wasserstein barycentre of each axis: the weighted mean of quantiles `[N, 3, L]`, to `[3, L]`."""
    return (weights[:, None, None] * quantiles).sum(0)


def linear_map(colors: Tensor, mean: Tensor, covariance: Tensor, max_gain: float) -> Callable[[Tensor], Tensor]:
    """The optimal linear map that gives `colors` `[3, N]` a mean `[3]` and a covariance `[3, 3]`."""
    own_mean = colors.mean(1, keepdim=True)
    centred = colors - own_mean
    own = centred @ centred.T / colors.shape[1]
    matrix = linear_transport(own[None], covariance[None], max_gain)[0]
    return lambda x: matrix @ (x - own_mean) + mean[:, None]


def with_quantiles(colors: Tensor, quantiles: Tensor) -> Tensor:
    """Colours `[3, N]` with the quantiles `[3, L]` (equally spaced, from the lowest) given to each axis by rank."""
    count, levels = colors.shape[1], quantiles.shape[1]
    place = (torch.arange(count, dtype=colors.dtype) + 0.5) / count * (levels - 1)
    low = place.long().clamp(max=levels - 2)
    ranked = torch.lerp(quantiles[:, low], quantiles[:, low + 1], place - low)
    return torch.empty_like(colors).scatter(1, colors.argsort(dim=1, stable=True), ranked)


def pooled(clouds: list[Tensor], weights: Tensor, count: int) -> Tensor:
    """`count` colours `[3, count]` that stand for several clouds `[3, N]` by weight, whatever the order of the clouds.

    Evenly spaced in the order of the first axis (lightness), ties by the others.
    """
    colors = torch.cat(clouds, dim=1)
    each = zip(clouds, weights.tolist(), strict=True)
    share = torch.cat([cloud.new_full((cloud.shape[1],), weight / cloud.shape[1]) for cloud, weight in each])
    for axis in (2, 1, 0):
        order = colors[axis].argsort(stable=True)
        colors, share = colors[:, order], share[order]
    reached = share.cumsum(0)
    picks = torch.searchsorted(reached, (torch.arange(count, dtype=reached.dtype) + 0.5) / count * reached[-1])
    return colors[:, picks.clamp(max=colors.shape[1] - 1)]
