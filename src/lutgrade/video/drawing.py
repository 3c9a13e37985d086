"""The look that scopes and contact sheets share: colours, type, and pictures to and from tensors."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from PIL import Image, ImageFont
from torch import Tensor

BACKGROUND = (17, 18, 20)
PANEL = (9, 10, 11)
LINE = (52, 55, 60)
FAINT_LINE = (32, 34, 38)
TEXT = (226, 228, 232)
DIM_TEXT = (142, 147, 156)
ACCENT = (240, 180, 96)  # the skin-tone line

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size: int, *, ascii_only: bool = True) -> Font:
    """A font at a size in pixels: Pillow's own, which knows ASCII alone, or Matplotlib's DejaVu Sans for the rest."""
    if ascii_only:
        return ImageFont.load_default(size)
    import matplotlib

    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)


def to_picture(image: Tensor) -> Image.Image:
    """`[3, H, W]` in [0, 1] to an 8-bit Pillow image."""
    pixels = image.detach().cpu().float().nan_to_num(0.0).clamp(0, 1).permute(1, 2, 0)
    return Image.fromarray(np.rint(pixels.numpy() * 255).astype(np.uint8))


def to_tensor(picture: Image.Image) -> Tensor:
    """A Pillow image of mode RGB to `[3, H, W]` float32 in [0, 1]."""
    pixels = np.asarray(picture, dtype=np.float32) / 255.0
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
