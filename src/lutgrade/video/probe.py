"""What a video file says of itself, and what to assume where it says nothing."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from av.video.stream import VideoStream
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.video.convert import LUMA_WEIGHTS, shrunk_size
from lutgrade.video.info import UNSPECIFIED, VideoInfo
from lutgrade.video.layout import layout_of
from lutgrade.video.side_data import display_metadata, is_dolby_ipt

# Code points of ITU-T H.273 (AVColorSpace, AVColorRange).
MATRIX_NAMES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020"}
RANGE_LIMITED, RANGE_FULL = 1, 2
_LIMITED_WHERE_UNTAGGED = frozenset({"h264", "hevc", "vvc"})  # annex E of their standards
LINEAR = 8  # a transfer characteristic
BT2020 = 9  # primaries
SD_LONG_SIDE, SD_SHORT_SIDE = 1280, 576  # a picture under the first and of the second at most is SD


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is turned to be upright: rows and columns swapped first, then mirrored."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Reads the display matrix, which is quarter turns and mirrors in every file that cameras write."""
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()  # x' = a x + c y, y' = b x + d y
        if abs(b) > abs(a):
            return cls(True, c < 0, b < 0)
        return cls(False, a < 0, d < 0)

    @property
    def mirrored(self) -> bool:
        """Whether it takes more than a rotation."""
        return (self.transposed + self.flip_x + self.flip_y) % 2 == 1

    def apply(self, image: Tensor) -> Tensor:
        """Turns `[..., H, W]` upright."""
        image = image.transpose(-1, -2) if self.transposed else image
        axes = [axis for axis, flip in ((-1, self.flip_x), (-2, self.flip_y)) if flip]
        return (image.flip(axes) if axes else image).contiguous()


def open_container(path: Path) -> av.container.InputContainer:
    """Opens a file for demuxing; every failure is an `InputError`.

    The path is made absolute because FFmpeg takes `a:b.mp4` as a protocol.
    """
    try:
        return av.open(str(path.absolute()), metadata_errors="surrogateescape")
    except PermissionError:
        raise InputError(f"{path}: no permission to read it") from None
    except av.FFmpegError as error:
        raise InputError(f"{path}: not a video that can be read, or its header is missing ({error.strerror})") from None


def main_stream(container: av.container.InputContainer, path: Path) -> VideoStream:
    """The first video stream that is not a cover picture.

    Raises:
        InputError: there is none, none that can be decoded, or a picture in tiles (HEIC), each a stream of its own.
    """
    for stream in container.streams.video:
        if stream.disposition & Disposition.dependent:
            raise InputError(f"{path}: a picture stored in tiles, as phones store HEIC; convert it to JPEG or PNG")
        if not stream.disposition & Disposition.attached_pic:
            if stream.codec_context is None:
                raise InputError(f"{path}: no decoder for its video codec; convert it to H.264 or ProRes first")
            return stream
    kind = "only sound" if container.streams.audio else "no video"
    raise InputError(f"{path}: holds {kind}; give a file with pictures")


def check_complete(container: av.container.InputContainer, stream: VideoStream, path: Path) -> None:
    """Refuses an MP4 or MOV whose index points beyond the end of the file: a copy or a download cut short."""
    if "mp4" not in container.format.name:
        return
    end = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
    if end > container.size:
        raise InputError(
            f"{path}: cut short, {container.size:,} of at least {end:,} bytes are there; copy or download it again"
        )


def probe(path: Path, matrix: str | None, value_range: str | None) -> tuple[VideoInfo, Orientation]:
    """Reads the header and decodes one frame, which knows more than the header does.

    Raises:
        InputError: as `open_video`.
    """
    with open_container(path) as container:
        stream = main_stream(container, path)
        check_complete(container, stream, path)
        try:
            frame = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise InputError(f"{path}: the first frame cannot be decoded ({error.strerror})") from None
        if frame is None:
            raise InputError(f"{path}: holds no frame that can be decoded")
        if int(frame.color_trc) == LINEAR and re.search(r"f(16|32)", frame.format.name):  # DPX says so of any picture
            raise InputError(f"{path}: holds linear light; convert it to sRGB or BT.709 first")
        if is_dolby_ipt(frame):
            raise InputError(
                f"{path}: Dolby Vision of profile 5, which is no plain HDR; export it as HDR10 or HLG first"
            )
        return _describe(container, stream, frame, path, matrix, value_range)


