"""LUTs as images, for networks of images: the 16 x 16 x 16 nodes of a LUT are the 64 x 64 pixels of a picture."""

from __future__ import annotations

import math

from torch import Tensor

from lutgrade.errors import InputError


def image_side(size: int) -> int:
    """The side of the square image that holds a LUT of `size` nodes a side.

    Raises:
        InputError: its nodes fill no square; 4, 9, 16 and 25 a side do.
    """
    side = math.isqrt(size**3)
    if side**2 != size**3:
        raise InputError(f"the {size**3} nodes of a LUT of size {size} fill no square image; 4, 9, 16 or 25 a side do")
    return side


def to_image(tables: Tensor) -> Tensor:
    """Tables `[..., 3, S, S, S]` (channel, blue, green, red) to images `[..., 3, side, side]`.

    Node (b, g, r) has the index S * S * b + S * g + r, red fastest, and pixels are counted along the rows. At 16 nodes
    it lies in row 4 b + g // 4 and column 16 (g % 4) + r, as published.
    """
    side = image_side(tables.shape[-1])
    return tables.flatten(-3).unflatten(-1, (side, side))


def to_table(images: Tensor) -> Tensor:
    """The inverse of `to_image`.

    Raises:
        InputError: the image holds no LUT.
    """
    height, width = images.shape[-2:]
    size = round((height * width) ** (1 / 3))
    if height != width or size**3 != height * width:
        raise InputError(f"an image of {height} x {width} pixels holds no LUT; one of size 16 is 64 x 64")
    return images.flatten(-2).unflatten(-1, (size, size, size))
