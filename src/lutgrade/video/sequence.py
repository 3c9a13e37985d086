"""Images as video: a still is one frame, a folder of images a sequence."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import check_writable
from lutgrade.video.convert import shrink
from lutgrade.video.info import Frame, VideoInfo
from lutgrade.video.reader import VideoReader
from lutgrade.video.stills import is_image, read_alpha, read_still, still_info, write_still

SEQUENCE_RATE = Fraction(25)


def image_files(folder: Path) -> list[Path]:
    """The images of a folder in natural order: 2.png comes before 10.png."""
    return sorted((path for path in folder.iterdir() if is_image(path) and path.is_file()), key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", path.name)]


class ImageReader:
    """A `VideoReader` of one image or of a folder of images, 25 a second."""

    info: VideoInfo

    def __init__(self, path: Path, *, max_side: int | None = None, every: float | None = None) -> None:
        self.files = image_files(path) if path.is_dir() else [path]
        if not self.files:
            raise InputError(f"{path}: the folder holds no images")
        first = still_info(self.files[0])
        self._max_side, self._every = max_side, every
        self.info = VideoInfo(
            path=path,
            kind="sequence" if path.is_dir() else "image",
            width=first.width,
            height=first.height,
            codec=first.format,
            pixel_format="gbrp" if first.bits == 8 else "gbrp16le",
            bits=first.bits,
            matrix="rgb",
            full_range=True,
            frame_rate=SEQUENCE_RATE,
            time_base=1 / SEQUENCE_RATE,
            frames=len(self.files),
            duration=float(len(self.files) / SEQUENCE_RATE),
            has_alpha=first.has_alpha,
        )

    def __enter__(self) -> ImageReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        due = float("-inf")
        for index, path in enumerate(self.files):
            time = float(index / SEQUENCE_RATE)
            if self._every is not None:
                if time < due:
                    continue
                due = max(due, time) + self._every
            image = read_still(path)
            height, width = image.shape[-2:]
            if (width, height) != (self.info.width, self.info.height):
                raise InputError(
                    f"{path}: is {width}x{height}, the first of its folder {self.info.width}x{self.info.height}; "
                    "give a folder for each size"
                )
            alpha = read_alpha(path) if self.info.has_alpha else None
            yield Frame(
                image=shrink(image, self._max_side),
                pts=index,
                index=index,
                time=time,
                duration=1,
                alpha=None if alpha is None else shrink(alpha, self._max_side),
            )


class StillWriter:
    """Writes one frame as an image, at the depth and with the camera data of the input where that is an image."""

    def __init__(self, path: Path, like: VideoReader) -> None:
        check_writable(path)
        if path.exists() and like.info.path.exists() and path.samefile(like.info.path):
            raise InputError(f"{path}: is the input itself; choose another name for the output")
        self._path = path
        self._like = like.info
        self._written = False

    def __enter__(self) -> StillWriter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def write(self, frame: Frame) -> None:
        """Writes the image.

        Raises:
            InputError: the path cannot be written, or this is the second frame.
        """
        if self._written:
            raise InputError(f"cannot write {self._path}: an image holds one frame; give a video or a folder")
        self._written = True
        like = still_info(self._like.path) if self._like.kind == "image" else None
        bits = None if like else 8 if self._like.bits == 8 else 16
        write_still(frame.image, self._path, bits=bits, like=like, alpha=frame.alpha)


class SequenceWriter:
    """Writes frames as images into a new folder, under the input's names; the folder appears when it is whole."""

    def __init__(self, path: Path, like: VideoReader) -> None:
        if path.exists():
            raise InputError(f"cannot write {path}: it is there already; choose a new folder")
        check_writable(path)
        self._path = path
        self._like = like
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")

    def __enter__(self) -> SequenceWriter:
        self._temporary.mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        try:
            if kind is None:
                self._temporary.rename(self._path)
        except OSError as error:
            raise LutgradeError(f"cannot write {self._path}: {error.strerror}") from error
        finally:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def write(self, frame: Frame) -> None:
        """Writes one image under the name of the input's, or its number for a video.

        Raises:
            InputError, LutgradeError: as `write_still`.
        """
        files = getattr(self._like, "files", None)
        source = files[frame.index] if files else None
        name = source.name if source else f"{frame.index:06d}.png"
        write_still(
            frame.image,
            self._temporary / name,
            bits=None if source else (8 if self._like.info.bits == 8 else 16),
            like=still_info(source) if source else None,
            alpha=frame.alpha,
        )
