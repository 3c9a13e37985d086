"""Folders of photographs, decoded for training: 8 bits, no larger than training needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn.functional import interpolate

from lutgrade.data.manifest import files_of, is_manifest
from lutgrade.data.splits import WHERE, split_of
from lutgrade.errors import InputError, LutgradeError

PACKAGED = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


class Pictures(Protocol):
    """A collection of scenes to draw training pictures from.

    `read` gives one picture for each position in [0, 1), as `[H, W, 3]` uint8 of one size: a video is read at those
    fractions of its length, a photograph is the same picture every time. It raises `InputError` for a broken file.
    """

    paths: Sequence[Path]
    moving: bool  # whether two positions give two pictures

    def read(self, index: int, positions: Sequence[float]) -> list[np.ndarray]: ...


class PhotoFolder:
    """Photographs of a folder (and the folders in it), or of a manifest, as `Pictures`.

    Args:
        source: a folder, a manifest file as `scripts/prepare_data.py` writes it, or image files.
        short_side: photographs larger than this are shrunk to it; None keeps them.
        split: of a manifest; of a folder "train" or "val" by `splits.split_of` over `every`; None takes all.
        every: see `split`.
        role: of a manifest's files, for instance "expertC" of FiveK.
        cache: keep the decoded photographs in memory (about `3 * 1.4 * short_side**2` bytes each), decoded at once
            and shared by the workers of a loader. Broken ones then show at once.

    Raises:
        InputError: no folder or manifest there, or no images in it.
    """

    moving = False

    def __init__(
        self,
        source: str | Path | Sequence[Path],
        *,
        short_side: int | None = 288,
        split: str | None = None,
        every: int = 20,
        role: str = "image",
        cache: bool = False,
    ) -> None:
        self.paths = photo_files(source, split=split, every=every, role=role)
        self.short_side = short_side
        self._cached = [_attempt(path, short_side) for path in self.paths] if cache else None

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int, positions: Sequence[float]) -> list[np.ndarray]:
        picture = self._cached[index] if self._cached else _attempt(self.paths[index], self.short_side)
        if isinstance(picture, InputError):
            raise picture
        return [picture] * len(positions)


def packaged_photos(**options: Any) -> PhotoFolder:
    """The four photographs that come with scikit-image, for trying things out without any data.

    Args:
        options: as for `PhotoFolder`.
    """
    return PhotoFolder(packaged_files(), **options)


def packaged_files() -> list[Path]:
    """The files of the photographs that come with scikit-image; a LutgradeError where it is not installed."""
    try:
        import skimage.data
    except ImportError as error:
        raise LutgradeError(
            "the photographs come with scikit-image; install it with pip install 'lutgrade[demo]'"
        ) from error
    return [Path(skimage.data.__file__).parent / name for name in PACKAGED]


def photo_files(
    source: str | Path | Sequence[Path], *, split: str | None = None, every: int = 20, role: str = "image"
) -> list[Path]:
    """The image files of a folder, at any depth, or of a manifest, or those given, as `PhotoFolder` has it."""
    from lutgrade.video.stills import is_image

    if not isinstance(source, str | Path):
        return split_of(source, split, every)
    source = Path(source)
    if is_manifest(source):
        return [path for path, _ in files_of(source, split=split, role=role)]
    if not source.is_dir():
        raise InputError(f"{source}: no such folder of images; {WHERE}")
    found = sorted(path for path in source.rglob("*") if is_image(path) and not path.name.startswith("."))
    if not found:
        raise InputError(f"{source}: the folder holds no images")
    return split_of(found, split, every)


def decode(path: Path, short_side: int | None = None) -> np.ndarray:
    """An image file as `[H, W, 3]` uint8, sRGB-encoded, its shorter side at most `short_side`.

    A JPEG is decoded at the smallest of the sizes 1/1, 1/2, 1/4 and 1/8 that is no smaller than wanted, which is
    several times as fast as decoding it whole.

    Raises:
        InputError: the file is missing, damaged or not an image.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    from lutgrade.video import deep, icc
    from lutgrade.video.stills import read_still

    try:
        with Image.open(path) as image:
            if deep.bits(image) > 8 or image.mode not in ("RGB", "L", "CMYK"):
                full = (read_still(path) * 255).round().byte().permute(1, 2, 0).numpy()
                return shrink(full, short_side)
            profile = image.info.get("icc_profile")
            if short_side is not None:
                scale = min(1.0, short_side / min(image.size))
                image.draft(None, (int(image.width * scale), int(image.height * scale)))
            upright = icc.to_srgb(ImageOps.exif_transpose(image), profile, path)
            return shrink(np.array(upright), short_side)
    except UnidentifiedImageError:
        raise InputError(f"{path}: not an image, or one of a kind that cannot be read") from None
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: the image is missing or damaged ({error})") from None


def shrink(picture: np.ndarray, short_side: int | None) -> np.ndarray:
    """`[H, W, 3]` uint8 with a shorter side of at most `short_side`, antialiased."""
    height, width = picture.shape[:2]
    if short_side is None or min(height, width) <= short_side:
        return picture
    scale = short_side / min(height, width)
    return resize(picture, (round(height * scale), round(width * scale)))


def resize(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """`[H, W, 3]` uint8 to `size` (rows, columns), bilinear, antialiased where it shrinks."""
    if picture.shape[:2] == size:
        return picture
    image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None]  # [1, 3, H, W], channels last
    return interpolate(image, size, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


def _attempt(path: Path, short_side: int | None) -> np.ndarray | InputError:
    try:
        return decode(path, short_side)
    except InputError as error:
        return error
