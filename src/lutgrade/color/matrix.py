"""Colour matrices: from primaries and white points, between white points, and onto an image's channels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lutgrade.errors import InputError

Matrix = list[list[float]]  # three rows, which torch.compile takes as constants; acts on a column of channels
Chromaticity = tuple[float, float]  # CIE 1931 (x, y)

D65: Chromaticity = (0.3127, 0.3290)
ACES_WHITE: Chromaticity = (0.32168, 0.33767)  # "D60" of ACES

Primaries = tuple[Chromaticity, Chromaticity, Chromaticity]

REC709_PRIMARIES: Primaries = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))

# The cone response of Bradford (Lam 1985), as in ACES's own transforms between its white and D65.
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def split_channels(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The channels `[..., H, W]` of `image` `[..., 3, H, W]`; InputError for another shape or integers."""
    if image.dim() < 3 or image.shape[-3] != 3:
        raise InputError(f"a colour image is [..., 3, H, W], not {list(image.shape)}")
    if not image.is_floating_point():
        raise InputError(f"colour arithmetic takes floating point, not {image.dtype}; divide by the maximum first")
    first, second, third = image.unbind(-3)
    return first, second, third


def apply_matrix(matrix: Matrix, image: Tensor) -> Tensor:
    """`matrix` times the channels of `image` `[..., 3, H, W]`, in the image's dtype and on its device.

    Products with Python numbers: autocast and TF32 leave those alone, and nothing is copied to a GPU.
    """
    x, y, z = split_channels(image)
    return torch.stack([a * x + b * y + c * z for a, b, c in matrix], dim=-3)


def white_xyz(white: Chromaticity) -> np.ndarray:
    """XYZ `[3]` of a white point at Y = 1."""
    x, y = white
    return np.array([x / y, 1.0, (1 - x - y) / y])


def rgb_to_xyz_matrix(primaries: Primaries, white: Chromaticity) -> Matrix:
    """The matrix from linear RGB to XYZ, where RGB (1, 1, 1) is the white at Y = 1 (SMPTE RP 177)."""
    columns = np.stack([white_xyz(primary) for primary in primaries], axis=1)
    return (columns * np.linalg.solve(columns, white_xyz(white))).tolist()


def adaptation_matrix(source: Chromaticity, target: Chromaticity) -> Matrix:
    """The matrix on XYZ that takes one white point to another: von Kries scaling of Bradford's cones."""
    gain = (_BRADFORD @ white_xyz(target)) / (_BRADFORD @ white_xyz(source))
    return np.linalg.solve(_BRADFORD, gain[:, None] * _BRADFORD).tolist()


def rgb_to_rgb_matrix(
    primaries: Primaries, white: Chromaticity, to_primaries: Primaries, to_white: Chromaticity
) -> Matrix:
    """The matrix between two linear RGB spaces that takes the white of the one to the white of the other."""
    xyz = np.array(adaptation_matrix(white, to_white)) @ np.array(rgb_to_xyz_matrix(primaries, white))
    return np.linalg.solve(rgb_to_xyz_matrix(to_primaries, to_white), xyz).tolist()


def inverse(matrix: Matrix) -> Matrix:
    """The inverse matrix."""
    return np.linalg.inv(matrix).tolist()
