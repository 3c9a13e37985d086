"""Against the known LUT: on the table, on the graded image, and on it in Lab."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lutgrade.color.spaces import srgb_to_lab
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.objectives.grading import Graded, grade_batch
from lutgrade.objectives.losses import monotonicity, smoothness
from lutgrade.protocols import Sample

LEAST_ERROR = 1e-4  # 40 dB: nearer than that is near enough


@dataclass(frozen=True)
class Supervised:
    """Distances to the target image and to the LUT that made it; a term with weight 0 is not computed.

    Args:
        image: weight of the mean distance of colours in encoded RGB, in [0, sqrt(3)].
        lab: weight of the mean CIE 1976 difference, in units of 100.
        log_error: weight of the mean over the images of log10 of their mean squared error, which is a tenth of their
            negative PSNR: a pair that is nearly right counts as much as one that is far off.
        table: weight of the mean absolute difference of the tables, on the nodes of the predicted one.
        smoothness: weight of the slopes of the residual.
        monotonicity: weight of falling slopes.
    """

    image: float = 1.0
    lab: float = 0.0
    log_error: float = 0.0
    table: float = 0.3
    smoothness: float = 0.0
    monotonicity: float = 0.0

    def __call__(self, model: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """The loss and its parts, unweighted.

        Raises:
            InputError: the batch has no target or LUT that a term needs.
        """
        result = grade_batch(model, batch)
        weights = {
            "image": self.image,
            "lab": self.lab,
            "log_error": self.log_error,
            "table": self.table,
            "smoothness": self.smoothness,
            "monotonicity": self.monotonicity,
        }
        terms = {name: self._term(name, result, batch) for name, weight in weights.items() if weight}
        loss = sum((weights[name] * term for name, term in terms.items()), result.graded.new_zeros(()))
        return {"loss": loss, **terms}

    def _term(self, name: str, result: Graded, batch: Sample) -> Tensor:
        match name:
            case "image":
                return color_distance(result.graded, _needed(result.target, "target"))
            case "lab":
                target = _needed(result.target, "target")
                # Lab of a clamped image: the curve is steep under 0, where nothing can be seen.
                return color_distance(srgb_to_lab(result.graded.clamp(0, 1)), srgb_to_lab(target)) / 100
            case "log_error":
                errors = (result.graded - _needed(result.target, "target")).square().mean((1, 2, 3))
                return (errors + LEAST_ERROR).log10().mean()
            case "table":
                known = Lut(_needed(batch.lut, "LUT")).resize(result.table.shape[-1]).table
                return (result.table - known).abs().mean()
            case "smoothness":
                return smoothness(result.table)
            case _:
                return monotonicity(result.table)


def color_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean Euclidean distance of the colours of `[B, 3, H, W]` images, rounded off at 0 to keep its gradient."""
    return ((a - b).square().sum(1) + 1e-6).sqrt().mean() - 1e-3


def _needed(value: Tensor | None, what: str) -> Tensor:
    if value is None:
        raise InputError(f"the supervised objective needs samples with a known {what}; this data set has none")
    return torch.as_tensor(value)
