"""Stage 2 of VCG: a model learns to draw the LUT of a pair by denoising (Eq. 5), and the losses it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.objectives.features import FrozenFeatures
from lutgrade.objectives.grading import lut_of
from lutgrade.objectives.losses import check_weights, with_loss
from lutgrade.protocols import Sample


class _Diffusion(Protocol):
    prediction: str
    steps: int
    zero_terminal_snr: bool

    def snr(self, timestep: Tensor) -> Tensor: ...
    def add_noise(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor: ...
    def target(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor: ...
    def clean(self, predicted: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor: ...


class Diffuser(Protocol):
    """What is trained: a `lutgrade.models.lut_diffusion.LutDiffusion`, or another with its parts."""

    diffusion: _Diffusion
    dropout: float

    def encode(self, tables: Tensor, content: Tensor) -> Tensor: ...
    def decode(self, latents: Tensor) -> Tensor: ...
    def condition(self, content: Tensor, reference: Tensor) -> dict[str, Tensor]: ...
    def denoise(self, noisy: Tensor, timestep: Tensor, condition: dict[str, Tensor]) -> Tensor: ...


@dataclass(frozen=True)
class Noised:
    """Latents with noise, and what a model made of them; a batch of B pairs, `draws` times over."""

    latents: Tensor  # [N, ...], N = draws * B
    noise: Tensor
    timestep: Tensor  # [N]
    noisy: Tensor
    predicted: Tensor


class LutDenoising:
    """The error of the network's prediction at a random timestep, and of the LUT that it means.

    The paper trains on the noise alone. Its Table 2 compares with losses of what the LUT does to the content, `image`
    and `perceptual`; they are of the clean LUT that the prediction at one timestep means.

    Args:
        noise: weight of the mean squared error of what is predicted.
        image: weight of the mean squared error of the graded content.
        perceptual: weight of the mean squared distance of its features.
        table: weight of the mean squared error of the LUT.
        min_snr: the gamma of Hang et al. 2023, 5 in their paper: timesteps count for the error of the noise by
            min(SNR, gamma) / SNR, and likewise for other predictions; None counts all the same. Where the terminal
            SNR is zero, 1 is added to it first: sampling starts there, and it would not count at all.
        draws: timesteps for each pair; the condition, which takes most of the time, is made once.
        features: a frozen encoder of several scales, for `perceptual`.

    Raises:
        InputError: no weight, or a perceptual one without features.
    """

    def __init__(
        self,
        *,
        noise: float = 1.0,
        image: float = 0.0,
        perceptual: float = 0.0,
        table: float = 0.0,
        min_snr: float | None = None,
        draws: int = 1,
        features: nn.Module | None = None,
    ) -> None:
        self.weights = {"noise": noise, "image": image, "perceptual": perceptual, "table": table}
        check_weights(self.weights)
        if perceptual and features is None:
            raise InputError("a perceptual distance needs features")
        self.min_snr, self.draws = min_snr, draws
        self.features = None if features is None else FrozenFeatures(features)

    def __call__(self, model: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """The loss and its parts, unweighted; in validation `table` is told whatever its weight.

        Raises:
            InputError: the batch has no LUT, or no target where a part needs one; weights of the features are missing.
        """
        diffuser = cast(Diffuser, model)
        if batch.lut is None:
            raise InputError("a LUT is learned from samples with a known one; this data set has none")
        noised = self._noised(diffuser, batch, batch.lut)
        diffusion = diffuser.diffusion
        wanted = diffusion.target(noised.latents, noised.noise, noised.timestep)
        parts = {"noise": self._weighed(diffusion, noised.predicted - wanted, noised.timestep)}
        if any(weight for name, weight in self.weights.items() if name != "noise") or not torch.is_grad_enabled():
            clean = diffusion.clean(noised.predicted, noised.noisy, noised.timestep)
            parts |= self._of_the_lut(diffuser.decode(clean), batch, batch.lut)
        return with_loss(parts, self.weights)

    def _noised(self, model: Diffuser, batch: Sample, tables: Tensor) -> Noised:
        """Latents of the LUTs at random timesteps, and what the model predicts, told of their pairs."""
        with torch.no_grad():
            latents = _tiled(model.encode(tables, batch.frames[:, 0]), self.draws)
        condition = model.condition(batch.frames[:, 0], batch.reference[:, 0])
        if model.dropout:
            kept = (torch.rand(len(tables), device=tables.device) >= model.dropout).float()
            condition = {k: part * kept.view(-1, *[1] * (part.dim() - 1)) for k, part in condition.items()}
        told = {name: _tiled(part, self.draws) for name, part in condition.items()}
        timestep = torch.randint(model.diffusion.steps, (len(latents),), device=latents.device)
        noise = torch.randn_like(latents)
        noisy = model.diffusion.add_noise(latents, noise, timestep)
        return Noised(latents, noise, timestep, noisy, model.denoise(noisy, timestep, told).float())

    def _weighed(self, diffusion: _Diffusion, error: Tensor, timestep: Tensor) -> Tensor:
        """The mean square of an error `[N, ...]`, timesteps weighed."""
        squares = error.square().flatten(1).mean(1)
        if self.min_snr is None:
            return squares.mean()
        snr = diffusion.snr(timestep)
        clipped = (snr + float(diffusion.zero_terminal_snr)).clamp(max=self.min_snr)
        # The same weight of the error of the clean sample, in units of what is predicted.
        unit = {"epsilon": snr, "v_prediction": snr + 1, "sample": torch.ones_like(snr)}[diffusion.prediction]
        return (clipped / unit * squares).mean()

    def _of_the_lut(self, tables: Tensor, batch: Sample, known: Tensor) -> dict[str, Tensor]:
        """The parts that are of LUTs `[N, 3, S, S, S]`: of themselves, and of the content that they grade."""
        wanted = _tiled(Lut(known).resize(tables.shape[-1]).table, self.draws)
        parts = {"table": (tables - wanted).square().mean()}
        if not self.weights["image"] and not self.weights["perceptual"]:
            return parts
        if batch.target is None:
            raise InputError("distances of graded frames need samples with a known target; this data set has none")
        content, target = (_tiled(frames[:, 0], self.draws) for frames in (batch.frames, batch.target))
        graded = Lut(tables)(content)
        if self.weights["image"]:
            parts["image"] = (graded - target).square().mean()
        if self.weights["perceptual"]:
            parts["perceptual"] = self._perceptual(graded, target)
        return parts

    def _perceptual(self, graded: Tensor, target: Tensor) -> Tensor:
        """Mean squared distance of features of unit length, summed over scales, as LPIPS without its weights."""
        features = cast(FrozenFeatures, self.features)
        with torch.no_grad():
            wanted = features(target)
        total = graded.new_zeros(())
        for ours, theirs in zip(features(graded), wanted, strict=True):
            total = total + (normalize(ours, dim=1) - normalize(theirs, dim=1)).square().sum(1).mean()
        return total


@dataclass(frozen=True)
class LutDistance:
    """The mean squared error of the LUT that a model predicts: l2 on the LUT, as for Table 2's explicit ones."""

    def __call__(self, model: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """The loss of the first frames of a batch.

        Raises:
            InputError: the batch has no LUT.
        """
        if batch.lut is None:
            raise InputError("a LUT is learned from samples with a known one; this data set has none")
        table = lut_of(model(batch.frames[:, 0], batch.reference[:, 0])).table
        return {"loss": (table - Lut(batch.lut).resize(table.shape[-1]).table).square().mean()}


def _tiled(part: Tensor, times: int) -> Tensor:
    """`[B, ...]` over and over, `[times * B, ...]`."""
    return part.repeat(times, *[1] * (part.dim() - 1))
