"""Distances between sets of frames or clips: FID and FVD, in two steps.

A set metric turns each clip into features, and compares the features of a whole set with those of another:

    ours = torch.cat([metric.features(graded) for graded in clips])
    real = torch.cat([metric.features(target) for target in targets])
    score = metric.distance(ours, real)
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.metrics.frames import in_batches, missing_library
from lutgrade.torchvision_shim import prepare_torchvision
from lutgrade.weights import Weights

INCEPTION = Weights(
    "weights-inception-2015-12-05-6726825d.pth",
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
)
I3D_TORCHSCRIPT = Weights("i3d_torchscript.pt", "https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1")


class SetMetric(Protocol):
    """A score of a whole set: features of each clip, and the distance between two sets of features."""

    name: str
    unit: str
    lower_is_better: bool

    def features(self, frames: Tensor) -> Tensor:
        """A clip `[T, 3, H, W]`, sRGB-encoded in [0, 1], to `[N, D]`."""
        ...

    def distance(self, ours: Tensor, real: Tensor) -> float:
        """Between the features `[N, D]` and `[M, D]` of two sets."""
        ...


class FID:
    """Fréchet Inception distance (Heusel et al. 2017) over all frames of the two sets.

    Features: the 2048 of the last pooling of the TensorFlow Inception-v3 of 2015, for frames rounded to 8 bits and
    resized to 299x299 as TensorFlow 1 does it. The network is torch-fidelity's port.
    """

    name = "FID"
    unit = ""
    lower_is_better = True

    def features(self, frames: Tensor) -> Tensor:
        """A clip `[T, 3, H, W]` to `[T, 2048]`; MissingWeights without Inception's."""
        network = self._network.to(frames.device)
        return in_batches(lambda batch: network((255 * batch.clamp(0, 1)).round().byte())[0], frames)

    def distance(self, ours: Tensor, real: Tensor) -> float:
        """The Fréchet distance between features `[N, 2048]` and `[M, 2048]`."""
        return frechet_distance(ours, real)

    @cached_property
    def _network(self) -> nn.Module:
        path = INCEPTION.path()
        prepare_torchvision()
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import (  # type: ignore[import-untyped]
                FeatureExtractorInceptionV3,
            )
        except ImportError as error:
            raise missing_library(self.name, "torch-fidelity") from error
        return FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(path))


class FVD:
    """Fréchet video distance (Unterthiner et al. 2019) over clips of 16 frames, one after the other.

    Features: the 400 logits of the I3D that the original computes with (TensorFlow Hub's, Kinetics-400), in the
    TorchScript port of StyleGAN-V. Frames are resized to 224x224 (bilinear, the aspect ratio not kept) and scaled to
    [-1, 1]. Frames left over at the end of a clip are not used.
    """

    name = "FVD"
    unit = ""
    lower_is_better = True

    length = 16

    def features(self, frames: Tensor) -> Tensor:
        """A clip `[T, 3, H, W]` of 16 frames or more to `[T // 16, 400]`; MissingWeights without I3D's."""
        if len(frames) < self.length:
            raise InputError(f"FVD needs clips of at least {self.length} frames, not {len(frames)}")
        network = self._network.to(frames.device)
        small = in_batches(
            lambda batch: 2 * F.interpolate(batch.float(), (224, 224), mode="bilinear", align_corners=False) - 1, frames
        )
        clips = small.unfold(0, self.length, self.length).movedim(-1, 2)  # [N, 3, 16, 224, 224]
        with torch.no_grad():
            return torch.cat([network(clip[None], rescale=False, resize=False, return_features=True) for clip in clips])

    def distance(self, ours: Tensor, real: Tensor) -> float:
        """The Fréchet distance between features `[N, 400]` and `[M, 400]`."""
        return frechet_distance(ours, real)

    @cached_property
    def _network(self) -> nn.Module:
        return torch.jit.load(I3D_TORCHSCRIPT.path(), map_location="cpu").eval()


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """The squared Fréchet distance of Gaussians fitted to samples `[N, D]` and `[M, D]` (Dowson and Landau 1982).

    |mean a - mean b|^2 + tr(A + B - 2 (A B)^(1/2)) with the unbiased covariances A and B. With factors A = X^T X and
    B = Y^T Y the trace of the root is the sum of the singular values of X Y^T, which needs no matrix root and holds for
    singular covariances, that is for fewer samples than features.

    Raises:
        InputError: fewer than two samples in a set.
    """
    if min(len(a), len(b)) < 2:
        raise InputError(f"a Fréchet distance needs at least two samples in each set, not {len(a)} and {len(b)}")
    (mean_a, x), (mean_b, y) = _gaussian(a), _gaussian(b)
    root_trace = torch.linalg.svdvals(x @ y.T).sum()
    distance = (mean_a - mean_b).square().sum() + x.square().sum() + y.square().sum() - 2 * root_trace
    return distance.clamp_min(0).item()  # below zero only by rounding


def _gaussian(samples: Tensor) -> tuple[Tensor, Tensor]:
    """The mean `[D]` and a factor X `[min(N, D), D]` of the unbiased covariance X^T X of `[N, D]`."""
    samples = samples.double()
    mean = samples.mean(dim=0)
    centred = (samples - mean) / (len(samples) - 1) ** 0.5
    if len(samples) > samples.shape[1]:
        centred = torch.linalg.qr(centred, mode="r").R
    return mean, centred
