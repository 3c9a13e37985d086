"""Without a target: the content's structure and the reference's statistics (NLUT; NCST Eq. 1-6)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from lutgrade.objectives.features import FrozenFeatures
from lutgrade.objectives.grading import grade_batch
from lutgrade.objectives.losses import (
    Distance,
    check_weights,
    content_distance,
    histogram_divergence,
    monotonicity,
    smoothness,
    style_distance,
    with_loss,
)
from lutgrade.protocols import Sample


class Style:
    """Content, style and histogram losses, and the regularity of the LUT.

    Args:
        features: a frozen encoder of four scales; its weights are read on the first call.
        content: weight of the deepest features against the content's (Eq. 2).
        style: weight of the mean and deviation of all features against the reference's (Eq. 1).
        histogram: weight of the histograms' divergence from the reference's (Eq. 3); the paper states no weights.
        smoothness: weight of the slopes of the LUT's residual.
        monotonicity: weight of falling slopes of the LUT.
        distance: of features: "l2" is the norm that NCST writes, "mse" the mean square of NLUT's code.
        bins: of a histogram.
        resolution: side that images are resized to for the features; None keeps theirs.

    Raises:
        InputError: no weight.
    """

    def __init__(
        self,
        features: nn.Module,
        *,
        content: float = 1.0,
        style: float = 1.0,
        histogram: float = 0.0,
        smoothness: float = 0.0,
        monotonicity: float = 0.0,
        distance: Distance = "mse",
        bins: int = 64,
        resolution: int | None = 256,
    ) -> None:
        self.features = FrozenFeatures(features)
        self.weights = {
            "content": content,
            "style": style,
            "histogram": histogram,
            "smoothness": smoothness,
            "monotonicity": monotonicity,
        }
        check_weights(self.weights)
        self.distance = distance
        self.bins = bins
        self.resolution = resolution

    def __call__(self, model: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """The loss and its parts, unweighted; a part with weight 0 is not computed.

        Raises:
            InputError: the weights of the features are missing, with how to get them.
        """
        result = grade_batch(model, batch)
        frames = len(result.graded) // len(result.reference)
        ours = cache(lambda: self._encode(result.graded))
        terms: dict[str, Callable[[], Tensor]] = {
            "content": lambda: content_distance(ours()[-1], self._wanted(result.content)[-1], self.distance),
            "style": lambda: style_distance(ours(), self._wanted(result.reference, frames), self.distance),
            "histogram": lambda: histogram_divergence(
                result.graded, result.reference.repeat(frames, 1, 1, 1), self.bins
            ),
            "smoothness": lambda: smoothness(result.table),
            "monotonicity": lambda: monotonicity(result.table),
        }
        return with_loss({name: term() for name, term in terms.items() if self.weights[name]}, self.weights)

    @torch.no_grad()
    def _wanted(self, image: Tensor, times: int = 1) -> list[Tensor]:
        """Features that are aimed at, over and over."""
        return [scale.repeat(times, 1, 1, 1) for scale in self._encode(image)]

    def _encode(self, image: Tensor) -> list[Tensor]:
        if self.resolution is not None:
            image = interpolate(image, (self.resolution, self.resolution), mode="bilinear", antialias=True)
        return self.features(image)
