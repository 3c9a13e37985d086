"""Quality without a reference: BRISQUE, NIQE and the blur effect."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.metrics.frames import grey, in_batches, missing_library
from lutgrade.metrics.scene_statistics import PATCH, patch_features
from lutgrade.protocols import Sample
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import Weights

BRISQUE_MODEL = Weights(
    "brisque_svm_weights.pt",
    "https://github.com/photosynthesis-team/piq/releases/download/v0.4.0/brisque_svm_weights.pt",
)
NIQE_MODEL = Weights(
    "niqe_pris_params.npz", "https://github.com/XPixelGroup/BasicSR/raw/master/basicsr/metrics/niqe_pris_params.npz"
)


class BRISQUE:
    """BRISQUE (Mittal, Moorthy and Bovik 2012) on the rounded 8-bit luma at the frames' own size. By the piq package.

    The support vector machine is the authors', as piq publishes it. A frame without texture has no score: NaN.
    """

    name = "BRISQUE"
    unit = ""
    lower_is_better = True

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]`, to `[T]`; the sample is not looked at. MissingWeights without the machine's."""
        BRISQUE_MODEL.path()
        prepare_torchvision()
        try:
            from piq import brisque
        except ImportError as error:
            raise missing_library(self.name, "piq") from error

        def score(frame: Tensor) -> Tensor:
            try:
                return brisque(frame[None].clamp(0, 1).float(), data_range=1.0, reduction="none").flatten()[0]
            except AssertionError:  # piq's word for statistics that do not exist, as of a black frame
                return torch.tensor(torch.nan, device=frame.device)

        with torch.no_grad():
            return torch.stack([score(frame) for frame in graded])


class NIQE:
    """NIQE (Mittal, Soundararajan and Bovik 2013): how far the luma's local statistics lie from natural scenes'.

    Over non-overlapping patches of 96 pixels, all of them, at two scales; the pristine model is the authors', as
    BasicSR publishes it. Rec.601 luma rounded to 8 bits, at the frames' own size. A frame without texture has no
    score: NaN.
    """

    name = "NIQE"
    unit = ""
    lower_is_better = True

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]`, at least 192 pixels a side, to `[T]`; the sample is not looked at."""
        mean, covariance = (value.to(graded.device) for value in self._pristine)
        if min(graded.shape[-2:]) < 2 * PATCH:
            raise InputError(f"NIQE needs frames of at least {2 * PATCH} pixels a side, not {list(graded.shape[-2:])}")
        prepare_torchvision()
        with torch.no_grad():
            lumas = (grey((255 * frame.double()).round()).round() for frame in graded)
            return torch.stack([niqe_distance(patch_features(luma), mean, covariance) for luma in lumas])

    @cached_property
    def _pristine(self) -> tuple[Tensor, Tensor]:
        """The mean `[36]` and covariance `[36, 36]` of pristine patches."""
        path = NIQE_MODEL.path()
        try:
            with np.load(path) as parameters:
                mean, covariance = parameters["mu_pris_param"], parameters["cov_pris_param"]
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path} does not hold NIQE's parameters: {error}") from error
        return torch.from_numpy(mean).double().flatten(), torch.from_numpy(covariance).double()


def niqe_distance(features: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """The distance of patch features `[P, 36]` from the pristine Gaussian; NaN for fewer than two patches."""
    features = features[features.isfinite().all(dim=1)]
    if len(features) < 2:
        return torch.tensor(torch.nan, dtype=features.dtype, device=features.device)
    offset = mean - features.mean(dim=0)
    pooled = (covariance + features.T.cov()) / 2
    return (offset @ torch.linalg.pinv(pooled) @ offset).clamp_min(0).sqrt()


class Blur:
    """The blur effect (Crete et al. 2007) of the Rec.709 luma, from 0, sharp, to 1; no reference.

    How much of the Sobel gradient a box blur of 11 pixels takes away, the larger of the two directions: the definition
    of skimage.measure.blur_effect, on the device that the frames are on.
    """

    name = "Blur"
    unit = ""
    lower_is_better = True

    def __init__(self, size: int = 11) -> None:
        """`size`: pixels of the box, an odd number."""
        if size < 3 or size % 2 == 0:
            raise InputError(f"the box of the blur effect has an odd size of 3 or more, not {size}")
        self.size = size

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]`, at least as large as the box, to `[T]`; the sample is not looked at."""
        if min(graded.shape[-2:]) < self.size:
            raise InputError(f"the blur effect needs frames of {self.size}x{self.size}, not {list(graded.shape[-2:])}")
        return in_batches(self._score, graded)

    def _score(self, frames: Tensor) -> Tensor:
        weights = frames.new_tensor([0.2125, 0.7154, 0.0721], dtype=torch.float64)  # skimage's rgb2gray
        luma = torch.einsum("bchw,c->bhw", frames.double(), weights)[:, None]
        effects = torch.stack([self._along(luma), self._along(luma.mT)])
        return effects.amax(dim=0)

    def _along(self, luma: Tensor) -> Tensor:
        """The effect along the rows' direction (down), of `[B, 1, H, W]`, to `[B]`."""
        blurred = F.avg_pool2d(_mirrored(luma, 0, self.size // 2), (self.size, 1), stride=1)
        sharp, soft = _sobel(luma), _sobel(blurred)
        lost = (sharp - soft).clamp_min(0)
        inside = (..., slice(2, -1), slice(2, -1))
        total = sharp[inside].sum(dim=(1, 2, 3))
        return (total - lost[inside].sum(dim=(1, 2, 3))).abs() / total


def _sobel(luma: Tensor) -> Tensor:
    """The absolute derivative down `[B, 1, H, W]` by Sobel's 3x3 filter, at least the spacing of floats at 1."""
    kernel = luma.new_tensor([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]) / 8
    return F.conv2d(_mirrored(luma, 1, 1), kernel[None, None]).abs().clamp_min(torch.finfo(luma.dtype).eps)


def _mirrored(image: Tensor, across: int, down: int) -> Tensor:
    """Pads `[B, 1, H, W]` by reflection with the edge repeated (d c b a | a b c d), scipy.ndimage's `reflect`."""
    if across:
        image = torch.cat([image[..., :across].flip(-1), image, image[..., -across:].flip(-1)], dim=-1)
    if down:
        image = torch.cat([image[..., :down, :].flip(-2), image, image[..., -down:, :].flip(-2)], dim=-2)
    return image
