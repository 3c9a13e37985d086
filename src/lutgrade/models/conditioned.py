"""LUTs from what a diffusion model is told, without diffusion: the other generators of VCG's Table 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from lutgrade.lut import Lut
from lutgrade.models.evidence import Evidence
from lutgrade.models.layers import damped
from lutgrade.models.pair import predicted_lut
from lutgrade.models.pixels import check_images
from lutgrade.models.predictor import LutSamples


class Generator(Protocol):
    """Numbers `[B, count]` to residual tables `[B, 3, S, S, S]`."""

    count: int

    def __call__(self, numbers: Tensor) -> Tensor: ...


class ConditionedLut(nn.Module):
    """A LUT predicted in one pass from the condition of an L-Diffuser (VCG, Table 2).

    Args:
        reader: makes the condition encoder of a size and a number of components.
        generator: makes the LUT of a size from numbers that an MLP predicts:
            NLUT's `LutBases` or AdaCM's `ColorNetwork`.
        size: nodes a side of the LUT.
        components: of the encoder's basis.
        hidden: of the MLP.
    """

    def __init__(
        self,
        reader: Callable[[int, int], Evidence],
        generator: Callable[..., Generator],
        *,
        size: int = 17,
        components: int = 64,
        hidden: int = 384,
    ) -> None:
        super().__init__()
        self.reader, self.generator = reader(size, components), generator(size)
        last = damped(nn.Linear(hidden, self.generator.count), 0.1)
        self.normalise = nn.LayerNorm(self.reader.length)
        self.head = nn.Sequential(
            nn.Linear(self.reader.length + components, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), last
        )

    def initialise(self) -> None:
        """Reads the weights that the reader starts from."""
        self.reader.initialise()

    def fit_to(self, data: LutSamples) -> None:
        """Takes the components of the reader's basis from the LUTs of a training set."""
        self.reader.fit_to(data)

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image (`predicted_lut`)."""
        check_images(content, reference)
        told = self.reader(content, reference)
        numbers = self.head(torch.cat([self.normalise(told["features"]), told["mean"]], dim=1)).float()
        return predicted_lut(self.generator(numbers), training=self.training)
