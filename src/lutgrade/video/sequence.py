"""Images as video: a still is one frame, a folder of images a sequence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import check_writable, replacing_folder
from lutgrade.video.convert import shrink
from lutgrade.video.info import Frame, VideoInfo
from lutgrade.video.reader import VideoReader
from lutgrade.video.stills import IMAGE_SUFFIXES, is_image, read_alpha, read_still, still_info, write_still

SEQUENCE_RATE = Fraction(25)


def image_files(folder: Path) -> list[Path]:
    """The images of a folder in natural order, 2.png before 10.png; hidden ones, as macOS leaves, are none."""
    files = (path for path in folder.iterdir() if is_image(path) and path.is_file() and path.name[0] != ".")
    return sorted(files, key=_natural)


def is_frames(folder: Path) -> bool:
    """Whether a folder holds images, and nothing else."""
    entries = list(folder.iterdir())
    return bool(entries) and all(is_image(entry) and entry.is_file() for entry in entries)


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in re.split(r"(\d+)", path.name)]


class ImageReader:
    """A `VideoReader` of one image or of a folder of images, 25 a second."""

    info: VideoInfo

    def __init__(self, path: Path, *, max_side: int | None = None, every: float | None = None) -> None:
        self.files = image_files(path) if path.is_dir() else [path]
        if not self.files:
            raise InputError(f"{path}: the folder holds no images; frames are {', '.join(sorted(IMAGE_SUFFIXES))}")
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
        self._frame: Frame | None = None

    def __enter__(self) -> StillWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        if kind is not None:
            return
        if self._frame is None:
            raise LutgradeError(f"cannot write {self._path}: there was no frame")
        like = still_info(self._like.path) if self._like.kind == "image" else None
        bits = None if like else 8 if self._like.bits == 8 else 16
        write_still(self._frame.image, self._path, bits=bits, like=like, alpha=self._frame.alpha)

    def write(self, frame: Frame) -> None:
        """Takes the image, which is written when the writer is left: there may be no second one.

        Raises:
            InputError: this is the second frame.
        """
        if self._frame is not None:
            raise InputError(f"cannot write {self._path}: an image holds one frame; give a video or a folder")
        self._frame = frame


class SequenceWriter:
    """Writes frames as images into a folder, under the input's names; the folder appears when it is whole.

    A folder that is there is replaced if it holds nothing but images under names that are written now.
    """

    def __init__(self, path: Path, like: VideoReader) -> None:
        self._path = path
        self._like = like
        self._files: list[Path] | None = getattr(like, "files", None)
        self._names = {file.name for file in self._files} if self._files else None
        self._stack = ExitStack()

    def __enter__(self) -> SequenceWriter:
        self._temporary = self._stack.enter_context(replacing_folder(self._path, self._check_replaceable))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _check_replaceable(self, path: Path) -> None:
        """Raises an InputError where replacing what is there would lose what is no frame of an earlier run."""
        if path.is_symlink() or not path.is_dir():
            raise InputError(f"cannot write {path}: what is there is no folder")
        if self._like.info.path.exists() and path.samefile(self._like.info.path):
            raise InputError(f"cannot write {path}: it is the input itself; give another path")
        for entry in sorted(path.iterdir()):
            named = entry.name in self._names if self._names else re.fullmatch(r"\d{6,}\.png", entry.name)
            if entry.is_symlink() or not entry.is_file() or not named:
                raise InputError(f"cannot replace {path}: it holds {entry.name}, no frame that would be written again")

    def write(self, frame: Frame) -> None:
        """Writes one image under the name of the input's, or its number for a video.

        Raises:
            InputError, LutgradeError: as `write_still`.
        """
        source = self._files[frame.index] if self._files else None
        name = source.name if source else f"{frame.index:06d}.png"
        write_still(
            frame.image,
            self._temporary / name,
            bits=None if source else (8 if self._like.info.bits == 8 else 16),
            like=still_info(source) if source else None,
            alpha=frame.alpha,
        )
