"""The small L-Diffuser: coefficients of LUT components drawn by diffusion, around what a pair pins down (ours)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, silu

from lutgrade.lut import Lut
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.evidence import Evidence
from lutgrade.models.layers import damped
from lutgrade.models.lut_diffusion import Condition, LutDiffusion
from lutgrade.models.predictor import LutSamples

WAVES = 64  # of the timestep's embedding
SEEN = 16  # pixels a side of the content that stand for its colours


class CoefficientDiffuser(LutDiffusion):
    """Draws a LUT's principal components by diffusion, told of the pair by its matched colours (ours).

    What is observed of a LUT through noise and what the pair tells of it are both Gaussian, so that their product is
    known in closed form: the network starts from its mean, and corrects what a Gaussian gets wrong. Untrained, it draws
    from the Gaussian.

    Args:
        reader: makes the condition encoder of a size and a number of components.
        diffusion: the noise schedule, and what is predicted.
        size: nodes a side of the LUT.
        components: how many; the latent.
        scale: what coefficients are multiplied by; they are of unit variance without it.
        hidden: channels of the network.
        layers: blocks of it.
        anchor: False leaves the closed form out, so that the network predicts alone.
        correction: how much of what the network has learned is used beside the closed form, outside of training.
        informed: the network corrects what is expected of the LUT before anything is found, which what was found then
            overrules where it is sure; how far either is trusted, a function of the pair, is learned. Without it the
            network corrects the result, each component by itself in units of its deviation, and trust changes the
            Gaussian's deviations only.
        seen: precision that the content's colours have in all when a LUT is encoded. Components cannot show most LUTs
            exactly, and what errors are made should be where they are not seen; at 0 they are spread evenly.
        directions: in how many of its directions the starting noise varies: those that change the content most. 0 is
            all of them.
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
        informed: bool = False,
        seen: float = 0.0,
        directions: int = 0,
        **sampling: Any,
    ) -> None:
        super().__init__(diffusion, (components,), **sampling)
        self.size, self.scale, self.correction = size, scale, correction
        self.informed, self.seen, self.directions = informed, seen, directions
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

    def encode(self, tables: Tensor, content: Tensor) -> Tensor:
        """Tables `[B, 3, S, S, S]` of any size, which grade images `[B, 3, H, W]`, to scaled coefficients `[B, K]`."""
        basis = self.reader.basis
        nearest = basis.coefficients(Lut(tables).resize(self.size).table)
        if self.seen:
            colors = colors_of(content)
            mapped = Lut(tables)(colors.mT[..., None])[..., 0].mT
            precision = colors.new_full(colors.shape[:2], self.seen / colors.shape[1])
            nearest = basis.at(colors).likeliest(mapped, precision, nearest)
        return self.scale * nearest

    def decode(self, latents: Tensor) -> Tensor:
        """Scaled coefficients `[B, K]` to tables `[B, 3, S, S, S]`, not clamped."""
        return self.reader.basis(latents / self.scale)

    def condition(self, content: Tensor, reference: Tensor) -> Condition:
        """Mean, information and features of images `[B, 3, H, W]`, as an `Evidence` gives them."""
        return self.reader(content, reference)

    def varied(self, noise: Tensor, condition: Condition, content: Tensor) -> Tensor:
        """Noise `[N, K]` in the `directions` in which what the pair leaves open changes the content most."""
        if not self.directions:
            return noise
        with torch.autocast(noise.device.type, enabled=False):
            values, vectors = torch.linalg.eigh(self._told(condition)[0])
            root = vectors @ torch.diag_embed(values.rsqrt()) @ vectors.mT  # takes noise to the Gaussian, as DDIM does
            components = self.reader.basis.at(colors_of(content)).components  # [B, 3 N, K]
            shown = components.repeat(len(noise) // len(content), 1, 1) @ root
            kept = torch.linalg.eigh(shown.mT @ shown).eigenvectors[..., -self.directions :]  # [N, K, directions]
            return (kept @ (kept.mT @ noise[..., None]))[..., 0]

    def denoise(self, noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        """What `diffusion.prediction` says of scaled coefficients `[B, K]` at timesteps `[B]`."""
        known = [noisy, self.scale * condition["mean"], self.normalise(condition["features"])]
        if self.calibrate is None:
            return self.network(torch.cat(known, dim=1), timestep).float()
        expected, covariance = self._expected(noisy, timestep, condition)
        deviation = covariance.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
        correction = self.network(torch.cat([*known, expected, deviation], dim=1), timestep).float()
        if not self.training:
            correction = self.correction * correction
        moved = (covariance @ correction[..., None])[..., 0] if self.informed else deviation * correction
        return self.diffusion.predict(expected + moved, noisy, timestep)

    def _expected(self, noisy: Tensor, timestep: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """Mean `[B, K]` and covariance of the latents, given what the pair and their noisy version tell."""
        told, weighed = self._told(condition)
        with torch.autocast(noisy.device.type, enabled=False):
            alpha = self.diffusion.alphas_cumprod.to(noisy.device)[timestep][:, None]
            seen = alpha / (1 - alpha)  # the precision of noisy / sqrt(alpha)
            precision = told + torch.diag_embed(seen.expand_as(noisy))
            weighed = weighed + alpha.sqrt() / (1 - alpha) * noisy.float()
            root = torch.linalg.cholesky(precision)
            expected = torch.cholesky_solve(weighed[..., None], root)[..., 0]
            return expected, torch.cholesky_inverse(root)

    def _told(self, condition: Condition) -> tuple[Tensor, Tensor]:
        """The pair's Gaussian over the latents: its precision `[B, K, K]`, and that times its mean, `[B, K]`."""
        assert self.calibrate is not None
        trust = self.calibrate(self.normalise(condition["features"])).float()
        with torch.autocast(trust.device.type, enabled=False):
            own, factor = trust.exp().split([trust.shape[1] - 1, 1], dim=1)
            mean, information = condition["mean"].float(), condition["information"].float()
            told = torch.diag_embed(own) + factor[..., None] * information
            if self.informed:
                prior = condition["prior"].float()
                found = (information @ mean[..., None])[..., 0] + mean - prior  # the rest of what the mean is of
                weighed = own * prior + factor * found
            else:
                weighed = (told @ mean[..., None])[..., 0]
            return told / self.scale**2, weighed / self.scale


def colors_of(images: Tensor) -> Tensor:
    """Pixels of images `[B, 3, H, W]` that stand for all, `[B, SEEN**2, 3]`."""
    return interpolate(images, (SEEN, SEEN), mode="nearest").flatten(2).mT.contiguous()


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
