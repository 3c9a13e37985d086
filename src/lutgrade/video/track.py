"""The stream of graded pictures inside an output: encoder, clock and colour tags."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from lutgrade.video.convert import LUMA_WEIGHTS, Coding, RgbToFrame
from lutgrade.video.encoding import Encoding
from lutgrade.video.info import CodedFrame, Frame, VideoInfo
from lutgrade.video.layout import layout_of
from lutgrade.video.probe import MATRIX_NAMES, assumed_matrix
from lutgrade.video.threads import encoder_threads

HEVC, HEVC_TAG = "libx265", "hvc1"  # in MP4 and MOV, the one of two tags that Apple's players take
_FRAME_DURATION = 1 << 8  # AV_CODEC_FLAG_FRAME_DURATION: durations are the frames' own, not the frame rate's
# These write no clock finer than 1/65535 s.
_COARSE_CLOCK = frozenset({"mpeg4", "mpeg2video", "mpeg1video"})
_FINEST_TICKS = 65535
# PyAV says the shape of pixels to encoders alone, so that these files have it of encoders that write it.
_NO_ASPECT = frozenset({"matroska", "webm"})
_SAY_ASPECT = frozenset({"libx264", "libx264rgb", "libx265", "mpeg4", "mpeg2video", "mpeg1video"})
# H.273 codes of (matrix, range): what graded RGB is encoded as where the input was no YUV, and RGB itself.
_BT709_LIMITED, _RGB_FULL = (1, 1), (0, 2)
_CODES = {name: code for code, name in MATRIX_NAMES.items()}


class PictureTrack:
    """Encodes frames with the timestamps, durations, frame rate, aspect and colour tags of the input."""

    def __init__(self, output: OutputContainer, encoding: Encoding, info: VideoInfo, size: tuple[int, int]) -> None:
        """`size` is (width, height). The stream is added to `output`; nothing may have been written to it yet.

        What of the input the stream cannot hold, whatever its encoding, is said in warnings.
        """
        for loss in _losses(output, encoding, info):
            warnings.warn(f"{info.path}: {loss}", stacklevel=5)
        self._info = info
        self._codes, coding = written_coding(info, encoding.pixel_format)
        self._to_frame = RgbToFrame(encoding.pixel_format, coding)
        self._count = 0
        time_base = info.time_base
        if encoding.encoder in _COARSE_CLOCK and time_base.denominator > _FINEST_TICKS:
            time_base = 1 / info.frame_rate
        stream = output.add_stream(
            encoding.encoder,
            rate=info.frame_rate,
            options=encoding.options,
            width=size[0],
            height=size[1],
            time_base=time_base,
        )
        assert isinstance(stream, VideoStream)
        self.stream = stream
        self._time_base = time_base
        self.start = Fraction(0)  # seconds of the input's clock that become zero
        context = stream.codec_context
        context.pix_fmt = encoding.pixel_format
        context.thread_type = "AUTO"
        context.thread_count = encoder_threads()
        context.flags |= _FRAME_DURATION
        context.sample_aspect_ratio = info.sample_aspect_ratio
        self._tag(context)
        if encoding.encoder == HEVC and output.format.name in ("mp4", "mov"):
            context.codec_tag = HEVC_TAG

    def encode(self, frame: Frame | CodedFrame) -> list[Packet]:
        """The packets that are ready after one more frame."""
        picture = frame.picture if isinstance(frame, CodedFrame) else self._to_frame(frame.image, frame.alpha)
        scale = self._info.time_base / self._time_base
        picture.pts = round((frame.pts - round(self.start / self._info.time_base)) * scale)
        picture.time_base = self._time_base
        if frame.duration is not None:
            picture.duration = round(frame.duration * scale)
        self._tag(picture)
        self._count += 1
        return self.stream.encode(picture)

    def flush(self) -> list[Packet]:
        """The packets that the encoder still holds."""
        packets = self.stream.encode(None)
        if self._count == 2:  # libx265 gives wild decoding times to a clip of two frames, which needs no reordering
            for packet in packets:
                packet.dts = packet.pts
        return packets

    def _tag(self, target: VideoCodecContext | av.VideoFrame) -> None:
        target.colorspace, target.color_range = self._codes
        target.color_primaries, target.color_trc = self._info.primaries, self._info.transfer


def _losses(output: OutputContainer, encoding: Encoding, info: VideoInfo) -> Iterator[str]:
    if kinds := info.display_metadata:
        listed = " and ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))
        yield f"its {listed} metadata are of the picture as it was, and are left out"
    aspect = info.sample_aspect_ratio
    if aspect != 1 and output.format.name in _NO_ASPECT and encoding.encoder not in _SAY_ASPECT:
        yield (
            f"the shape of its pixels, {aspect.numerator}:{aspect.denominator}, is left out: {encoding.encoder} "
            "in this kind of file does not say it; .mov and .mp4 do"
        )


def written_coding(info: VideoInfo, pixel_format: str) -> tuple[tuple[int, int], Coding]:
    """The H.273 codes of matrix and range to write, and the conversion that they stand for."""
    if layout_of(pixel_format).kind == "rgb":
        return _RGB_FULL, Coding("rgb", True)
    if info.matrix not in LUMA_WEIGHTS:
        return _BT709_LIMITED, Coding("bt709", False)
    # An untagged input stays untagged, since players assume the same of both; what a user said is tagged.
    assumed = assumed_matrix(info.width, info.height, info.primaries)
    said = MATRIX_NAMES[info.matrix_code] if info.tagged else assumed
    matrix_code = info.matrix_code if said == info.matrix else _CODES[info.matrix]
    range_code = 2 if info.full_range else min(info.range_code, 1)
    return (matrix_code, range_code), Coding(info.matrix, info.full_range)
