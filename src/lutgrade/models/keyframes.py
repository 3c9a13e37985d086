"""Key frames: the frame of the content and the frame of the reference that a grade is predicted from."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from lutgrade.color.spaces import srgb_to_lab
from lutgrade.errors import InputError

BATCH = 16  # images that are encoded at once
ROWS = 4096  # of the content that are compared at once
TIE = 1e-6  # in cosine
LAYOUT = 24  # pixels a side of the thumbnails that tell one view from another

_LAB_LOW, _LAB_HIGH = (0.0, -110.0, -110.0), (100.0, 110.0, 110.0)  # holds sRGB


class Encoder(Protocol):
    """Features `[K, D]` of images `[K, 3, H, W]`, sRGB-encoded in [0, 1]; of any length, all zero never.

    One with a `signature`, a string that changes whenever its features may, has them cached per file
    (`lutgrade.selecting`).
    """

    def __call__(self, images: Tensor) -> Tensor: ...


class KeyframeSelector:
    """Picks the most similar pair of a content frame and a reference frame (VCG, Eq. 1).

    Args:
        encoder: what similarity is measured on; CLIP in the paper.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def __call__(self, frames: Tensor, references: Tensor) -> tuple[int, int]:
        """The pair (t, n) of `[T, 3, H, W]` and `[N, 3, h, w]`; of equal ones the first, t before n."""
        t, n, _ = self.most_similar(self.features(frames), self.features(references))
        return t, n

    def features(self, images: Tensor) -> Tensor:
        """Unit rows `[K, D]` of images `[K, 3, H, W]`, so that frames can be encoded as they come."""
        if images.dim() != 4 or images.shape[1] != 3 or images.numel() == 0:
            raise InputError(f"key frames are chosen among images [K, 3, H, W], not {list(images.shape)}")
        return normalize(torch.cat([self.encoder(batch) for batch in images.split(BATCH)]), dim=1)

    @staticmethod
    def most_similar(a: Tensor, b: Tensor) -> tuple[int, int, float]:
        """The rows of `[T, D]` and `[N, D]`, of unit length, with the largest cosine, and the cosine.

        Pairs within 1e-6 of the largest are equal, as the same images may round differently; of equal ones the first
        is taken, t before n. Memory does not grow with T.
        """
        best = (0, 0, float("-inf"))
        for start in range(0, a.shape[0], ROWS):
            similarity = a[start : start + ROWS] @ b.T  # [t, N]
            if (largest := float(similarity.max())) > best[2] + TIE:
                first = int((similarity >= largest - TIE).flatten().nonzero()[0])
                t, n = divmod(first, b.shape[0])
                best = (start + t, n, float(similarity[t, n]))
        return best


def layouts(images: Tensor) -> Tensor:
    """What images `[K, 3, H, W]` show where, whatever their grade: unit rows `[K, 576]`.

    The order of the lumas of 24 x 24 thumbnails, which no rising tone curve changes; a dot product of two rows is
    Spearman's rank correlation.
    """
    luma = images.float().mean(1, keepdim=True)
    thumbnails = interpolate(luma, (LAYOUT, LAYOUT), mode="bilinear", antialias=True).flatten(1)
    ranks = thumbnails.argsort(dim=1, stable=True).argsort(dim=1).float()
    return normalize(ranks - ranks.mean(1, keepdim=True), dim=1)


class LabHistogram:
    """An encoder that needs no weights: the square root of the joint CIELAB histogram.

    The cosine of two such rows is the Bhattacharyya coefficient of the histograms. A pixel is shared between the
    eight bins around it in proportion to nearness, so that a slight shift of all colours changes the row slightly.

    Args:
        bins: bins per axis; L in [0, 100], a and b in [-110, 110].
    """

    def __init__(self, bins: int = 16) -> None:
        if bins < 2:
            raise InputError(f"a Lab histogram needs at least 2 bins per axis, not {bins}")
        self.bins = bins
        self.signature = f"lab histogram {bins}"

    def __call__(self, images: Tensor) -> Tensor:
        """Images `[K, 3, H, W]`, sRGB-encoded in [0, 1], to unit rows `[K, bins ** 3]`."""
        return torch.stack([self._histogram(image) for image in images]).sqrt()

    def _histogram(self, image: Tensor) -> Tensor:
        lab = srgb_to_lab(image.float().nan_to_num(0.0).clamp(0, 1)).flatten(1)  # [3, P]
        low, high = lab.new_tensor(_LAB_LOW)[:, None], lab.new_tensor(_LAB_HIGH)[:, None]
        position = ((lab - low) / (high - low) * self.bins - 0.5).clamp(0, self.bins - 1)
        floor = position.floor().clamp(max=self.bins - 2)
        share = position - floor
        histogram = lab.new_zeros(self.bins**3)
        for corner in range(8):
            index, weight = torch.zeros_like(share[0]), torch.ones_like(share[0])
            for axis in range(3):
                upper = corner >> axis & 1
                index = index * self.bins + floor[axis] + upper
                weight = weight * (share[axis] if upper else 1 - share[axis])
            histogram.index_add_(0, index.long(), weight)
        return histogram / lab.shape[1]


class LabHistogramSelector(KeyframeSelector):
    """The selector for when no CLIP weights are at hand: the most similar Lab histogram.

    Args:
        bins: bins per axis.
    """

    def __init__(self, bins: int = 16) -> None:
        super().__init__(LabHistogram(bins))
