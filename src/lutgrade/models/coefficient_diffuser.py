"""The small L-Diffuser: coefficients of LUT components drawn by diffusion, around what a pair pins down (ours)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from lutgrade.lut import Lut
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.evidence import Evidence
from lutgrade.models.layers import damped
from lutgrade.models.lut_diffusion import Condition, LutDiffusion
from lutgrade.models.predictor import LutSamples

WAVES = 64  # of the timestep's embedding


class CoefficientDiffuser(LutDiffusion):
    """Draws a LUT's principal components by diffusion, told of the pair by its matched colours (ours).

    What is observed of a LUT through noise and what the pair tells of it are both Gaussian, so that their product is
    known in closed form: the network starts from its mean, and corrects what a Gaussian gets wrong, in units of its
    deviation, so that what is known for certain stays. Untrained, it draws from the Gaussian.

    Args:
        reader: makes the condition encoder of a size and a number of components.
        diffusion: the noise schedule, and what is predicted.
        size: nodes a side of the LUT.
        components: how many; the latent.
        scale: what coefficients are multiplied by; they are of unit variance without it.
        hidden: channels of the network.
        layers: blocks of it.
        anchor: False leaves the closed form out, so that the network predicts alone.
        correction: how much of what the network has learned is used beside the closed form, outside of training; a
            network that has seen few LUTs is too sure of itself.
        sampling: steps, samples, temperature, guidance, dropout and seed of `LutDiffusion`.
    """

    def __init__(
        self,
        reader: Callable[[int, int], Evidence],
        diffusion: Diffusion,
        *,
        size: int = 17,
        components: int = 64,
        scale: float = 1.0,
        hidden: int = 384,
        layers: int = 3,
        anchor: bool = True,
        correction: float = 1.0,
        **sampling: Any,
    ) -> None:
        super().__init__(diffusion, (components,), **sampling)
        self.size, self.scale, self.correction = size, scale, correction
        self.reader = reader(size, components)
        self.normalise = nn.LayerNorm(self.reader.length)
        # Logs of how far the pair's Gaussian is trusted: the precision of each component, and the information's factor.
        self.calibrate = damped(nn.Linear(self.reader.length, components + 1)) if anchor else None
        self.network = Denoiser((4 if anchor else 2) * components + self.reader.length, components, hidden, layers)

    def initialise(self) -> None:
        """Reads the weights that the reader starts from."""
        self.reader.initialise()

    def fit_to(self, data: LutSamples) -> None:
        """Takes the components from the LUTs of a training set."""
        self.reader.fit_to(data)

    def encode(self, tables: Tensor) -> Tensor:
        """Tables `[B, 3, S, S, S]` of any size to their scaled coefficients `[B, K]`."""
        return self.scale * self.reader.basis.coefficients(Lut(tables).resize(self.size).table)

    def decode(self, latents: Tensor) -> Tensor:
        """Scaled coefficients `[B, K]` to tables `[B, 3, S, S, S]`, not clamped."""
        return self.reader.basis(latents / self.scale)

    def condition(self, content: Tensor, reference: Tensor) -> Condition:
        """Mean, information and features of images `[B, 3, H, W]`, as an `Evidence` gives them."""
        return self.reader(content, reference)

    def denoise(self, noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        """What `diffusion.prediction` says of scaled coefficients `[B, K]` at timesteps `[B]`."""
        features = self.normalise(condition["features"])
        known = [noisy, self.scale * condition["mean"], features]
        if self.calibrate is None:
            return self.network(torch.cat(known, dim=1), timestep).float()
        expected, deviation = self._expected(noisy, timestep, condition, self.calibrate(features).float())
        correction = self.network(torch.cat([*known, expected, deviation], dim=1), timestep).float()
        if not self.training:
            correction = self.correction * correction
        return self.diffusion.predict(expected + deviation * correction, noisy, timestep)

    def _expected(self, noisy: Tensor, timestep: Tensor, condition: Condition, trust: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviations `[B, K]` of the latents, given what the pair and their noisy version tell."""
        with torch.autocast(noisy.device.type, enabled=False):
            own, factor = trust.exp().split([trust.shape[1] - 1, 1], dim=1)
            told = torch.diag_embed(own) + factor[..., None] * condition["information"].float()  # [B, K, K]
            told = told / self.scale**2
            alpha = self.diffusion.alphas_cumprod.to(noisy.device)[timestep][:, None]
            seen = alpha / (1 - alpha)  # the precision of noisy / sqrt(alpha)
            precision = told + torch.diag_embed(seen.expand_as(noisy))
            mean = self.scale * condition["mean"].float()[..., None]
            weighed = (told @ mean)[..., 0] + alpha.sqrt() / (1 - alpha) * noisy.float()
            root = torch.linalg.cholesky(precision)
            expected = torch.cholesky_solve(weighed[..., None], root)[..., 0]
            return expected, torch.cholesky_inverse(root).diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()


class Denoiser(nn.Module):
    """A residual MLP whose layers are shifted and scaled by the timestep.

    Args:
        inputs: numbers it sees.
        outputs: numbers it gives, zero before training.
        hidden: channels.
        layers: residual blocks.
    """

    def __init__(self, inputs: int, outputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(WAVES, hidden), nn.SiLU())
        self.first = nn.Linear(inputs, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden, elementwise_affine=False) for _ in range(layers))
        self.modulations = nn.ModuleList(damped(nn.Linear(hidden, 2 * hidden)) for _ in range(layers))
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.SiLU(), nn.Linear(2 * hidden, hidden))
            for _ in range(layers)
        )
        self.last = damped(nn.Linear(hidden, outputs))

    def forward(self, known: Tensor, timestep: Tensor) -> Tensor:
        """`[B, inputs]` at timesteps `[B]` to `[B, outputs]`."""
        rates = torch.exp(-math.log(10_000) / (WAVES // 2) * torch.arange(WAVES // 2, device=known.device))
        phases = timestep[:, None] * rates
        time = self.time(torch.cat([phases.sin(), phases.cos()], dim=1))
        x = self.first(known)
        for norm, modulation, block in zip(self.norms, self.modulations, self.blocks, strict=True):
            scale, shift = modulation(time).chunk(2, dim=1)
            x = x + block(norm(x) * (1 + scale) + shift)
        return self.last(silu(x))
