"""What models have in common that draw LUTs by diffusion, given a pair of images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.models.diffusion import Diffusion
from lutgrade.models.pixels import check_images

Condition = dict[str, Tensor]  # what a pair tells, by name, each `[B, ...]`; zeros tell nothing


class LutDiffusion(nn.Module, ABC):
    """Draws LUTs by denoising latents, given what a pair tells; subclasses say what latents and condition are.

    Args:
        diffusion: the noise schedule, and what is predicted.
        latent: shape of one latent.
        steps: of DDIM.
        samples: how many LUTs are drawn and averaged; many come near the mean of all that fit the pair.
        temperature: deviation of the noise that sampling starts from. 1 draws as diverse as the model has learned;
            below it LUTs lie nearer to the likeliest, and 0 always gives the same.
        guidance: how far to go from the prediction without the condition to the one with it; 1 needs no second pass.
        dropout: how often in training the condition is dropped, which guidance needs.
        seed: of the noise, where none is given.

    Raises:
        InputError: fewer than one sample, a negative temperature, or a dropout that is no share.
    """

    def __init__(
        self,
        diffusion: Diffusion,
        latent: tuple[int, ...],
        *,
        steps: int = 25,
        samples: int = 1,
        temperature: float = 1.0,
        guidance: float = 1.0,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if samples < 1 or temperature < 0:
            raise InputError(f"{samples} samples at a temperature of {temperature:g}; at least 1, and 0 or more")
        if not 0 <= dropout <= 1:
            raise InputError(f"dropout is {dropout:g}; it is a share, from 0 to 1")
        self.diffusion, self.latent = diffusion, latent
        self.steps, self.samples, self.temperature = steps, samples, temperature
        self.guidance, self.dropout, self.seed = guidance, dropout, seed

    @abstractmethod
    def encode(self, tables: Tensor, content: Tensor) -> Tensor:
        """Tables `[B, 3, S, S, S]` of any size, which grade images `[B, 3, H, W]`, to latents `[B, *latent]`."""

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """Latents `[B, *latent]` to tables `[B, 3, S, S, S]`, not clamped."""

    @abstractmethod
    def condition(self, content: Tensor, reference: Tensor) -> Condition:
        """What images `[B, 3, H, W]`, sRGB-encoded in [0, 1], tell; sizes may differ."""

    @abstractmethod
    def denoise(self, noisy: Tensor, timestep: Tensor, condition: Condition) -> Tensor:
        """What `diffusion.prediction` says of latents `[B, *latent]` at timesteps `[B]`."""

    def forward(self, content: Tensor, reference: Tensor, *, seed: int | None = None) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image, in [0, 1].

        A seed gives the same LUT on the same device, whatever else is in the batch.
        """
        return Lut(self.draw(content, reference, self.samples, seed=seed).mean(0))

    def varied(self, noise: Tensor, condition: Condition, content: Tensor) -> Tensor:
        """The noise `[count * B, *latent]` that sampling starts from, where all of it is not wanted.

        Args:
            noise: of unit variance.
            condition: of each.
            content: images `[B, 3, H, W]`.
        """
        return noise

    @torch.no_grad()
    def draw(self, content: Tensor, reference: Tensor, count: int, *, seed: int | None = None) -> Tensor:
        """`count` LUTs a pair, `[count, B, 3, S, S, S]` in [0, 1]."""
        *_, latents = self.trajectory(content, reference, count, seed=seed)
        return self.decode(latents.flatten(0, 1).float()).clamp(0, 1).unflatten(0, (count, len(content)))

    @torch.no_grad()
    def trajectory(
        self, content: Tensor, reference: Tensor, count: int = 1, *, seed: int | None = None
    ) -> Iterator[Tensor]:
        """The latents `[count, B, *latent]` of `count` LUTs a pair, after each step of DDIM."""
        check_images(content, reference)
        known = {
            name: part.repeat(count, *[1] * (part.dim() - 1))
            for name, part in self.condition(content, reference).items()
        }
        generator = torch.Generator().manual_seed(self.seed if seed is None else seed)
        noise = torch.stack([torch.randn(1, *self.latent, generator=generator) for _ in range(count)])
        noise = noise.to(content.device).expand(-1, len(content), *self.latent).flatten(0, 1)
        start = self.temperature * self.varied(noise, known, content)
        for latents in self.diffusion.trajectory(partial(self._guided, known), start, self.steps):
            yield latents.unflatten(0, (count, len(content)))

    def _guided(self, condition: Condition, noisy: Tensor, timestep: Tensor) -> Tensor:
        """The prediction at one timestep for all."""
        each = timestep.expand(len(noisy))
        told = self.denoise(noisy, each, condition)
        if self.guidance == 1:
            return told
        untold = self.denoise(noisy, each, {name: torch.zeros_like(part) for name, part in condition.items()})
        return untold + self.guidance * (told - untold)
