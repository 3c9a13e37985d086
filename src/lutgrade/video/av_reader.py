"""Videos through FFmpeg (PyAV): every depth, tag and timestamp that a user keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from lutgrade.errors import InputError
from lutgrade.video.convert import LUMA_WEIGHTS, Coding, FrameToRgb
from lutgrade.video.info import CodedFrame, Frame, VideoInfo
from lutgrade.video.probe import Orientation, fit_within, main_stream, open_container, probe
from lutgrade.video.skipping import Skipper
from lutgrade.video.threads import decoder_threads

# Containers whose header says how long they are, so that an early end can be told from a short clip.
_SAY_THEIR_LENGTH = ("matroska", "avi", "flv", "asf")
_MISSING_SECONDS = 0.5


class AvReader:
    """A `VideoReader` of a video file; opens the file anew for every iteration."""

    info: VideoInfo

    def __init__(
        self,
        path: Path,
        *,
        max_side: int | None = None,
        matrix: str | None = None,
        value_range: str | None = None,
        every: float | None = None,
    ) -> None:
        if matrix is not None and matrix not in LUMA_WEIGHTS:
            raise InputError(f"matrix must be one of {', '.join(LUMA_WEIGHTS)}, not {matrix!r}")
        if value_range not in (None, "limited", "full"):
            raise InputError(f"range must be limited or full, not {value_range!r}")
        self.info, self._orientation = probe(path, matrix, value_range)
        self._every = every
        self._size = fit_within(self.info, max_side, self._orientation.transposed)
        self._coding = Coding(self.info.matrix, self.info.full_range)

    def __enter__(self) -> AvReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    @property
    def upright(self) -> bool:
        """Whether the decoder's pictures have the place and the size that frames have."""
        return self._size is None and self._orientation == Orientation()

    def __iter__(self) -> Iterator[Frame]:
        to_rgb = FrameToRgb(self._coding, self._size)
        for coded in self.coded():
            image, alpha = to_rgb(coded.picture)
            yield Frame(
                image=self._orientation.apply(image),
                pts=coded.pts,
                index=coded.index,
                time=coded.time,
                duration=coded.duration,
                alpha=None if alpha is None else self._orientation.apply(alpha),
            )

    def coded(self) -> Iterator[CodedFrame]:
        """The same frames as the decoder gives them: not turned upright, not shrunk."""
        due = float("-inf")
        for index, pts, frame in self._decode():
            time = float(pts * self.info.time_base)
            if self._every is not None:
                if time < due:
                    continue
                due = max(due, time) + self._every
            yield CodedFrame(frame, self._coding, pts, index, time, frame.duration or None)

    def _decode(self) -> Iterator[tuple[int, int, av.VideoFrame]]:
        """Frames with their index and timestamp; raises `InputError` where the file is damaged or ends early.

        All frames where all are wanted; else those too that had to be decoded on the way.
        """
        info, first_size = self.info, None
        step = round(1 / info.frame_rate / info.time_base)
        following = 0  # the timestamp of a frame that has none
        with open_container(info.path) as container:
            stream = main_stream(container, info.path)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = decoder_threads()
            read = _Read(info.path)
            packets = read.packets(container, stream)
            skipper = None if self._every is None else Skipper.of(stream, self._every)
            try:
                for packet in packets if skipper is None else skipper.needed(packets):
                    for frame in packet.decode():
                        pts = following if frame.pts is None else frame.pts
                        following = pts + (frame.duration or step)
                        index = read.count if skipper is None else skipper.index.get(pts, read.count)
                        if frame.is_corrupt:
                            raise InputError(f"{info.path}: damaged at frame {index}; copy it again, or cut it there")
                        first_size = first_size or (frame.width, frame.height)
                        if (frame.width, frame.height) != first_size:
                            raise InputError(
                                f"{info.path}: the picture changes from {first_size[0]}x{first_size[1]} to "
                                f"{frame.width}x{frame.height} at frame {index}; split it there"
                            )
                        yield index, pts, frame
                        read.count = index + 1
            except av.FFmpegError as error:
                raise InputError(
                    f"{info.path}: damaged or cut short after {read.count} frames ({error.strerror}); "
                    "copy or download it again, or cut it there"
                ) from None
            self._check_end(container, read.end, read.count)

    def _check_end(self, container: av.container.InputContainer, end: float, count: int) -> None:
        if not any(name in container.format.name for name in _SAY_THEIR_LENGTH) or not container.duration:
            return
        expected = container.duration / av.time_base  # counted from 0, wherever the first frame lies
        if end < expected - max(_MISSING_SECONDS, float(2 / self.info.frame_rate)):
            raise InputError(
                f"{self.info.path}: cut short, it ends at {end:.2f} s of {expected:.2f} s, after {count} frames; "
                "copy or download it again"
            )


@dataclass
class _Read:
    """How far a file has been read: the frames that were decoded, and where its latest packet ends, in seconds."""

    path: Path
    count: int = 0
    end: float = 0.0

    def packets(self, container: av.container.InputContainer, stream: VideoStream) -> Iterator[Packet]:
        """The packets of one stream; those of the others tell where the file ends."""
        for packet in container.demux():
            if packet.is_corrupt:
                raise InputError(f"{self.path}: cut short after {self.count} frames; copy or download it again")
            if packet.pts is not None and packet.time_base is not None:
                self.end = max(self.end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if packet.stream is stream:
                yield packet
