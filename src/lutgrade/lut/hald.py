"""HaldCLUT images: a 3-D LUT as a square picture, which any picture editor can grade (Eskil Steenberg).

At level L the cube has L^2 nodes a side and the picture L^3 pixels a side; red runs fastest, then green, blue.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from lutgrade.errors import InputError
from lutgrade.lut.files import check_writable_lut, read_bytes, write_bytes
from lutgrade.lut.lut import Lut

DEFAULT_LEVEL = 8  # 64 nodes a side, a picture of 512 x 512
_LEVELS = range(2, 17)


def read_hald(path: str | Path) -> Lut:
    """Reads a HaldCLUT picture (`.png`, `.tif`) of 8 or 16 bits a channel; an alpha channel is left out.

    Raises:
        InputError: not a picture, or not of a HaldCLUT's shape.
    """
    picture = _decode(path)  # [H, W, 3], RGB
    height, width, _ = picture.shape
    level = round(width ** (1 / 3))
    if height != width or level**3 != width or level not in _LEVELS:
        sides = ", ".join(str(n**3) for n in _LEVELS)
        raise InputError(f"{path}: {width} x {height} pixels are no HaldCLUT; one is square with a side of {sides}")
    size = level**2
    cube = picture.reshape(size, size, size, 3).astype(np.float32) / np.iinfo(picture.dtype).max
    return Lut(torch.from_numpy(np.ascontiguousarray(np.moveaxis(cube, -1, 0))), title=_title(path))


def write_hald(lut: Lut, path: str | Path, *, level: int | None = None, bits: int = 16) -> Path:
    """Writes a HaldCLUT picture; values are clipped to [0, 1] and rounded to `bits`, 8 or 16.

    Args:
        lut: one LUT over the domain [0, 1]; a shaper is baked in.
        path: a `.png` or `.tif` file.
        level: 2 to 16; by default the one of the LUT's own size where there is one, else 8 (64 nodes a side).
        bits: per channel.

    Raises:
        InputError: a batch, values that are not finite, another domain, bits or a level that there are not.
    """
    import cv2

    check_writable_lut(lut, "HaldCLUT")
    if not lut.unit_domain:
        raise InputError("a HaldCLUT has the domain [0, 1] and this LUT another one; write a .cube instead")
    if bits not in (8, 16):
        raise InputError(f"a HaldCLUT has 8 or 16 bits a channel, not {bits}")
    level = level or math.isqrt(hald_size(lut.size))
    if level not in _LEVELS:
        raise InputError(f"a HaldCLUT has a level of {_LEVELS[0]} to {_LEVELS[-1]}, not {level}")
    cube = lut.resize(level**2).table.detach().cpu().double().numpy()
    codes = np.round(np.clip(np.moveaxis(cube, 0, -1), 0, 1) * (2**bits - 1))
    picture = codes.astype(np.uint8 if bits == 8 else np.uint16).reshape(level**3, level**3, 3)
    _, encoded = cv2.imencode(Path(path).suffix, picture[..., ::-1])  # OpenCV has B, G, R
    return write_bytes(path, encoded.tobytes())


def hald_size(size: int) -> int:
    """Nodes a side of the HaldCLUT for a cube of `size`: as many where a level has them, else 64."""
    level = math.isqrt(size)
    return size if level**2 == size and level in _LEVELS else DEFAULT_LEVEL**2


def _title(path: str | Path) -> str:
    """The name of the file, as text that every format can hold."""
    return Path(path).stem.encode(errors="replace").decode()


def _decode(path: str | Path) -> np.ndarray:
    """The picture `[H, W, 3]`, R, G, B, as uint8 or uint16."""
    import cv2

    data = np.frombuffer(read_bytes(path), np.uint8)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_SILENT)  # what it would print says less than the error below
    try:
        picture = cv2.imdecode(data, flags)
    except cv2.error:
        picture = None
    finally:
        log.setLogLevel(level)
    if picture is None or picture.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path}: not a picture of 8 or 16 bits a channel, so not a HaldCLUT")
    return picture[..., ::-1]
