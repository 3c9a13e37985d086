"""LUTs as a few coefficients: principal components of the residuals of many LUTs, and the likeliest one for a map."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.lut import identity_table
from lutgrade.ops import apply_lut


class ResidualBasis(nn.Module):
    """A mean residual and principal components, each scaled by its deviation, so that coefficients are of unit scale.

    Before `fit`, and before a checkpoint is loaded, it is empty: every coefficient gives the identity.

    Args:
        size: nodes a side.
        components: how many.
    """

    mean: Tensor
    components: Tensor

    def __init__(self, size: int, components: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.zeros(3, size, size, size))
        self.register_buffer("components", torch.zeros(components, 3, size, size, size))

    @property
    def count(self) -> int:
        """How many components there are."""
        return len(self.components)

    def forward(self, coefficients: Tensor) -> Tensor:
        """Coefficients `[B, K]` to tables `[B, 3, S, S, S]`, not clamped."""
        with torch.autocast(coefficients.device.type, enabled=False):  # bfloat16 has fewer levels than an 8-bit image
            residual = self.mean + torch.einsum("bk,kcxyz->bcxyz", coefficients.float(), self.components)
        return identity_table(self.size).to(residual) + residual

    def coefficients(self, tables: Tensor) -> Tensor:
        """The coefficients `[B, K]` that come nearest to tables `[B, 3, S, S, S]`: the inverse of `forward`."""
        with torch.autocast(tables.device.type, enabled=False):  # what training aims at, to be known in full
            residual = (tables.float() - identity_table(self.size).to(tables.device) - self.mean).flatten(1)
            components = self.components.flatten(1)
            # Components are orthogonal, so that each is projected on by itself.
            return residual @ components.T / components.square().sum(1).clamp_min(1e-12)

    @torch.no_grad()
    def fit(self, tables: Tensor) -> float:
        """Takes the principal components of tables `[N, 3, S, S, S]`, and returns the share of variance they hold.

        Raises:
            InputError: the tables are of another size, or fewer than the components.
        """
        if tuple(tables.shape[1:]) != tuple(self.mean.shape) or len(tables) <= self.count:
            raise InputError(
                f"a basis of {self.count} components of size {self.size} needs more than {self.count} tables "
                f"[3, {self.size}, {self.size}, {self.size}], not {list(tables.shape)}"
            )
        residuals = (tables.to(self.mean) - identity_table(self.size).to(self.mean)).flatten(1)
        mean = residuals.mean(0)
        centred = (residuals - mean).double()
        # The Gram matrix is small: there are fewer tables than nodes.
        values, vectors = torch.linalg.eigh(centred @ centred.T)
        values, vectors = values.flip(0)[: self.count].clamp_min(0), vectors.flip(1)[:, : self.count]
        # A column v of norm 1 gives the component v^T X of norm sqrt(value), which over sqrt(N) is its deviation.
        components = (vectors.T @ centred) / len(tables) ** 0.5
        self.mean.copy_(mean.view_as(self.mean))
        self.components.copy_(components.view_as(self.components))
        return float(values.sum() / centred.square().sum().clamp_min(1e-12))

    def at(self, colors: Tensor) -> BasisAt:
        """The basis read at colours `[B, N, 3]`, where it becomes a linear model of what a grade does to them."""
        with torch.autocast(colors.device.type, enabled=False):  # half precision cannot solve what follows
            tables = torch.cat([self.mean[None], self.components])
            flat = colors.float().flatten(0, 1).T[None, :, None]  # [1, 3, 1, B * N]: one image, for every table
            values = apply_lut(flat.expand(len(tables), -1, -1, -1), tables)  # [K + 1, 3, 1, B * N]
            values = values.view(len(tables), 3, *colors.shape[:2]).permute(2, 3, 1, 0)  # [B, N, 3, K + 1]
            return BasisAt(colors.float() + values[..., 0], values[..., 1:].flatten(1, 2))


@dataclass(frozen=True)
class BasisAt:
    """A basis at N colours: the mean LUT's values `[B, N, 3]`, and the components `[B, 3 N, K]`."""

    mean: Tensor
    components: Tensor

    def joined(self, other: BasisAt) -> BasisAt:
        """At the colours of both, of the same images."""
        return BasisAt(torch.cat([self.mean, other.mean], dim=1), torch.cat([self.components, other.components], dim=1))

    def __call__(self, coefficients: Tensor) -> Tensor:
        """What the LUT of coefficients `[B, K]` makes of the colours, `[B, N, 3]`."""
        with torch.autocast(coefficients.device.type, enabled=False):
            return self.mean + (self.components @ coefficients.float()[..., None]).view_as(self.mean)

    def likeliest(self, mapped: Tensor, precision: Tensor, prior: Tensor) -> Tensor:
        """The coefficients `[B, K]` of the LUT that maps the colours nearly as told, and elsewhere as LUTs do.

        The posterior mean under a Gaussian prior of unit variance around `prior`, where colour n is observed with
        errors of variance 1 / precision: ridge regression in closed form, differentiable in all three.

        Args:
            mapped: what the colours become, `[B, N, 3]`.
            precision: how much each is trusted, `[B, N]`.
            prior: the coefficients without any observation, `[B, K]`.
        """
        with torch.autocast(prior.device.type, enabled=False):
            mapped, precision, prior = mapped.float(), precision.float(), prior.float()
            missing = (mapped - self(prior)).flatten(1)[..., None]  # [B, 3 N, 1]
            weighed = (self.components * precision.repeat_interleave(3, dim=1)[..., None]).mT  # [B, K, 3 N]
            eye = torch.eye(prior.shape[1], dtype=prior.dtype, device=prior.device)
            return prior + torch.linalg.solve(weighed @ self.components + eye, weighed @ missing)[..., 0]
