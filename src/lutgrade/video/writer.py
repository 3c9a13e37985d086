"""Graded frames to a file, keeping all that the input had."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

import av
from av.container import OutputContainer

from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import check_writable, replacing
from lutgrade.video.convert import Coding
from lutgrade.video.encoding import Encoding, choose_encoding
from lutgrade.video.info import CodedFrame, Frame
from lutgrade.video.reader import VIDEO_SUFFIXES, VideoReader
from lutgrade.video.remux import Remuxer
from lutgrade.video.track import PictureTrack, written_coding


class FrameWriter(Protocol):
    """A context manager that takes frames in order; leaving it by an exception leaves no file behind."""

    def __enter__(self) -> FrameWriter: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, frame: Frame) -> None: ...


def open_writer(
    path: str | Path,
    like: VideoReader,
    *,
    codec: str | None = None,
    pixel_format: str | None = None,
    quality: float | None = None,
) -> FrameWriter:
    """A writer for a path: a video or an image by its suffix; for any other name a folder of images.

    Args, errors: as `VideoWriter`; images and folders follow the depth of `like` and take no options.
    """
    from lutgrade.video.sequence import SequenceWriter, StillWriter
    from lutgrade.video.stills import is_image

    path = Path(path)
    if is_image(path):
        return StillWriter(path, like)
    if not path.suffix or (like.info.kind == "sequence" and path.suffix.lower() not in VIDEO_SUFFIXES):
        return SequenceWriter(path, like)
    return VideoWriter(path, like, codec=codec, pixel_format=pixel_format, quality=quality)


class VideoWriter:
    """Encodes frames as the input was encoded, beside a copy of its sound, subtitles, chapters and tags.

    The container follows the suffix of `path`; codec, pixel format, clock, frame rate, colour tags and aspect
    follow `like`. Rotated input is written upright, without the tag. What the output cannot keep is said in a
    warning. The file appears under its name when the writer is left without an exception.
    """

    def __init__(
        self,
        path: str | Path,
        like: VideoReader,
        *,
        codec: str | None = None,
        pixel_format: str | None = None,
        quality: float | None = None,
    ) -> None:
        """`codec` and `pixel_format` are FFmpeg's names, `quality` is the encoder's crf or quantiser.

        Raises:
            InputError: no such folder, no permission, or the input itself.
        """
        self._path = Path(path)
        self._info = like.info
        self._codec, self._pixel_format, self._quality = codec, pixel_format, quality
        check_writable(self._path)
        if self._path.exists() and self._info.path.exists() and self._path.samefile(self._info.path):
            raise InputError(f"cannot write {self._path}: it is the input itself; give another path")
        self._stack = ExitStack()
        self._output: OutputContainer
        self._encoding: tuple[tuple[int, int], Encoding] | None = None
        self._track: PictureTrack | None = None
        self._remuxer: Remuxer | None = None

    def __enter__(self) -> VideoWriter:
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self._path))
            self._output = self._open(temporary)
            stack.callback(self._close)
            if self._info.kind == "video":
                self._remuxer = stack.enter_context(Remuxer(self._info.path, self._output, self._path))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:  # closes the output, then gives it its name, or removes it after an exception
            if error is not None:
                raise error
            self._finish()

    def taken(self, size: tuple[int, int]) -> tuple[str, Coding]:
        """The pixel format of the pictures of coded frames of a (width, height), and what their codes mean."""
        pixel_format = self._encoding_of(size).pixel_format
        return pixel_format, written_coding(self._info, pixel_format)[1]

    def write(self, frame: Frame | CodedFrame) -> None:
        """Encodes one frame; timestamps must increase. The picture of a coded frame is as `taken` says.

        Raises:
            InputError: an encoding that was asked for does not fit (at the first frame).
            LutgradeError: the disk is full, or the encoder fails.
        """
        with _readable_errors(self._path):
            if self._track is None:
                self._track = self._start(_size(frame))
            self._output.mux(self._track.encode(frame))
            if self._remuxer is not None:
                self._remuxer.advance(frame.time)

    def _open(self, temporary: Path) -> OutputContainer:
        """The container that the suffix names.

        FFmpeg would put the stream of any codec into what is called an image of a kind that is not written here.
        """
        with suppress(ValueError):
            output = av.open(str(temporary.absolute()), "w", metadata_errors="surrogateescape")
            if output.format.name != "image2":
                return output
            output.close()
        suffix = self._path.suffix
        raise InputError(f"cannot write {self._path}: {suffix} is no kind of video; use .mp4, .mov or .mkv, or .png")

    def _start(self, size: tuple[int, int]) -> PictureTrack:
        encoding = self._encoding_of(size)
        for note in encoding.notes:
            warnings.warn(f"{self._path}: {note}", stacklevel=4)
        if self._remuxer is None:
            return PictureTrack(self._output, encoding, self._info, size)
        self._remuxer.add_streams_before()
        track = PictureTrack(self._output, encoding, self._info, size)
        self._remuxer.add_streams_after(track.stream)
        track.start = self._remuxer.start
        return track

    def _encoding_of(self, size: tuple[int, int]) -> Encoding:
        if self._encoding is None or self._encoding[0] != size:
            chosen = choose_encoding(
                self._info,
                self._holds,
                size,
                codec=self._codec,
                pixel_format=self._pixel_format,
                quality=self._quality,
            )
            self._encoding = size, chosen
        return self._encoding[1]

    def _holds(self, encoder: str) -> bool:
        """Asks FFmpeg by trying, because its list of what a container takes is not whole (MPEG-PS, MPEG-TS, MXF)."""
        try:
            av.open(io.BytesIO(), "w", format=self._output.format.name).add_stream(encoder)
        except ValueError:
            return False
        return True

    def _finish(self) -> None:
        if self._track is None:
            raise LutgradeError(f"cannot write {self._path}: there was no frame")
        with _readable_errors(self._path):
            self._output.mux(self._track.flush())
            if self._remuxer is not None:
                self._remuxer.advance(float("inf"))
            self._output.close()

    def _close(self) -> None:
        """Lets go of the file after a failure, which has been raised already."""
        with suppress(av.FFmpegError):
            self._output.close()


def _size(frame: Frame | CodedFrame) -> tuple[int, int]:
    """(width, height)."""
    if isinstance(frame, CodedFrame):
        return frame.picture.width, frame.picture.height
    return frame.image.shape[-1], frame.image.shape[-2]


@contextmanager
def _readable_errors(path: Path) -> Iterator[None]:
    """What FFmpeg says, as one line that names the output."""
    try:
        yield
    except av.FFmpegError as error:
        raise LutgradeError(f"cannot write {path}: {error.strerror}") from error
