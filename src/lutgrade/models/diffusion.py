"""The diffusion process that training and sampling share: how noise is added, what is predicted, and DDIM.

DDIM's few lines are ours, held to diffusers' scheduler by a test: the import of diffusers takes seconds, which a small
model that is asked for one LUT does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor

from lutgrade.errors import InputError

Prediction = Literal["epsilon", "v_prediction", "sample"]
Betas = Literal["linear", "scaled_linear"]
Spacing = Literal["leading", "trailing"]
Denoise = Callable[[Tensor, Tensor], Tensor]  # noisy [B, ...] and a timestep [] to the prediction [B, ...]
FIRST, LAST = 0.00085, 0.012  # betas


@dataclass(frozen=True)
class Diffusion:
    """A noise schedule, and what the network predicts under it.

    Args:
        prediction: the noise, the velocity (Salimans and Ho 2022) or the clean sample.
        betas: 0.00085 to 0.012, "linear" as published for VCG, or "scaled_linear" (in their roots) as in SD.
        zero_terminal_snr: the last timestep holds nothing but noise (Lin et al. 2023).
        spacing: of the sampler's timesteps. With 25 of 1000, "leading" is 961, 921, ..., 1; "trailing" begins at the
            last, which a schedule with zero terminal SNR needs.
        steps: of the schedule.

    Raises:
        InputError: an unknown choice; a network that predicts noise where there is nothing else.
    """

    prediction: Prediction = "epsilon"
    betas: Betas = "scaled_linear"
    zero_terminal_snr: bool = False
    spacing: Spacing = "leading"
    steps: int = 1000

    def __post_init__(self) -> None:
        choices = {"prediction": Prediction, "betas": Betas, "spacing": Spacing}
        for name, known in choices.items():
            if getattr(self, name) not in get_args(known):
                raise InputError(f"{name} is {getattr(self, name)!r}; it is one of {', '.join(get_args(known))}")
        if self.zero_terminal_snr and self.prediction == "epsilon":
            raise InputError("noise tells nothing of the sample where the SNR is zero: use prediction=v_prediction")
        if self.zero_terminal_snr and self.spacing == "leading":
            raise InputError("leading timesteps leave out the one of zero SNR: use spacing=trailing")

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """The share of the sample's variance at each timestep, `[steps]`; the SNR is a / (1 - a)."""
        if self.betas == "linear":
            betas = torch.linspace(FIRST, LAST, self.steps)
        else:
            betas = torch.linspace(FIRST**0.5, LAST**0.5, self.steps).square()
        alphas = (1 - betas).cumprod(0)
        if not self.zero_terminal_snr:
            return alphas
        roots = alphas.sqrt()  # Lin et al. 2023, Algorithm 1: shifted to end at 0, scaled to begin as before
        return ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])).square()

    def snr(self, timestep: Tensor) -> Tensor:
        """The signal-to-noise ratio at timesteps `[B]`."""
        alphas = self.alphas_cumprod.to(timestep.device)[timestep]
        return alphas / (1 - alphas)

    def add_noise(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """`[B, ...]` at the timesteps `[B]`, from 0 to `steps - 1`."""
        signal, rest = self._shares(clean, timestep)
        return signal * clean + rest * noise

    def target(self, clean: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        """What the network should predict, `[B, ...]`."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "sample":
            return clean
        signal, rest = self._shares(clean, timestep)
        return signal * noise - rest * clean

    def clean(self, predicted: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        """The sample that a prediction means, `[B, ...]` at the timesteps `[B]`."""
        if self.prediction == "sample":
            return predicted
        signal, rest = self._shares(noisy, timestep)
        if self.prediction == "epsilon":
            return (noisy - rest * predicted) / signal
        return signal * noisy - rest * predicted

    def predict(self, clean: Tensor, noisy: Tensor, timestep: Tensor) -> Tensor:
        """The prediction that means a sample: the inverse of `clean`."""
        if self.prediction == "sample":
            return clean
        signal, rest = self._shares(noisy, timestep)
        noise = (noisy - signal * clean) / rest
        return noise if self.prediction == "epsilon" else signal * noise - rest * clean

    def trajectory(self, denoise: Denoise, noise: Tensor, steps: int = 25) -> Iterator[Tensor]:
        """What DDIM without added noise (Song et al. 2021) makes of `noise` `[B, ...]`, after each of its steps."""
        timesteps = self.timesteps(steps).to(noise.device)
        x, stride = noise, self.steps // steps
        for timestep in timesteps:
            each = timestep.expand(len(x))
            clean = self.clean(denoise(x, timestep), x, each)
            signal, rest = self._shares(x, each)
            direction = (x - signal * clean) / rest
            before = timestep - stride
            alpha = self.alphas_cumprod[before] if before >= 0 else torch.tensor(1.0)
            x = alpha.sqrt().to(x) * clean + (1 - alpha).sqrt().to(x) * direction
            yield x

    def timesteps(self, steps: int) -> Tensor:
        """The timesteps that the sampler visits, falling, `[steps]`.

        Raises:
            InputError: fewer than one, or more than the schedule has room for.
        """
        most = self.steps - (self.spacing == "leading")  # which leaves out the first
        if not 1 <= steps <= most:
            raise InputError(f"{steps} steps of sampling; from 1 to {most} can be made")
        if self.spacing == "leading":
            return torch.arange(steps).flip(0) * (self.steps // steps) + 1
        return (self.steps - torch.arange(steps, dtype=torch.float64) * self.steps / steps).round().long() - 1

    def _shares(self, like: Tensor, timestep: Tensor) -> tuple[Tensor, Tensor]:
        """The roots of the variances of sample and noise, shaped to multiply `[B, ...]`."""
        alphas = self.alphas_cumprod.to(like.device)[timestep].view(-1, *[1] * (like.dim() - 1)).to(like.dtype)
        return alphas.sqrt(), (1 - alphas).sqrt()
