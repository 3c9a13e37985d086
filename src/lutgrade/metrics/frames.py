"""What the metrics share: the target they score against, and going through long clips in batches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lutgrade.errors import InputError, LutgradeError
from lutgrade.protocols import Sample

BATCH = 8  # frames that go through a network at once


def target_of(graded: Tensor, sample: Sample) -> Tensor:
    """The sample's target `[T, 3, H, W]`; an InputError where there is none, or of another size."""
    if sample.target is None:
        raise InputError(f"the sample {sample.name!r} has no target to score against")
    return _same_shape(graded, sample.target, f"the target of {sample.name!r}")


def input_of(graded: Tensor, sample: Sample) -> Tensor:
    """The sample's ungraded frames `[T, 3, H, W]`; an InputError where they are of another size."""
    return _same_shape(graded, sample.frames, f"the input of {sample.name!r}")


def in_batches(score: Callable[..., Tensor], *clips: Tensor) -> Tensor:
    """`score` over batches of frames of clips `[T, ...]`, without gradients, joined to `[T, ...]`."""
    with torch.no_grad():
        return torch.cat([score(*batch) for batch in zip(*(clip.split(BATCH) for clip in clips), strict=True)])


def grey(frames: Tensor) -> Tensor:
    """Rec.601 luma of sRGB-encoded frames `[..., 3, H, W]`, as MATLAB's rgb2gray weighs it, to `[..., H, W]`."""
    red, green, blue = frames.unbind(-3)
    return 0.2989 * red + 0.5870 * green + 0.1140 * blue


def missing_library(metric: str, package: str) -> LutgradeError:
    """The error of a metric whose library is not installed."""
    return LutgradeError(f"{metric} needs {package}; install it with pip install 'lutgrade[metrics]'")


def _same_shape(graded: Tensor, other: Tensor, what: str) -> Tensor:
    if graded.shape != other.shape:
        raise InputError(f"graded frames are {list(graded.shape)}, {what} is {list(other.shape)}")
    return other
