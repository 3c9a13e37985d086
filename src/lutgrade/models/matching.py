"""Matchers in closed form: the reference's colour statistics given to the content, as a LUT.

Each takes content and reference `[B, 3, H, W]` (sRGB-encoded floats in [0, 1], sizes may differ) to a `Lut` with a
table per image, `[B, 3, S, S, S]`, clamped to [0, 1]. Statistics are in float64 over at most 65,536 pixels an image,
always the same ones. `max_gain` bounds how far a map may stretch colours apart, so that a flat content is moved and
not posterised; nothing bounds how far it may draw them together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

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
class Reinhard:
    """Mean and deviation per CIELAB axis (Reinhard et al. 2001, in Lab instead of their l-alpha-beta).

    Args:
        size: nodes a side.
        space: what to match in, `lab`, `oklab`, `rgb` or `linear`.
        max_gain: the largest scale of an axis.
    """

    size: int = 33
    space: str = "lab"
    max_gain: float = 2.0

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        check_images(content, reference)
        space = color_space(self.space)
        mean_c, cov_c = moments(space.to(sample_pixels(content)))
        mean_r, cov_r = moments(space.to(sample_pixels(reference)))
        variance_c, variance_r = (cov.diagonal(dim1=1, dim2=2)[..., None] + NOISE for cov in (cov_c, cov_r))
        gain = (variance_r / variance_c).sqrt().clamp(max=self.max_gain)  # [B, 3, 1]
        return affine_lut(space, torch.diag_embed(gain.squeeze(-1)), mean_c, mean_r, content, self.size)


@dataclass(frozen=True)
class HistogramMatching:
    """The whole histogram of each CIELAB axis, by the monotone map of its quantiles.

    The map is piecewise linear between `levels` quantiles and of slope 1 beyond them. Steps steeper than `max_gain`
    are cut to it, and the map is then shifted so that the mean stays the reference's.

    Args:
        size: nodes a side.
        space: what to match in, `lab`, `oklab`, `rgb` or `linear`.
        levels: quantiles an axis.
        max_gain: the largest slope.
    """

    size: int = 33
    space: str = "lab"
    levels: int = 64
    max_gain: float = 4.0

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        check_images(content, reference)
        space = color_space(self.space)
        source = _quantiles(space.to(sample_pixels(content)), self.levels)  # [B, 3, levels]
        wanted = _quantiles(space.to(sample_pixels(reference)), self.levels)
        steps = torch.minimum(wanted.diff(dim=-1), self.max_gain * source.diff(dim=-1))
        target = torch.cat([torch.zeros_like(wanted[..., :1]), steps.cumsum(dim=-1)], dim=-1)
        target = target + (wanted - target).mean(dim=-1, keepdim=True)
        return as_lut(lambda image: space.back(_piecewise(space.to(image), source, target)), content, self.size)


@dataclass(frozen=True)
class MKL:
    """Mean and covariance, by the linear Monge-Kantorovich map (Pitie and Kokaram 2007).

    Of all linear maps that turn the content's covariance into the reference's, the one that moves colours least:
    T = C^-1/2 (C^1/2 R C^1/2)^1/2 C^-1/2.

    Args:
        size: nodes a side.
        space: what to match in, `rgb` (sRGB-encoded), `lab`, `oklab` or `linear`.
        max_gain: the largest eigenvalue of T.
    """

    size: int = 33
    space: str = "rgb"
    max_gain: float = 2.0

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        check_images(content, reference)
        space = color_space(self.space)
        mean_c, cov_c = moments(space.to(sample_pixels(content)))
        mean_r, cov_r = moments(space.to(sample_pixels(reference)))
        transport = linear_transport(cov_c, cov_r, self.max_gain)
        return affine_lut(space, transport, mean_c, mean_r, content, self.size)


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


def _quantiles(colors: Tensor, levels: int) -> Tensor:
    """Quantiles of each axis of `[B, 3, N, 1]` at the middles of `levels` equal parts, `[B, 3, levels]`."""
    ranked = colors.squeeze(-1).sort(dim=-1).values
    position = (torch.arange(levels, dtype=ranked.dtype, device=ranked.device) + 0.5) / levels
    position = position * (ranked.shape[-1] - 1)
    low = position.long()
    high = (low + 1).clamp(max=ranked.shape[-1] - 1)
    return torch.lerp(ranked[..., low], ranked[..., high], position - low)


def _piecewise(image: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """Maps `[B, 3, H, W]` through the line from `source` to `target` knots `[B, 3, K]`, of slope 1 beyond them."""
    x = image.flatten(2).contiguous()
    index = torch.searchsorted(source.contiguous(), x).clamp(1, source.shape[-1] - 1)
    x0, x1 = source.gather(2, index - 1), source.gather(2, index)
    y0, y1 = target.gather(2, index - 1), target.gather(2, index)
    inside = ((x - x0) / (x1 - x0).clamp_min(1e-12)).clamp(0, 1)
    beyond = (x - source[..., -1:]).clamp_min(0) + (x - source[..., :1]).clamp_max(0)
    return (torch.lerp(y0, y1, inside) + beyond).view_as(image)
