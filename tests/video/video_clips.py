"""Small clips made by PyAV, and the float64 definition of YUV that conversions are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from lutgrade.video.convert import Coding, RgbToFrame
from lutgrade.video.layout import layout_of, plane

WEIGHTS = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114), "bt2020": (0.2627, 0.0593)}
CODES = {"bt709": 1, "bt601": 6, "bt2020": 9}


def yuv_codes(rgb: np.ndarray, matrix: str, bits: int, full: bool) -> np.ndarray:
    """`[3, ...]` RGB in [0, 1] to code values, float64: ITU-T H.273 (BT.709 section 3, BT.2020 table 4)."""
    kr, kb = WEIGHTS[matrix]
    red, green, blue = np.asarray(rgb, np.float64)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    step = 2 ** (bits - 8)
    if full:
        return np.stack([y * (2**bits - 1), cb * (2**bits - 1) + 128 * step, cr * (2**bits - 1) + 128 * step])
    return np.stack([(219 * y + 16) * step, (224 * cb + 128) * step, (224 * cr + 128) * step])


def rgb_values(codes: np.ndarray, matrix: str, bits: int, full: bool) -> np.ndarray:
    """The inverse of `yuv_codes`, by solving for it."""
    unit = np.eye(3)
    black = yuv_codes(np.zeros(3), matrix, bits, full)
    forward = np.stack([yuv_codes(axis, matrix, bits, full) - black for axis in unit], axis=1)
    flat = np.asarray(codes, np.float64).reshape(3, -1)
    return np.linalg.solve(forward, flat - black[:, None]).reshape(np.shape(codes))


def frame_of(pixel_format: str, planes: Sequence[np.ndarray]) -> av.VideoFrame:
    """A frame of a planar format from its planes, in the order of `Layout.planes` (Y, Cb, Cr or R, G, B)."""
    layout = layout_of(pixel_format)
    assert layout.name == pixel_format
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixel_format)
    for index, values in zip(layout.planes, planes, strict=True):
        plane(frame, index, layout)[:] = np.rint(values)
    return frame


def planes_of(frame: av.VideoFrame) -> list[np.ndarray]:
    """The planes of a planar frame as int64."""
    layout = layout_of(frame.format.name)
    return [plane(frame, index, layout).astype(np.int64) for index in layout.planes]


def moving_gradient(index: int, width: int, height: int) -> np.ndarray:
    """A smooth picture that moves: `[3, H, W]` RGB in [0.05, 0.95]."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    phase = 2 * np.pi * index / 24
    waves = [np.sin(5 * x + 2 * y + phase), np.sin(3 * y - 2 * x + 1 + phase), np.cos(4 * x * y + 2 - phase)]
    return 0.5 + 0.45 * np.stack(waves)


def make_clip(
    path: Path,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    count: int = 8,
    rate: Fraction | int = 25,
    pts: Iterable[int] | None = None,
    time_base: Fraction | None = None,
    matrix: str | None = "bt709",
    full: bool = False,
    options: dict[str, str] | None = None,
    rotation: int = 0,
    mirrored: bool = False,
    metadata: dict[str, str] | None = None,
    stream_metadata: dict[str, str] | None = None,
    audio: str | None = None,
    chapters: Sequence[tuple[int, int, str]] = (),
    picture: Callable[[int, int, int], np.ndarray] = moving_gradient,
) -> Path:
    """Encodes `picture(index, width, height)`; `audio` is the codec of a tone beside it, chapters are in ms."""
    width, height = size
    time_base = time_base or 1 / Fraction(rate)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, options=options or {}, width=width, height=height)
        context = stream.codec_context
        context.pix_fmt, context.time_base = pixel_format, time_base
        if matrix is not None and layout_of(pixel_format).kind != "rgb":
            context.colorspace, context.color_range = CODES[matrix], 2 if full else 1
            context.color_primaries = CODES[matrix]
            context.color_trc = {"bt601": 6, "bt709": 1, "bt2020": 14}[matrix]
        if rotation or mirrored:
            stream.set_display_rotation(rotation, hflip=mirrored)
        output.metadata.update(metadata or {})
        stream.metadata.update(stream_metadata or {})
        output.set_chapters(
            [
                {"id": n, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
                for n, (start, end, title) in enumerate(chapters)
            ]
        )
        sound = add_tone(output, audio) if audio else None
        is_rgb = layout_of(pixel_format).kind == "rgb"
        to_frame = RgbToFrame(pixel_format, Coding("rgb", True) if is_rgb else Coding(matrix or "bt601", full))
        for index, stamp in enumerate(pts if pts is not None else range(count)):
            frame = to_frame(torch.tensor(picture(index, width, height), dtype=torch.float32))
            frame.pts, frame.time_base = stamp, time_base
            frame.colorspace, frame.color_range = context.colorspace, context.color_range
            frame.color_primaries, frame.color_trc = context.color_primaries, context.color_trc
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            write_tone(output, sound, count / float(rate))
    return path


def add_tone(output: av.container.OutputContainer, codec: str) -> av.AudioStream:
    stream = output.add_stream(codec, rate=48000)
    stream.layout = "mono"
    return stream


def write_tone(output: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    samples = (np.sin(np.arange(int(48000 * seconds)) * 0.06) * 8000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=48000, frame_size=stream.frame_size or 1024)
    for part in (*resampler.resample(frame), *resampler.resample(None)):
        output.mux(stream.encode(part))
    output.mux(stream.encode(None))


def packets(path: Path, kind: str) -> list[tuple[float, bytes]]:
    """The (time, payload) of every packet of the streams of one kind."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [
            (float((packet.pts or 0) * packet.time_base), bytes(packet))
            for packet in (container.demux(streams) if streams else ())
            if packet.size
        ]


def decoded(path: Path) -> list[av.VideoFrame]:
    """All frames of the first video stream."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))