def fit_within(info: VideoInfo, max_side: int | None, transposed: bool) -> tuple[int, int] | None:
    """The stored (width, height) to shrink to for a longer side of `max_side`; None where it is no longer."""
    size = shrunk_size(info.width, info.height, max_side)
    return size[::-1] if size is not None and transposed else size


def assumed_matrix(width: int, height: int, primaries: int = UNSPECIFIED) -> str:
    """What an untagged file is taken to mean: BT.2020 with its primaries, BT.601 for SD, else BT.709.

    A wide picture can be HD at 540 lines.
    """
    if primaries == BT2020:
        return "bt2020"
    sd = max(width, height) < SD_LONG_SIDE and min(width, height) <= SD_SHORT_SIDE
    return "bt601" if sd else "bt709"


def _describe(
    container: av.container.InputContainer,
    stream: VideoStream,
    frame: av.VideoFrame,
    path: Path,
    matrix: str | None,
    value_range: str | None,
) -> tuple[VideoInfo, Orientation]:
    orientation = Orientation.of(frame)
    width, height = frame.width, frame.height
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    if orientation.transposed:
        width, height, aspect = height, width, 1 / aspect
    layout = layout_of(frame.format.name)
    code, range_code = int(frame.colorspace), int(frame.color_range)
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
    duration = _duration(container, stream)
    time_base = Fraction(stream.time_base or 1 / rate)
    info = VideoInfo(
        path=path,
        kind="video",
        width=width,
        height=height,
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=frame.format.name,
        bits=layout.bits,
        matrix="rgb" if layout.kind == "rgb" else matrix or _matrix(code, frame, path, layout.kind),
        full_range=_full_range(range_code, frame.format.name, layout.kind, value_range, stream),
        frame_rate=Fraction(rate),
        time_base=time_base,
        frames=stream.frames or None,
        duration=duration,
        start=(frame.pts or 0) * time_base,
        origin=Fraction(container.start_time or 0, av.time_base),
        tagged=layout.kind == "rgb" or code in MATRIX_NAMES,
        matrix_code=code,
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
        range_code=range_code,
        rotation=round(frame.rotation) % 360,
        sample_aspect_ratio=aspect,
        has_alpha=layout.has_alpha,
        has_audio=bool(container.streams.audio),
        profile=stream.profile,
        display_metadata=tuple(display_metadata(frame)),
    )
    for loss in _losses(frame, stream, layout.has_alpha):
        warnings.warn(f"{path}: {loss}", stacklevel=5)
    return info, orientation


def _losses(frame: av.VideoFrame, stream: VideoStream, has_alpha: bool) -> Iterator[str]:
    """What of a video is not kept, whatever it is written as."""
    if frame.interlaced_frame:
        yield "interlaced; its fields are graded together, as one picture, and what is written is not marked as such"
    if stream.metadata.get("alpha_mode") == "1" and not has_alpha:  # a second VP8 or VP9 picture beside each packet
        yield "its alpha channel is left out; as ProRes 4444 it would be kept"


def _duration(container: av.container.InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if match := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", "")):  # Matroska
        return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
    return container.duration / av.time_base if container.duration else None


def _matrix(code: int, frame: av.VideoFrame, path: Path, kind: str) -> str:
    if code in MATRIX_NAMES and MATRIX_NAMES[code] in LUMA_WEIGHTS:
        return MATRIX_NAMES[code]
    if code not in (0, UNSPECIFIED, 3):
        raise InputError(
            f"{path}: its colour matrix (H.273 code {code}) is not supported; say which to use (--matrix, or matrix=)"
        )
    guess = assumed_matrix(frame.width, frame.height, int(frame.color_primaries))
    if kind == "yuv":
        warnings.warn(
            f"{path}: says no colour matrix; {guess.upper().replace('BT', 'BT.')} is assumed for "
            f"{frame.width}x{frame.height} (--matrix, or matrix=, names another)",
            stacklevel=6,
        )
    return guess


def _full_range(code: int, pixel_format: str, kind: str, value_range: str | None, stream: VideoStream) -> bool:
    """Untagged grey is in full range, as FFmpeg makes it and takes it, but where a standard says otherwise."""
    if value_range is not None:
        return value_range == "full"
    if code in (RANGE_LIMITED, RANGE_FULL):
        return code == RANGE_FULL
    full_grey = kind == "grey" and stream.codec_context.codec.canonical_name not in _LIMITED_WHERE_UNTAGGED
    return kind == "rgb" or full_grey or pixel_format.startswith("yuvj")
