"""One way to read frames: a video, a still image or a folder of images."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

from lutgrade.errors import InputError
from lutgrade.video.info import Frame, VideoInfo

__all__ = ["Frame", "VideoInfo", "VideoReader", "is_media", "is_sequence", "open_video"]

Backend = Literal["av", "decord"]
VIDEO_SUFFIXES = {
    ".3gp", ".asf", ".avi", ".dv", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".mxf", ".nut", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
}  # fmt: skip


class VideoReader(Protocol):
    """Frames in order of display. Every iteration starts at the first frame; memory does not grow with length."""

    info: VideoInfo

    def __iter__(self) -> Iterator[Frame]: ...

    def __enter__(self) -> VideoReader: ...

    def __exit__(self, *exc_info: object) -> None: ...


def open_video(
    path: str | Path,
    *,
    backend: Backend = "av",
    max_side: int | None = None,
    matrix: str | None = None,
    range: Literal["limited", "full"] | None = None,
    every: float | None = None,
) -> VideoReader:
    """Opens a video, an image (one frame) or a folder of images (a sequence, in natural order of the names).

    Args:
        backend: "av" reads everything at its full depth; "decord" is for training, 8 bits, and faster.
        max_side: shrinks frames to this longer side, for analysis.
        matrix: "bt709", "bt601" or "bt2020", instead of what the file says. An untagged file is taken as
            BT.2020 where its primaries are, as BT.601 where it is under 1280 wide and of 576 lines at most, else as
            BT.709, with a warning.
        range: instead of what the file says; an untagged file is limited, but grey is full.
        every: seconds between the frames that are given, for key frames; None gives all.

    Raises:
        InputError: nothing there, not a video, no picture in it, damaged or cut short. What only shows on
            the way (a damaged frame, an early end) is raised while iterating.
    """
    from lutgrade.video.stills import is_image

    path = Path(path)
    _check(path)
    if path.is_dir() or is_image(path):
        from lutgrade.video.sequence import ImageReader

        return ImageReader(path, max_side=max_side, every=every)
    if backend == "decord":
        from lutgrade.video.decord_reader import DecordReader

        return DecordReader(path, max_side=max_side, matrix=matrix, value_range=range, every=every)
    if backend != "av":
        raise InputError(f"backend must be av or decord, not {backend!r}")
    from lutgrade.video.av_reader import AvReader

    return AvReader(path, max_side=max_side, matrix=matrix, value_range=range, every=every)


def is_media(path: Path) -> bool:
    """Whether a file is a video or an image that may be read, by its suffix."""
    from lutgrade.video.stills import is_image

    visible = path.is_file() and not path.name.startswith(".")
    return visible and (path.suffix.lower() in VIDEO_SUFFIXES or is_image(path))


def is_sequence(folder: Path) -> bool:
    """Whether a folder is one clip: nothing but images that are numbered, of one kind, named alike."""
    files = [path for path in folder.iterdir() if is_media(path)]
    names = {re.sub(r"\d+(?=\.\w+$)", "#", path.name) for path in files}
    return len(files) > 1 and len(names) == 1 and "#" in names.pop() and files[0].suffix.lower() not in VIDEO_SUFFIXES


def _check(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file or folder") from None
    except OSError as error:  # no permission to look there, links in a circle, a name too long
        raise InputError(f"{path}: {error.strerror}") from None
    if stat.S_ISREG(found.st_mode) and found.st_size == 0:
        raise InputError(f"{path}: the file is empty")
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise InputError(f"{path}: a pipe or a device, which cannot be read twice; write it to a file first")
