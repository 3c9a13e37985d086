"""LUTs as a few coefficients: principal components of the residuals of many LUTs, and the likeliest one for a map."""

from __future__ import annotations

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

    def at(self, colors: Tensor) -> tuple[Tensor, Tensor]:
        """The residuals of mean and components at colours `[B, 3, N]`: `[B, 3, N]` and `[B, K, 3, N]`."""
        tables = torch.cat([self.mean[None], self.components])
        flat = colors.transpose(0, 1).reshape(1, 3, 1, -1)  # one image of all colours, for every table
        values = apply_lut(flat.expand(len(tables), -1, -1, -1), tables)  # [K + 1, 3, 1, B * N]
        values = values.view(len(tables), 3, *colors.shape[::2]).permute(2, 0, 1, 3)  # [B, K + 1, 3, N]
        return values[:, 0], values[:, 1:]

    def likeliest(self, colors: Tensor, mapped: Tensor, precision: Tensor) -> Tensor:
        """The coefficients `[B, K]` of the LUT that maps colours `[B, 3, N]` nearly as told, and elsewhere as LUTs do.

        The posterior mean under a unit Gaussian prior of the coefficients, with errors of variance N / precision:
        ridge regression in closed form, differentiable in `mapped` and `precision`.
        """
        with torch.autocast(colors.device.type, enabled=False):  # half precision cannot solve it
            colors, mapped = colors.float(), mapped.float()
            mean, components = self.at(colors)
            design = components.flatten(2)  # [B, K, 3 N]
            weighed = design * (precision / colors.shape[-1])
            eye = torch.eye(self.count, dtype=design.dtype, device=design.device)
            wanted = (mapped - colors - mean).flatten(1)[..., None]
            return torch.linalg.solve(weighed @ design.mT + eye, weighed @ wanted)[..., 0]
