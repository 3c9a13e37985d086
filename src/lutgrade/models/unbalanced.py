"""A linear matcher of the colours that content and reference share, by unbalanced optimal transport."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.models.matching import linear_transport
from lutgrade.models.pixels import ColorSpace, affine_lut, check_images, color_space, moments, sample_pixels

SINKHORN_STEPS = 40
FARTHEST = 1e-30  # floor of the Gibbs kernel: pairs this far apart exchange nothing, and nothing underflows


@dataclass(frozen=True)
class UnbalancedMKL:
    """MKL of the colours that both images hold: moments weighted by unbalanced transport (ours).

    Two pictures differ by their grade and by what they show, and plain moments take both for the grade. Here the
    content is mapped by the linear Monge-Kantorovich map, transported to the reference by entropic transport whose
    marginals may give way (Chizat et al. 2018), and the map is made again from moments in which every colour counts
    as much as was transported of it; so a colour that has no counterpart moves the map little.

    Args:
        size: nodes a side.
        space: what to match in, `rgb` (sRGB-encoded), `lab`, `oklab` or `linear`; distances are in its units.
        max_gain: the largest eigenvalue of the map.
        samples: colours an image is represented by.
        rounds: transports, each from the map of the one before.
        blur: the entropic regularisation, a squared distance.
        reach: the weight of the marginals' Kullback-Leibler divergence, a squared distance: mass that would have
            to go much further is dropped instead.
        keep_level: the part of the content's mean level, along the grey axis, that the map keeps. The light of a
            scene differs more between two pictures of one grade than their colours do.

    Raises:
        InputError: a blur or a reach that is not above 0.
    """

    size: int = 33
    space: str = "rgb"
    max_gain: float = 2.0
    samples: int = 512
    rounds: int = 5
    blur: float = 0.003
    reach: float = 0.05
    keep_level: float = 0.1

    def __post_init__(self) -> None:
        if not (self.blur > 0 and self.reach > 0):
            raise InputError(f"transport needs a blur and a reach above 0, not {self.blur:g} and {self.reach:g}")

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        check_images(content, reference)
        space = color_space(self.space)
        colors_c, colors_r = (
            space.to(_by_lightness(sample_pixels(image), self.samples)) for image in (content, reference)
        )
        (mean_c, cov_c), (mean_r, cov_r) = moments(colors_c), moments(colors_r)
        for _ in range(self.rounds):
            matrix = linear_transport(cov_c, cov_r, self.max_gain)
            mapped = matrix @ (colors_c.squeeze(-1) - mean_c) + self._goal(space, mean_c, mean_r)
            weight_c, weight_r = transported(mapped, colors_r.squeeze(-1), self.blur, self.reach)
            (mean_c, cov_c), (mean_r, cov_r) = moments(colors_c, weight_c), moments(colors_r, weight_r)
        matrix = linear_transport(cov_c, cov_r, self.max_gain)
        return affine_lut(space, matrix, mean_c, self._goal(space, mean_c, mean_r), content, self.size)

    def _goal(self, space: ColorSpace, mean_c: Tensor, mean_r: Tensor) -> Tensor:
        """The mean `[B, 3, 1]` that the map leads to."""
        return mean_r + self.keep_level * space.level(mean_c - mean_r)


def transported(source: Tensor, target: Tensor, blur: float, reach: float) -> tuple[Tensor, Tensor]:
    """How much of each colour unbalanced entropic transport carries: `[B, 3, N]`, `[B, 3, M]` to `[B, N]`, `[B, M]`.

    Squared Euclidean cost, uniform marginals relaxed by `reach` times their Kullback-Leibler divergence: the scaling
    iterations of Chizat et al. (2018), "Scaling algorithms for unbalanced optimal transport problems".
    """
    cost = torch.cdist(source.mT, target.mT).square()  # [B, N, M]
    kernel = (-cost / blur).exp().clamp_min(FARTHEST)
    power = reach / (reach + blur)
    v = target.new_ones(target.shape[0], target.shape[-1], 1)
    for _ in range(SINKHORN_STEPS):
        u = (1 / (source.shape[-1] * (kernel @ v))) ** power  # [B, N, 1]
        v = (1 / (target.shape[-1] * (kernel.mT @ u))) ** power  # [B, M, 1]
    return (u * (kernel @ v)).squeeze(-1), (v * (kernel.mT @ u)).squeeze(-1)


def _by_lightness(colors: Tensor, count: int) -> Tensor:
    """`count` of the colours `[B, 3, N, 1]`, evenly spaced in their order by R + G + B, so that no level is missed."""
    total = colors.shape[2]
    if total <= count:
        return colors
    order = colors.sum(dim=1, keepdim=True).argsort(dim=2, stable=True)  # [B, 1, N, 1]
    picks = ((torch.arange(count, device=colors.device) + 0.5) * (total / count)).long()
    return colors.gather(2, order[:, :, picks].expand(-1, 3, -1, -1))
