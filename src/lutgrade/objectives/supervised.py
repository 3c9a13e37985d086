"""Against the known LUT: on the table, on the graded image, and on it in Lab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from lutgrade.color.spaces import srgb_to_lab
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.objectives.grading import grade_batch
from lutgrade.objectives.losses import check_weights, monotonicity, smoothness, with_loss
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

    Raises:
        InputError: no weight.
    """

    image: float = 1.0
    lab: float = 0.0
    log_error: float = 0.0
    table: float = 0.3
    smoothness: float = 0.0
    monotonicity: float = 0.0

    def __post_init__(self) -> None:
        check_weights(asdict(self))

    def __call__(self, model: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """The loss and its parts, unweighted.

        Raises:
            InputError: the batch has no target or LUT that a term needs.
        """
        result, weights = grade_batch(model, batch), asdict(self)
        terms: dict[str, Callable[[], Tensor]] = {
            "image": lambda: color_distance(result.graded, _needed(result.target, "target")),
            "lab": lambda: lab_distance(result.graded, _needed(result.target, "target")),
            "log_error": lambda: log_error(result.graded, _needed(result.target, "target")),
            "table": lambda: table_distance(result.table, _needed(batch.lut, "LUT")),
            "smoothness": lambda: smoothness(result.table),
            "monotonicity": lambda: monotonicity(result.table),
        }
        return with_loss({name: term() for name, term in terms.items() if weights[name]}, weights)


def color_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean Euclidean distance of the colours of `[B, 3, H, W]` images, rounded off at 0 to keep its gradient."""
    return ((a - b).square().sum(1) + 1e-6).sqrt().mean() - 1e-3


def lab_distance(graded: Tensor, target: Tensor) -> Tensor:
    """Mean CIE 1976 difference of sRGB-encoded images `[B, 3, H, W]`, in units of 100."""
    # Lab of a clamped image: the curve is steep under 0, where nothing can be seen.
    return color_distance(srgb_to_lab(graded.clamp(0, 1)), srgb_to_lab(target)) / 100


def log_error(graded: Tensor, target: Tensor) -> Tensor:
    """Mean over the images of log10 of their mean squared error, which stops at 40 dB."""
    return ((graded - target).square().mean((1, 2, 3)) + LEAST_ERROR).log10().mean()


def table_distance(table: Tensor, known: Tensor) -> Tensor:
    """Mean absolute difference of tables `[B, 3, S, S, S]`, on the nodes of the first."""
    return (table - Lut(known).resize(table.shape[-1]).table).abs().mean()


def _needed(value: Tensor | None, what: str) -> Tensor:
    if value is None:
        raise InputError(f"the supervised objective needs samples with a known {what}; this data set has none")
    return torch.as_tensor(value)
