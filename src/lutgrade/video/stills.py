"""Still images in and out: 8 or 16 bits, with orientation, colour profile and alpha taken care of."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.files import replacing
from lutgrade.video import deep, exif, icc

_FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".bmp": "BMP",
}
IMAGE_SUFFIXES = frozenset(_FORMATS)
_DEEP_FORMATS = ("PNG", "TIFF")
_ALPHA_FORMATS = ("PNG", "TIFF", "WEBP")
_SAVED: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "exact": True},  # exact: colours below alpha 0
    "PNG": {"compress_level": 3},  # of photographs as small as 6, the default, in half the time
}


@dataclass(frozen=True)
class StillInfo:
    """What a still is on disk; width and height are those of the picture as it is meant to be seen."""

    width: int
    height: int
    bits: int  # per channel: 8, or 16 for whatever is deeper
    has_alpha: bool
    icc: bytes | None
    exif: bytes | None
    format: str  # Pillow's name: JPEG, PNG, TIFF, ...


def is_image(path: str | Path) -> bool:
    """Whether the name is that of a still image that can be read and written."""
    return Path(path).suffix.lower() in IMAGE_SUFFIXES


def check_image_suffix(path: Path) -> None:
    """Raises an InputError unless the name is that of a still image that can be written."""
    if not is_image(path):
        raise InputError(f"{path}: cannot write this kind of image; use one of {', '.join(sorted(_FORMATS))}")


def still_info(path: str | Path) -> StillInfo:
    """What a still holds, from its header.

    Raises:
        InputError: the file is missing, empty or not an image.
    """
    with _opened(Path(path)) as image:
        return _info(image, Path(path))


def read_still(path: str | Path) -> Tensor:
    """An image file as `[3, H, W]` float32, sRGB-encoded in [0, 1].

    Orientation is applied; an embedded profile, CMYK and Lab are converted to sRGB; grey becomes three equal
    channels; alpha is left out, the colours below it as they are stored (see `read_alpha`). Of an animation
    the first frame is read, with a warning. Floating point, which is read of grey alone, is clamped.

    Raises:
        InputError: the file is missing, empty, truncated, too large or not an image.
    """
    path = Path(path)
    with _opened(path) as image:
        if getattr(image, "n_frames", 1) > 1:
            warnings.warn(f"{path}: holds several pictures; the first is read", stacklevel=2)
        profile = image.info.get("icc_profile")
        if deep.bits(image) > 8:
            color = deep.decode(image, path)[..., :3]  # [H, W, 1 or 3]
            color = np.repeat(color, 3, axis=2) if color.shape[2] == 1 else color
            pixels = icc.deep_to_srgb(color, profile, path)
        else:
            rgb = icc.to_srgb(_without_alpha(image), profile, path)
            pixels = exif.upright(np.asarray(rgb, dtype=np.float32) / 255.0, image)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def read_alpha(path: str | Path) -> Tensor | None:
    """The alpha channel of an image file as `[1, H, W]` float32 in [0, 1]; None where it has none.

    Raises:
        InputError: as `read_still`.
    """
    path = Path(path)
    with _opened(path) as image:
        if not image.has_transparency_data:
            return None
        if deep.bits(image) > 8:
            alpha = deep.decode(image, path)[..., -1]
        else:
            levels = np.asarray(image.convert("RGBA").getchannel("A"), dtype=np.float32)
            alpha = exif.upright(levels / 255.0, image)
    return torch.from_numpy(np.ascontiguousarray(alpha))[None]


def write_still(
    image: Tensor,
    path: str | Path,
    *,
    bits: int | None = None,
    like: StillInfo | None = None,
    alpha: Tensor | None = None,
) -> None:
    """Writes `[3, H, W]`, sRGB-encoded in [0, 1], in the format of the path's suffix; atomic.

    Values round to the nearest level. JPEG is written at quality 95 without chroma subsampling.

    Args:
        bits: 8 or 16 per channel; None is the depth of `like`, or 8. JPEG, WebP and BMP always hold 8.
        like: the still that this one comes from: its camera's Exif data are kept (orientation reset), and
            an sRGB profile is embedded where it had a profile; 16-bit files carry neither.
        alpha: `[1, H, W]` in [0, 1], for formats that hold it.

    Raises:
        InputError: the suffix is not known, or the path cannot be written.
        LutgradeError: the disk is full or fails.
    """
    path = Path(path)
    check_image_suffix(path)
    file_format = _FORMATS[path.suffix.lower()]
    if alpha is not None and file_format not in _ALPHA_FORMATS:
        warnings.warn(f"{path}: {file_format} holds no transparency; it is left out", stacklevel=2)
        alpha = None
    channels = image if alpha is None else torch.cat([image, alpha])
    pixels = channels.detach().cpu().float().nan_to_num(0.0).clamp_(0, 1).permute(1, 2, 0).numpy()  # [H, W, C]
    depth = bits if bits is not None else like.bits if like else 8
    if depth > 8 and file_format in _DEEP_FORMATS:
        data = deep.encode(pixels, path.suffix)
    else:
        data = _encode(pixels, file_format, like, path)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image with its header read; whatever goes wrong inside is one line that names the file."""
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder, not an image' if path.is_dir() else 'no such file'}")
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
        with image:
            yield image
    except UnidentifiedImageError:
        deep_tiff = ", such as a TIFF of more than 16 bits" if path.suffix.lower() in (".tif", ".tiff") else ""
        raise InputError(f"{path}: not an image, or one of a kind that cannot be read{deep_tiff}") from None
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: too large an image ({error})") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: the image is damaged or cut short ({error})") from None


def _info(image: Image.Image, path: Path) -> StillInfo:
    bits = deep.bits(image)
    turned = exif.orientation(image) in exif.ON_ITS_SIDE  # which decodes a PNG
    width, height = image.size[::-1] if turned else image.size
    return StillInfo(
        width=width,
        height=height,
        bits=bits,
        has_alpha=image.has_transparency_data,
        icc=image.info.get("icc_profile"),
        exif=exif.block(image.getexif(), path),
        format=image.format or "",
    )


def _without_alpha(image: Image.Image) -> Image.Image:
    """An 8-bit image of any mode to L, RGB, CMYK or LAB; alpha is dropped, not composited."""
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    if image.mode in ("1", "LA", "La"):
        return image.convert("L")
    return image.convert("RGBA").convert("RGB")  # P warns on its way to RGB where it holds transparency


def _encode(pixels: np.ndarray, file_format: str, like: StillInfo | None, path: Path) -> bytes:
    levels = pixels * 255
    image = Image.fromarray(np.rint(levels, out=levels).astype(np.uint8))
    options = dict(_SAVED.get(file_format, {}))
    if file_format != "BMP" and like is not None:
        if like.icc:
            options["icc_profile"] = icc.srgb_profile()
        if like.exif and (kept := exif.block(exif.kept(like.exif), path)):
            options["exif"] = kept
    buffer = io.BytesIO()
    try:
        image.save(buffer, file_format, **options)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be written as {file_format} ({error})") from None
    return buffer.getvalue()
