"""What a diffusion model sees of a frame: latents that it edits, and a few tokens that describe the whole."""

from __future__ import annotations

import math
from typing import Literal, Protocol, get_args

import torch.nn.functional as F
from torch import Tensor

from lutgrade.errors import InputError

Fit = Literal["crop", "squash"]


class FrameCodec(Protocol):
    """Frames to latents and back. Its networks are frozen and no part of a model's state.

    Attributes:
        channels: of the latents.
        factor: pixels that a latent is high and wide.
        scale: what the encoder's output is multiplied by to make latents of about unit variance.
        size: side of the square frames that it is meant for.
    """

    channels: int
    factor: int
    scale: float
    size: int

    def initialise(self) -> None:
        """Reads its networks; a MissingWeights says all that is not on this machine."""
        ...

    def fit(self, images: Tensor) -> Tensor:
        """Images of any size as `[B, 3, size, size]`."""
        ...

    def encode(self, images: Tensor) -> Tensor:
        """Images `[B, 3, H, W]`, sRGB-encoded in [0, 1], sides multiples of `factor`, to `[B, channels, h, w]`."""
        ...

    def context(self, images: Tensor) -> Tensor:
        """Images of any size to tokens for cross-attention, `[B, tokens, width]`."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """The images of latents, in [0, 1]."""
        ...


class PixelCodec:
    """Pixels as latents: for models small enough to do without a VAE. Needs no weights.

    Its one token holds the mean colours of a grid, of `3 * grid ** 2` numbers.

    Args:
        size: side of the square frames.
        fit: how a frame is made square, as for `square`.
        grid: cells a side.
    """

    channels, factor, scale = 3, 1, 1.0

    def __init__(self, size: int = 64, *, fit: Fit = "crop", grid: int = 4) -> None:
        self.size, self.grid = size, grid
        self._fit = checked_fit(fit)

    def initialise(self) -> None:
        """Nothing: there are no networks."""

    def fit(self, images: Tensor) -> Tensor:
        """Images of any size as `[B, 3, size, size]`."""
        return square(images, self.size, self._fit)

    def encode(self, images: Tensor) -> Tensor:
        """`[B, 3, H, W]` in [0, 1] to [-1, 1]."""
        return 2 * images - 1

    def context(self, images: Tensor) -> Tensor:
        """Images of any size to `[B, 1, 3 * grid ** 2]`, about in [-1, 1]."""
        cells = F.interpolate(clean(images), (self.grid, self.grid), mode="bilinear", antialias=True)
        return (2 * cells - 1).flatten(1)[:, None]

    def decode(self, latents: Tensor) -> Tensor:
        """`[B, 3, H, W]` in [-1, 1] to [0, 1]."""
        return ((latents + 1) / 2).clamp(0, 1)


def checked_fit(fit: Fit) -> Fit:
    """`fit` itself; an InputError where it is unknown."""
    if fit not in get_args(Fit):
        raise InputError(f"fit is {fit!r}; it is one of {', '.join(get_args(Fit))}")
    return fit


def square(images: Tensor, size: int, fit: Fit) -> Tensor:
    """Images `[B, 3, H, W]` as `[B, 3, size, size]` in [0, 1], antialiased, NaN as 0.

    Args:
        images: sRGB-encoded.
        size: side of the result.
        fit: "crop" resizes the shorter side and cuts out the middle, "squash" resizes both sides.
    """
    images, (height, width) = clean(images), images.shape[-2:]
    if fit == "squash" or height == width:
        return resized(images, size, size)
    shorter = min(height, width)
    images = resized(images, math.ceil(height * size / shorter), math.ceil(width * size / shorter))
    top, left = ((side - size) // 2 for side in images.shape[-2:])
    return images[..., top : top + size, left : left + size]


def resized(images: Tensor, height: int, width: int) -> Tensor:
    """Images `[B, C, H, W]` in [0, 1] at another size, bilinear, antialiased; as they are where it is theirs."""
    if tuple(images.shape[-2:]) == (height, width):
        return images
    # Bilinear weights sum to 1 up to rounding, so a white image could come out a little over.
    return F.interpolate(images, (height, width), mode="bilinear", antialias=True).clamp(0, 1)


def clean(images: Tensor) -> Tensor:
    """Images in [0, 1] as float32, which networks take, NaN as 0."""
    return images.float().nan_to_num(0.0).clamp(0, 1)
