"""`apply_lut`, the one operator that all grading goes through."""

from __future__ import annotations

import importlib.util
import math
import warnings

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.ops import cpu
from lutgrade.ops.reference import apply_lut_reference
from lutgrade.ops.registration import lut3d

INTERPOLATIONS = ("trilinear", "tetrahedral")
IMAGE_DTYPES = (torch.uint8, torch.uint16, torch.float16, torch.bfloat16, torch.float32, torch.float64)
TABLE_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
MIN_SIZE, MAX_SIZE = 2, 129

_KERNELS = {
    "cpu": "c" if cpu.available() else "reference",
    "cuda": "triton" if importlib.util.find_spec("triton") else "reference",
}
_warned: set[str] = set()


def apply_lut(image: Tensor, table: Tensor, *, interpolation: str = "trilinear") -> Tensor:
    """Maps the colours of images through 3-D LUTs, differentiably in both.

    Values outside [0, 1] clamp and NaN is taken as 0; the gradient of the image passes on the closed interval [0, 1]
    and is zero elsewhere. The arithmetic is float32, and float64 for float64 images, under autocast too.

    Args:
        image: `[..., 3, H, W]`, RGB in [0, 1], or uint8 or uint16 of full range; any strides, with none copied that
            are contiguous or channels-last.
        table: `[3, S, S, S]` for all images, or `[B, 3, S, S, S]` with B one or the number of images; axes are
            channel, blue, green, red, S from 2 to 129; any float dtype.
        interpolation: `trilinear` or `tetrahedral`.

    Returns:
        The graded images in the image's shape, dtype and memory format. Integers are clamped to their range and
        rounded to nearest.

    Raises:
        InputError: a shape, dtype, size, device or interpolation that is none of the above.
    """
    _check(image, table, interpolation)
    images = image if image.dim() == 4 else image.reshape(math.prod(image.shape[:-3]), *image.shape[-3:])
    tables = table if table.dim() == 5 else table.unsqueeze(0)
    if backend(image.device) == "reference":
        _say_once(image.device.type)
        graded = apply_lut_reference(images, tables, interpolation)
    else:
        graded = lut3d(images, tables, interpolation)
    return graded if image.dim() == 4 else graded.reshape(image.shape)


def backend(device: str | torch.device = "cpu") -> str:
    """What runs on a device: `c`, `triton`, or `reference`, plain torch, where there is no kernel for it."""
    return _KERNELS.get(torch.device(device).type, "reference")


def _check(image: Tensor, table: Tensor, interpolation: str) -> None:
    if interpolation not in INTERPOLATIONS:
        raise InputError(f"interpolation is trilinear or tetrahedral, not {interpolation!r}")
    if image.dim() < 3 or image.shape[-3] != 3:
        raise InputError(f"an image is [..., 3, H, W], not {list(image.shape)}")
    if image.dtype not in IMAGE_DTYPES:
        raise InputError(f"an image is uint8, uint16 or a float of 16 to 64 bits, not {image.dtype}")
    if table.dim() not in (4, 5) or table.shape[-4] != 3 or len(set(table.shape[-3:])) != 1:
        raise InputError(f"a LUT table is [3, S, S, S] or [B, 3, S, S, S], not {list(table.shape)}")
    if not MIN_SIZE <= table.shape[-1] <= MAX_SIZE:
        raise InputError(f"a LUT table has {MIN_SIZE} to {MAX_SIZE} nodes a side, not {table.shape[-1]}")
    if table.dtype not in TABLE_DTYPES:
        raise InputError(f"a LUT table is a float of 16 to 64 bits, not {table.dtype}")
    if image.device != table.device:
        raise InputError(f"the image is on {image.device} and the LUT table on {table.device}; move one")
    count = math.prod(image.shape[:-3])
    if table.dim() == 5 and table.shape[0] not in (1, count):
        raise InputError(f"{table.shape[0]} LUT tables do not fit {count} images; give one, or one for each")


def _say_once(device: str) -> None:
    if device in _warned or device == "meta":
        return
    _warned.add(device)
    hint = "reinstall lutgrade where there is a C compiler" if device == "cpu" else "it is slower"
    warnings.warn(f"no compiled LUT kernel for {device}: plain torch runs instead ({hint})", stacklevel=3)
