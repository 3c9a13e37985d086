"""Content and reference that show the same thing, laid over each other, so that pixels can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 512  # pixels of the longer side that images are registered at
FEWEST = 8  # keypoints that must agree; a few of unlike pictures do by chance
RATIO = 0.85  # a keypoint's match must be this much nearer than the next best
REPROJECTION = 1.5  # pixels that a keypoint may lie off the map
SCALES = (0.25, 4.0)  # of the reference against the content
STRETCH = 1.5  # one way more than the other, as of anamorphic files
WINDOW = 17  # pixels a side that must be alike around a pixel
CORRELATED = 0.8
SHARE = 0.2  # of an overlap that is alike at least, though people move
FLAT = 0.01  # deviation of luma that is noise
MARGIN = 2  # pixels at the border of the overlap, where the filter of a resized file reaches over the edge


def overlap(content: Tensor, reference: Tensor, count: int) -> tuple[Tensor, Tensor] | None:
    """Colours of the content and what the reference shows in their place, `[count, 3]` each; None where nothing fits.

    Keypoints (SIFT on equalised luma, which a grade changes little) are matched, and an affine map that most of them
    agree on is found by RANSAC. Pixels of the overlap that look alike are drawn with a fixed seed, with replacement.

    Args:
        content: `[3, H, W]`, sRGB-encoded in [0, 1].
        reference: the same, of any size.
        count: how many pixels.
    """
    here, there = _pixels(content), _pixels(reference)
    matrix = _affine(here, there)
    if matrix is None:
        return None
    colors, looks = _laid_over(here, there, matrix)
    if not len(colors):
        return None
    draw = torch.randint(len(colors), (count,), generator=torch.Generator().manual_seed(0))
    return colors[draw].to(content), looks[draw].to(content)


def _pixels(image: Tensor) -> NDArray[np.float32]:
    """`[3, H, W]` as an array `[h, w, 3]` of at most SIDE pixels a side."""
    image = image.detach().float().cpu().clamp(0, 1)
    scale = SIDE / max(image.shape[1:])
    if scale < 1:
        size = [max(1, round(side * scale)) for side in image.shape[1:]]
        image = interpolate(image[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


def _affine(content: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """The 2 x 3 matrix that takes the content's pixels to the reference's, or None."""
    import cv2

    points, looks = zip(_keypoints(content), _keypoints(reference), strict=True)
    if min(len(found) for found in looks) < FEWEST:
        return None
    near: dict[int, cv2.DMatch] = {}  # by the reference's keypoint: were many to meet in one, any of them would agree
    for best, second in cv2.BFMatcher().knnMatch(*looks, k=2):
        rival = near.get(best.trainIdx)
        if best.distance < RATIO * second.distance and (rival is None or best.distance < rival.distance):
            near[best.trainIdx] = best
    if len(near) < FEWEST:
        return None
    here, there = points[0][[match.queryIdx for match in near.values()]], points[1][list(near)]
    matrix, agreeing = cv2.estimateAffine2D(
        here, there, ransacReprojThreshold=REPROJECTION, maxIters=5000, confidence=0.999
    )
    if matrix is None or agreeing.sum() < FEWEST:
        return None
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    plausible = SCALES[0] < small and large < SCALES[1] and large / small < STRETCH
    return matrix if plausible else None


def _keypoints(image: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places `[N, 2]` and descriptors `[N, 128]` (the square root of SIFT's, which Hellinger's distance compares)."""
    import cv2

    gray = cv2.equalizeHist(cv2.cvtColor((image * 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY))
    found, descriptors = cv2.SIFT.create(contrastThreshold=0.01).detectAndCompute(gray, None)
    if descriptors is None:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    share = descriptors / descriptors.sum(1, keepdims=True).clip(1e-6)
    return np.array([point.pt for point in found], np.float32), np.sqrt(share)


def _laid_over(
    content: NDArray[np.float32], reference: NDArray[np.float32], matrix: NDArray[np.float64]
) -> tuple[Tensor, Tensor]:
    """The colours `[N, 3]` of the content's pixels that the reference shows too, and the reference's there."""
    import cv2

    height, width = content.shape[:2]
    scale = float(abs(np.linalg.det(matrix[:, :2])) ** 0.5)
    content, reference = _softened(content, 1 / scale), _softened(reference, scale)
    back = cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(reference, matrix, (width, height), flags=cv2.INTER_LINEAR | back)
    inside = np.ones(reference.shape[:2], np.uint8)
    inside = cv2.warpAffine(inside, matrix, (width, height), flags=cv2.INTER_NEAREST | back)
    inside = cv2.erode(inside, np.ones((2 * MARGIN + 1,) * 2, np.uint8), borderValue=0) > 0
    same = inside & _alike(content, laid)
    if same.sum() < SHARE * inside.sum():  # a logo, say, in pictures of other things
        same[:] = False
    return torch.from_numpy(content[same]), torch.from_numpy(laid[same])


def _alike(content: NDArray[np.float32], laid: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where two images `[h, w, 3]` have one structure, or none, around a pixel: nothing moved there or covers it."""
    import cv2

    def mean(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return cv2.blur(image, (WINDOW, WINDOW))

    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (content, laid))
    (mean_1, mean_2) = mean(first), mean(second)
    variance_1, variance_2 = ((mean(gray**2) - level**2).clip(0) for gray, level in ((first, mean_1), (second, mean_2)))
    covariance = mean(first * second) - mean_1 * mean_2
    flat = (variance_1 < FLAT**2) & (variance_2 < FLAT**2)
    return flat | (covariance > CORRELATED * np.sqrt(variance_1 * variance_2))


def _softened(image: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """An image without the detail that one of `scale` times larger pixels cannot show."""
    import cv2

    return cv2.GaussianBlur(image, (0, 0), 0.5 * (scale**2 - 1) ** 0.5) if scale > 1.02 else image
