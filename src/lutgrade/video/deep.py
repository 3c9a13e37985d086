"""16-bit and floating-point PNG and TIFF, which Pillow reduces to 8 bits, through OpenCV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from lutgrade.errors import InputError

_BITS_PER_SAMPLE, _PLANAR = 258, 284  # TIFF tags


def bits(image: Image.Image) -> int:
    """Bits per channel of an opened file, before its pixels are loaded: 8, or 16 for whatever is deeper."""
    if image.mode.startswith(("I", "F")):
        return 16
    if image.format == "PNG" and isinstance(image, ImageFile.ImageFile):
        return 16 if str(image.tile[0].args).endswith("16B") else 8  # the mode of 16-bit colour is RGB
    if image.format == "TIFF":
        return 16 if max(_tiff_tag(image, _BITS_PER_SAMPLE, (8,))) > 8 else 8
    return 8


def decode(image: Image.Image, path: Path) -> np.ndarray:
    """A 16-bit or floating-point file to `[H, W, C]` float32 in [0, 1], upright; C is 1, 3 (RGB) or 4 (RGBA).

    Raises:
        InputError: the file is damaged, or of a kind that OpenCV does not read right.
    """
    import cv2

    is_tiff = image.format == "TIFF"
    if is_tiff and (_tiff_tag(image, _PLANAR, 1) != 1 or image.mode == "CMYK"):
        raise InputError(f"{path}: a planar or CMYK 16-bit TIFF cannot be read; save it as interleaved RGB")
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        # imdecode fails on a TIFF that is stored on its side; imdecodemulti turns it.
        decoded, pages = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(0, 1))
    except cv2.error:
        decoded, pages = False, ()
    finally:
        cv2.utils.logging.setLogLevel(level)
    if not decoded:
        raise InputError(f"{path}: the image is damaged, cut short or of a kind that cannot be read")
    pixels = pages[0] if pages[0].ndim == 3 else pages[0][..., None]
    scale = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
    pixels = np.nan_to_num(pixels.astype(np.float32) / scale).clip(0, 1)
    if pixels.shape[2] >= 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return pixels if is_tiff else _upright(pixels, image.getexif().get(ExifTags.Base.Orientation, 1))


def encode(pixels: np.ndarray, suffix: str) -> bytes:
    """`[H, W, C]` in [0, 1] to a 16-bit PNG or TIFF file, C as in `decode`."""
    import cv2

    levels = np.rint(pixels * 65535).astype(np.uint16)
    _, buffer = cv2.imencode(suffix.lower(), levels[..., [2, 1, 0, 3][: levels.shape[2]]])
    return buffer.tobytes()


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Applies Exif orientation 1 to 8 to `[H, W, C]`."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _tiff_tag(image: Image.Image, tag: int, default: Any) -> Any:
    return image.tag_v2.get(tag, default) if isinstance(image, TiffImagePlugin.TiffImageFile) else default
