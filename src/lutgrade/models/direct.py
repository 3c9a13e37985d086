"""Direct LUT optimisation: the nodes of a LUT, without a predictor, trained on one pair."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor, nn

from lutgrade.lut import Lut
from lutgrade.models.adaptation import adapt
from lutgrade.models.encoders import to_square
from lutgrade.models.pixels import check_images
from lutgrade.protocols import Objective


@dataclass(eq=False)
class DirectLut:
    """Optimises a LUT for each pair under an objective, from the identity; no weights.

    NLUT's published fine-tuning comes to this: batch statistics over one repeated pair leave its predictor no
    gradient, so that only the LUTs learn.

    Args:
        objective: what is minimised, with its smoothness and monotonicity terms.
        size: nodes a side.
        steps: of Adam, for each pair.
        learning_rate: of Adam, in units of the encoded values.
        resolution: side that the images are resized to, which changes their statistics little.
    """

    objective: Objective
    _: KW_ONLY
    size: int = 33
    steps: int = 60
    learning_rate: float = 0.01
    resolution: int = 96

    def __call__(self, content: Tensor, reference: Tensor) -> Lut:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sizes may differ, to a LUT an image, in [0, 1]."""
        check_images(content, reference)
        content, reference = (to_square(image, self.resolution).float() for image in (content, reference))
        with torch.autocast(content.device.type, enabled=False), torch.inference_mode(False):
            tables = [self._optimise(c[None], r[None]) for c, r in zip(content, reference, strict=True)]
        return Lut(torch.stack(tables).clamp(0, 1))

    def _optimise(self, content: Tensor, reference: Tensor) -> Tensor:
        """The table `[3, S, S, S]` of one pair."""
        start = LutParameter(self.size).to(content.device)
        rate = self.learning_rate
        tuned = adapt(start, content, reference, self.objective, steps=self.steps, learning_rate=rate)
        return tuned(content, reference).table[0].detach()


class LutParameter(nn.Module):
    """A LUT that is its own parameter."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.residual = nn.Parameter(torch.zeros(1, 3, size, size, size))

    def forward(self, content: Tensor, reference: Tensor) -> Lut:
        return Lut.from_residual(self.residual)
