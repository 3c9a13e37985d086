"""Matchers in closed form: the reference's colour statistics given to the content, as a LUT.

Each takes content and reference `[B, 3, H, W]` (sRGB-encoded floats in [0, 1], sizes may differ) to a `Lut` with a
table per image, `[B, 3, S, S, S]`, clamped to [0, 1]. Statistics are in float64 over at most 65,536 pixels an image,
always the same ones. `max_gain` bounds how far a map may stretch colours apart, so that a flat content is moved and
not posterised; nothing bounds how far it may draw them together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.models.pixels import affine_lut, as_lut, check_images, color_space, moments, sample_pixels

NOISE = 1e-5  # variance added to each axis: about that of 8-bit rounding, for images of few colours


@dataclass(frozen=True)
class Identity:
    """Changes nothing; the row that every other model is compared with."""

    size: int = 33

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        check_images(content, reference)
        table = identity_table(self.size, device=content.device)
        return Lut(table.repeat(content.shape[0], 1, 1, 1, 1))


@dataclass(frozen=True)
class _AffineMatcher(ABC):
    """Gives the content the reference's mean, and its covariance as far as the map of a subclass does."""

    size: int = 33
    space: str = "rgb"
    max_gain: float = 2.0

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        check_images(content, reference)
        space = color_space(self.space)
        (mean_c, cov_c), (mean_r, cov_r) = (moments(space.to(sample_pixels(image))) for image in (content, reference))
        return affine_lut(space, self.matrix(cov_c, cov_r), mean_c, mean_r, content, self.size)

    @abstractmethod
    def matrix(self, cov_c: Tensor, cov_r: Tensor) -> Tensor:
        """The linear part of the map `[B, 3, 3]`, from covariances `[B, 3, 3]` in the space."""


@dataclass(frozen=True)
class Reinhard(_AffineMatcher):
    """Mean and deviation per CIELAB axis (Reinhard et al. 2001, in Lab instead of their l-alpha-beta).

    Args:
        size: nodes a side.
        space: what to match in, `lab`, `oklab`, `rgb` or `linear`.
        max_gain: the largest scale of an axis.
    """

    space: str = "lab"

    def matrix(self, cov_c: Tensor, cov_r: Tensor) -> Tensor:
        """The ratios of the deviations, `[B, 3, 3]`."""
        variance_c, variance_r = (cov.diagonal(dim1=1, dim2=2) + NOISE for cov in (cov_c, cov_r))
        return torch.diag_embed((variance_r / variance_c).sqrt().clamp(max=self.max_gain))


@dataclass(frozen=True)
class HistogramMatching:
    """The whole histogram of each CIELAB axis, by the monotone map of its quantiles.

    The map is piecewise linear between `levels` quantiles and of slope 1 beyond them. Steps steeper than `max_gain`
    are cut to it, and the map is then shifted so that the mean stays the reference's.

    Args:
        size: nodes a side.
        space: what to match in, `lab`, `oklab`, `rgb` or `linear`.
        levels: quantiles an axis, at least 2.
        max_gain: the largest slope.

    Raises:
        InputError: fewer than 2 levels.
    """

    size: int = 33
    space: str = "lab"
    levels: int = 64
    max_gain: float = 4.0

    def __post_init__(self) -> None:
        if self.levels < 2:
            raise InputError(f"a histogram is matched between 2 quantiles at least, not {self.levels}")

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        check_images(content, reference)
        space = color_space(self.space)
        source, wanted = (  # [B, 3, levels]
            quantiles(space.to(sample_pixels(image)).squeeze(-1), self.levels) for image in (content, reference)
        )
        steps = torch.minimum(wanted.diff(dim=-1), self.max_gain * source.diff(dim=-1))
        target = torch.cat([torch.zeros_like(wanted[..., :1]), steps.cumsum(dim=-1)], dim=-1)
        target = target + (wanted - target).mean(dim=-1, keepdim=True)
        return as_lut(lambda image: space.back(_piecewise(space.to(image), source, target)), content, self.size)


@dataclass(frozen=True)
class MKL(_AffineMatcher):
    """Mean and covariance, by the linear Monge-Kantorovich map (Pitie and Kokaram 2007).

    Of all linear maps that turn the content's covariance into the reference's, the one that moves colours least:
    T = C^-1/2 (C^1/2 R C^1/2)^1/2 C^-1/2.

    Args:
        size: nodes a side.
        space: what to match in, `rgb` (sRGB-encoded), `lab`, `oklab` or `linear`.
        max_gain: the largest eigenvalue of T.
    """

    def matrix(self, cov_c: Tensor, cov_r: Tensor) -> Tensor:
        """T `[B, 3, 3]`."""
        return linear_transport(cov_c, cov_r, self.max_gain)


def linear_transport(cov_c: Tensor, cov_r: Tensor, max_gain: float, noise: float = NOISE) -> Tensor:
    """The symmetric T `[B, 3, 3]` with T C T = R (Pitie and Kokaram 2007), its eigenvalues cut to `max_gain`."""
    eye = noise * torch.eye(3, dtype=cov_c.dtype, device=cov_c.device)
    root = _power(cov_c + eye, 0.5)
    inverse = _power(cov_c + eye, -0.5)
    transport = inverse @ _power(root @ (cov_r + eye) @ root, 0.5) @ inverse
    values, vectors = torch.linalg.eigh((transport + transport.mT) / 2)
    return (vectors * values.clamp(0, max_gain)[:, None]) @ vectors.mT


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of symmetric positive definite matrices `[B, 3, 3]`."""
    values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2)
    return (vectors * values.clamp_min(1e-18).pow(exponent)[:, None]) @ vectors.mT


def quantiles(values: Tensor, count: int) -> Tensor:
    """Of each row of `[B, 3, N]`, from the lowest, at the middles of `count` equal parts, `[B, 3, count]`.

    The values themselves are the quantiles at the middles of N parts; between them it is linear.
    """
    ranked = values.sort(dim=-1).values
    total = ranked.shape[-1]
    place = (torch.arange(count, dtype=values.dtype, device=values.device) + 0.5) * total / count - 0.5
    place = place.clamp(0, total - 1)
    low = place.long()
    return torch.lerp(ranked[..., low], ranked[..., (low + 1).clamp(max=total - 1)], place - low)


def _piecewise(image: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Maps `[B, 3, H, W]` through the line from `source` to `target` knots `[B, 3, K]`, of slope 1 beyond them."""
    x = image.flatten(2).contiguous()
    index = torch.searchsorted(source.contiguous(), x).clamp(1, source.shape[-1] - 1)
    x0, x1 = source.gather(2, index - 1), source.gather(2, index)
    y0, y1 = target.gather(2, index - 1), target.gather(2, index)
    inside = ((x - x0) / (x1 - x0).clamp_min(1e-12)).clamp(0, 1)
    beyond = (x - source[..., -1:]).clamp_min(0) + (x - source[..., :1]).clamp_max(0)
    return (torch.lerp(y0, y1, inside) + beyond).view_as(image)
