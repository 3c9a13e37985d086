"""What a camera says beside the pixels: which way up they are, and the Exif data that a graded picture keeps."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

ON_ITS_SIDE = (5, 6, 7, 8)  # orientations that swap width and height

_COLOR_SPACE_SRGB = 1
# What a picture keeps of its Exif block; the rest describes the file that it came from (size, thumbnail).
_KEPT = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)


def orientation(image: Image.Image) -> int:
    """Exif's 1 to 8; 1 for a TIFF, which Pillow and OpenCV turn themselves. A PNG is decoded for it.

    Pillow's `exif_transpose` also writes the Exif data anew, and fails where they are malformed.
    """
    value = 1 if image.format == "TIFF" else image.getexif().get(ExifTags.Base.Orientation, 1)
    return int(value) if value in range(1, 9) else 1


def upright(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    """`[H, W]` or `[H, W, C]`, as they are stored in `image`, turned as they are meant to be seen."""
    turn = orientation(image)
    if turn in ON_ITS_SIDE:
        pixels = pixels.swapaxes(0, 1)
    if turn in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if turn in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def block(exif: Image.Exif, path: Path) -> bytes | None:
    """Exif data as a file holds them; None where there are none, or values that their own types do not allow."""
    if not len(exif):
        return None
    try:
        return exif.tobytes()
    except (struct.error, TypeError, ValueError, AttributeError):
        warnings.warn(f"{path}: its Exif data are malformed; they are left out", stacklevel=3)
        return None


def kept(data: bytes) -> Image.Exif:
    """What a graded picture keeps of a block: camera, author, exposure and place; it is upright and sRGB."""
    source, exif = Image.Exif(), Image.Exif()
    source.load(data)
    for tag in _KEPT:
        if tag in source:
            exif[tag] = source[tag]
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if entries := source.get_ifd(directory):
            exif.get_ifd(directory).update(entries)
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    if ExifTags.Base.ColorSpace in camera:
        camera[ExifTags.Base.ColorSpace] = _COLOR_SPACE_SRGB
    return exif
