"""16-bit PNG and TIFF, and TIFF of one floating-point channel, which Pillow reduces to 8 bits, through OpenCV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

from lutgrade.errors import InputError
from lutgrade.video import exif

_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR = 258, 262, 284  # TIFF tags
_WHITE_IS_ZERO, _INTERLEAVED = 0, 1
_TIFF = (".tif", ".tiff")


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
    if is_tiff and (_tiff_tag(image, _PLANAR, _INTERLEAVED) != _INTERLEAVED or image.mode == "CMYK"):
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
    if is_tiff and _tiff_tag(image, _PHOTOMETRIC, None) == _WHITE_IS_ZERO:  # which OpenCV heeds at 8 bits alone
        pixels = 1 - pixels
    if pixels.shape[2] >= 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return exif.upright(pixels, image)


def encode(pixels: np.ndarray, suffix: str) -> bytes:
    """`[H, W, C]` in [0, 1] to a 16-bit PNG or TIFF file, C as in `decode`."""
    import cv2

    levels = np.rint(pixels * 65535).astype(np.uint16)
    if suffix.lower() in _TIFF and levels.shape[2] == 4:
        return _tiff_with_alpha(levels)
    _, buffer = cv2.imencode(suffix.lower(), levels[..., [2, 1, 0, 3][: levels.shape[2]]])
    return buffer.tobytes()


def _tiff_with_alpha(levels: np.ndarray) -> bytes:
    """`[H, W, 4]` uint16 through FFmpeg: OpenCV's TIFF does not say that the fourth channel is alpha."""
    encoder = av.CodecContext.create("tiff", "w")
    encoder.height, encoder.width, _ = levels.shape
    encoder.pix_fmt, encoder.time_base = "rgba64le", Fraction(1)
    encoder.options = {"compression_algo": "lzw"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(levels), format="rgba64le")
    return b"".join(map(bytes, encoder.encode(frame) + encoder.encode(None)))


def _tiff_tag(image: Image.Image, tag: int, default: Any) -> Any:
    return image.tag_v2.get(tag, default) if isinstance(image, TiffImagePlugin.TiffImageFile) else default
