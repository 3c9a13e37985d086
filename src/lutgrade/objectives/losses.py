"""The terms that objectives weigh: of tables, of histograms and of features. All are means over the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut import identity_table

Distance = Literal["mse", "l2"]


def check_weights(weights: Mapping[str, float]) -> None:
    """Raises an InputError where no part of an objective counts."""
    if not any(weights.values()):
        raise InputError("an objective without a weight above 0 trains nothing")


def with_loss(parts: Mapping[str, Tensor], weights: Mapping[str, float]) -> dict[str, Tensor]:
    """The parts of an objective as they are, and their weighted sum as `loss`."""
    return {"loss": sum((weights[name] * part for name, part in parts.items()), torch.zeros(())), **parts}


def smoothness(table: Tensor) -> Tensor:
    """Mean square slope of the residual of tables `[B, 3, S, S, S]`, over the three axes; 0 for a shift of all colours.

    The total variation of Image-Adaptive-3DLUT and NLUT in units of slope, so that it does not depend on S.
    """
    residual = table - identity_table(table.shape[-1]).to(table)
    slopes = [residual.diff(dim=axis) * (table.shape[-1] - 1) for axis in (-1, -2, -3)]
    return torch.stack([slope.square().mean() for slope in slopes]).sum()


def monotonicity(table: Tensor) -> Tensor:
    """Mean square of the falling slopes of each channel along its own axis, of final tables `[B, 3, S, S, S]`."""
    steps = table.shape[-1] - 1
    slopes = [table[:, channel].diff(dim=-1 - channel) * steps for channel in range(3)]  # red runs along the last axis
    return torch.stack([F.relu(-slope).square().mean() for slope in slopes]).mean()


def content_distance(graded: Tensor, content: Tensor, distance: Distance = "mse") -> Tensor:
    """Between the features `[B, C, H, W]` of the graded image and of the content (NCST Eq. 2, the deepest scale)."""
    return _distance(graded.flatten(1), content.flatten(1), distance)


def style_distance(graded: list[Tensor], reference: list[Tensor], distance: Distance = "mse") -> Tensor:
    """Between means and deviations of the features at every scale, summed (NCST Eq. 1). Sizes may differ."""
    total = graded[0].new_zeros(())
    for a, b in zip(graded, reference, strict=True):
        for statistic_a, statistic_b in zip(_mean_std(a), _mean_std(b), strict=True):
            total = total + _distance(statistic_a, statistic_b, distance)
    return total


def histogram_divergence(graded: Tensor, reference: Tensor, bins: int = 64, eps: float = 1e-6) -> Tensor:
    """Kullback-Leibler divergence of the graded histograms from the reference's, summed over channels (NCST Eq. 3-5).

    Histograms count shares of pixels, in soft bins: the paper's hard ones have no gradient.
    """
    ours, wanted = soft_histogram(graded, bins), soft_histogram(reference, bins)
    ours, wanted = (((h + eps) / (h.sum(-1, keepdim=True) + eps)) for h in (ours, wanted))  # Eq. 4, 5
    return (wanted * (wanted / (ours + eps)).log()).sum((1, 2)).mean()  # Eq. 3


def soft_histogram(image: Tensor, bins: int) -> Tensor:
    """Shares of the pixels of `[B, C, H, W]` near each of `bins` values from 0 to 1, `[B, C, bins]`; sums to 1.

    A pixel counts for the two bins around it by nearness, which passes a gradient; beyond [0, 1] it counts for the end.
    """
    position = image.flatten(2).clamp(0, 1) * (bins - 1)
    low = position.detach().floor().clamp(max=bins - 2).nan_to_num()  # a NaN is no index, but stays in the share
    share = position - low
    counts = position.new_zeros(*position.shape[:2], bins)
    counts = counts.scatter_add(2, low.long(), 1 - share).scatter_add(2, low.long() + 1, share)
    return counts / position.shape[2]


def _mean_std(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation over the pixels of `[B, C, H, W]`, each `[B, C]`."""
    variance, mean = torch.var_mean(features.flatten(2), dim=2, correction=0)
    return mean, (variance + 1e-5).sqrt()


def _distance(a: Tensor, b: Tensor, distance: Distance) -> Tensor:
    """Between `[B, N]` and `[B, N]`: the mean square, or the Euclidean norm (its gradient is 0 where they agree)."""
    if distance == "mse":
        return (a - b).square().mean()
    return (a - b).norm(dim=1).mean()
