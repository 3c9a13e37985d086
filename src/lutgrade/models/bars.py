"""The dark bars that fill a frame of another shape: they are no part of the picture."""

from __future__ import annotations

from torch import Tensor

DARK = 0.1  # of the brightest channel; bars that a grade has lifted, or of code 16 read as full range, lie below
UNIFORM = 0.012  # root mean square of what compression leaves in a row of a bar, 3 codes
LEAST = 0.25  # of a side that is picture; a portrait in a landscape frame takes 0.32


def without_bars(image: Tensor) -> Tensor:
    """The picture of `[3, H, W]`, sRGB-encoded in [0, 1], inside its letterbox and pillar bars: a view of it.

    Bars are rows or columns of one dark colour, as many on the two sides that face each other; of a dark picture no
    more is taken than is uniform on both. An image that would have nearly nothing left has none.
    """
    bar = _bar(image)
    image = image[:, bar : image.shape[1] - bar]
    bar = _bar(image.mT)
    return image[:, :, bar : image.shape[2] - bar]


def _bar(image: Tensor) -> int:
    """How many rows of `[3, H, W]` are a bar at the top, and at the bottom."""
    level = image[:, [0, -1]].flatten(1).median(dim=1).values[:, None, None]
    if level.max() > DARK:
        return 0
    uniform = (image - level).square().mean(dim=(0, 2)).sqrt() <= UNIFORM  # [H]
    bar = int((uniform & uniform.flip(0)).cumprod(0).sum())
    return bar if image.shape[1] - 2 * bar >= LEAST * image.shape[1] else 0
