"""Neural style transfer for colour alone: Gram matrices of early features against the reference's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from lutgrade.color.spaces import srgb_to_lab
from lutgrade.lut import Lut
from lutgrade.lut.regularity import beyond, irregularity
from lutgrade.objectives.features import FrozenFeatures
from lutgrade.objectives.losses import check_weights, with_loss
from lutgrade.protocols import Sample

LEAST = 1e-8  # sum of squares of a Gram matrix below which it has no scale of its own


class ColorStyle:
    """Style, content and total variation (Gatys et al. 2016), kept to colour.

    Early features see colours and hardly textures, and the content is held by its lightness alone, so that
    chrominance is free to follow the reference. Of a grade that is a LUT, the LUT's regularity counts as well.

    Args:
        features: a frozen encoder to a list of maps; its weights are read on the first call.
        layers: which of its maps count, each as much.
        content: weight of the mean squared difference of CIELAB lightness, in units of 100.
        style: weight of the Gram matrices' difference from the reference's, relative to the reference's.
        variation: weight of the mean absolute difference of neighbouring pixels.
        regularity: weight of a LUT's irregularity; of pixels that are free, of what lies beyond [0, 1].

    Raises:
        InputError: no weight but the regularity's.
    """

    def __init__(
        self,
        features: nn.Module,
        *,
        layers: Sequence[int] = (0, 1, 2),
        content: float = 0.03,
        style: float = 1.0,
        variation: float = 0.0,
        regularity: float = 1.0,
    ) -> None:
        self.features = FrozenFeatures(features)
        self.layers = tuple(layers)
        self.weights = {"content": content, "style": style, "variation": variation}
        check_weights(self.weights)
        self.weights["regularity"] = regularity
        self._wanted: tuple[Tensor, list[Tensor]] | None = None

    def __call__(self, model: nn.Module, batch: Sample) -> dict[str, Tensor]:
        """The loss of a batch's first frames and references, and its parts, unweighted.

        Args:
            model: a `LutModel`, or one whose colour maps are of another kind.
            batch: images of one size for both, `[B, T, 3, H, W]` and `[B, N, 3, H, W]`.

        Raises:
            MissingWeights: those of the features are not on this machine.
        """
        content = batch.frames[:, 0]
        grade = model(content, batch.reference[:, 0])
        graded = grade(content)
        terms: dict[str, Callable[[], Tensor]] = {
            "content": lambda: lightness_distance(graded, content),
            "style": lambda: gram_distance(self._grams(graded), self._grams_of_reference(batch.reference)),
            "variation": lambda: total_variation(graded),
            "regularity": lambda: irregularity(grade.table) if isinstance(grade, Lut) else beyond(graded),
        }
        return with_loss({name: term() for name, term in terms.items() if self.weights[name]}, self.weights)

    def _grams(self, image: Tensor) -> list[Tensor]:
        maps = self.features(image)
        return [gram(maps[layer]) for layer in self.layers]

    @torch.no_grad()
    def _grams_of_reference(self, reference: Tensor) -> list[Tensor]:
        """Those of the last reference are kept: a grade is optimised against one for hundreds of steps."""
        if self._wanted is None or self._wanted[0] is not reference:
            self._wanted = reference, self._grams(reference[:, 0])
        return self._wanted[1]


def gram(features: Tensor) -> Tensor:
    """The Gram matrices `[B, C, C]` of maps `[B, C, H, W]`, each a mean over the places instead of a sum."""
    flat = features.flatten(2)
    return flat @ flat.mT / flat.shape[-1]


def gram_distance(graded: list[Tensor], reference: list[Tensor]) -> Tensor:
    """Mean over the layers of sum_ij (G_ij - R_ij)^2 / sum_ij R_ij^2, of matrices `[B, C, C]`.

    Gatys et al. (2016), Eq. 4 and 5, in units of what it is for no features at all. They scale their network so that
    every filter is on average 1; this makes up for features of any scale, and layers count alike.
    """
    layers = [
        ((a - b).square().sum((1, 2)) / b.square().sum((1, 2)).clamp_min(LEAST)).mean()
        for a, b in zip(graded, reference, strict=True)
    ]
    return torch.stack(layers).mean()


def lightness_distance(graded: Tensor, content: Tensor) -> Tensor:
    """Mean squared difference of CIELAB lightness, in units of 100, of sRGB-encoded images `[B, 3, H, W]`."""
    return ((srgb_to_lab(graded)[:, 0] - srgb_to_lab(content)[:, 0]) / 100).square().mean()


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, along rows and along columns, of `[B, 3, H, W]`; 0 for one pixel."""
    return sum((image.diff(dim=axis).abs().sum() / image.numel() for axis in (-1, -2)), image.new_zeros(()))
