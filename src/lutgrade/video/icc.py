"""Embedded ICC profiles to sRGB: through LittleCMS at 8 bits, through OpenColorIO above."""

from __future__ import annotations

import io
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

_SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK", "LAB": "Lab "}
_SRGB_ROUNDING = 2  # codes of 255 by which profiles of sRGB differ


@cache
def srgb_profile() -> bytes:
    """An sRGB profile to embed in files."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def to_srgb(image: Image.Image, icc: bytes | None, path: Path) -> Image.Image:
    """An 8-bit image of mode L, RGB, CMYK or LAB to RGB in sRGB, by its profile where it has one.

    A profile that is broken or made for another kind of image is ignored with a warning.
    """
    profile = _parse(icc, path) if icc else None
    if profile is not None and profile.profile.xcolor_space != _SPACES[image.mode]:
        warnings.warn(f"{path}: its colour profile is not one for {image.mode} pixels; ignored", stacklevel=2)
        profile = None
    if profile is None and image.mode == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    if profile is None or _is_srgb(profile):
        return image.convert("RGB")
    try:
        return _converted(image, profile)
    except ImageCms.PyCMSError as error:
        warnings.warn(f"{path}: its colour profile cannot be applied ({error}); ignored", stacklevel=2)
        return image.convert("RGB")


def deep_to_srgb(rgb: np.ndarray, icc: bytes | None, path: Path) -> np.ndarray:
    """`[H, W, 3]` float32 in [0, 1], in the space of a profile, to sRGB, without LittleCMS's 8 bits.

    OpenColorIO takes profiles made of a matrix and curves, which are those of photographs and displays; any
    other is ignored with a warning.
    """
    profile = _parse(icc, path) if icc else None
    if profile is None or _is_srgb(profile):
        return rgb
    import PyOpenColorIO as ocio

    config = ocio.Config.CreateRaw()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "profile.icc"
        file.write_bytes(icc or b"")
        # A profile is read as a display's: forward leads from XYZ at D65 to its pixels.
        to_xyz = ocio.FileTransform(src=str(file), direction=ocio.TRANSFORM_DIR_INVERSE)
        to_display = ocio.BuiltinTransform("DISPLAY - CIE-XYZ-D65_to_sRGB")
        try:
            group = ocio.GroupTransform([to_xyz, to_display])
            processor = config.getProcessor(group).getDefaultCPUProcessor()
        except ocio.Exception:
            warnings.warn(f"{path}: its colour profile is not of matrix and curves; ignored", stacklevel=2)
            return rgb
    converted = np.ascontiguousarray(rgb, dtype=np.float32).copy()
    processor.applyRGB(converted)
    return converted.clip(0, 1)


def _parse(icc: bytes, path: Path) -> ImageCms.ImageCmsProfile | None:
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc))
    except (OSError, ImageCms.PyCMSError):
        warnings.warn(f"{path}: its colour profile is broken; ignored", stacklevel=3)
        return None


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image,
        profile,
        ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # None only when it works in place
    return converted


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    """Whether it is sRGB, whose pixels stay as they are: the way through LittleCMS would round them.

    By what it does: names tell neither "sRGB, linear" nor sRGB under the name of a camera.
    """
    if profile.profile.xcolor_space != _SPACES["RGB"]:
        return False
    levels = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), -1).reshape(1, -1, 3)
    try:
        converted = _converted(Image.fromarray(levels), profile)
    except ImageCms.PyCMSError:
        return False
    return int(np.abs(np.asarray(converted, np.int16) - levels).max()) <= _SRGB_ROUNDING
