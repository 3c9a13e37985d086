"""Which encoder, pixel format and quality a graded video is written with: the input's own, or the nearest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av
from av.codec import Codec

from lutgrade.errors import InputError
from lutgrade.video.info import VideoInfo
from lutgrade.video.layout import Layout, layout_of

_ENCODERS = {
    "h264": ("libx264", "libx264rgb"),
    "hevc": ("libx265",),
    "av1": ("libsvtav1",),
    "vp9": ("libvpx-vp9",),
    "vp8": ("libvpx",),
    "prores": ("prores_ks",),
}
# Codecs whose own FFmpeg encoder is a good one; whatever is not here (WMV, Theora, GIF, ...) goes to the nearest.
_SAME_NAME = {
    "dnxhd", "ffv1", "ffvhuff", "huffyuv", "jpeg2000", "magicyuv", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4", "png",
    "qtrle", "rawvideo", "utvideo", "v210",
}  # fmt: skip
_NEAREST = ("libx264", "libx265", "libvpx-vp9", "libsvtav1", "mpeg4")
# These take no odd width or height where the chroma of their pixel format is subsampled along it.
_EVEN_ONLY = frozenset({"libx264", "libx265", "libsvtav1", "dnxhd", "prores_ks", "huffyuv", "utvideo", "v210"})
_LAMBDA = 118  # FFmpeg's units of global_quality per step of a quantiser

# Within 1 dB of veryfast at crf 14 in a quarter of its time, 1.2 to 1.6 times as large: `benchmarks/match_steps.md`.
# Left out is what buys size with time: B-frames, CABAC, motion below whole pixels in the search, weighing by what later
# frames use (mbtree), for which crf is 2 higher, and the smaller blocks of predicted frames.
_X264 = {
    "crf": "16",
    "preset": "veryfast",
    "bf": "0",
    "x264-params": "partitions=i8x8:subme=0:me=dia:cabac=0:aq-mode=0:weightp=0:mbtree=0:rc-lookahead=0",
}
# Visually lossless or better; `quality` replaces the crf or the quantiser.
_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": _X264,
    "libx264rgb": _X264,
    "libx265": {"crf": "17", "preset": "fast", "x265-params": "log-level=error"},
    "libsvtav1": {"crf": "20", "preset": "8"},
    "libvpx-vp9": {"crf": "18", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
    "libvpx": {"crf": "6", "b": "50M", "deadline": "good", "cpu-used": "4"},
    "prores_ks": {"vendor": "apl0"},
    "ffv1": {"level": "3", "slicecrc": "1"},
    "mjpeg": {"strict": "unofficial"},
}
_QUANTISED = frozenset({"mpeg4", "mpeg2video", "mpeg1video", "mjpeg"})
_QUANTISER = 2
_PRORES_PROFILES = {"Proxy": "0", "LT": "1", "Standard": "2", "HQ": "3", "4444": "4", "4444 XQ": "5"}


@dataclass(frozen=True)
class Encoding:
    """An encoder's FFmpeg name, its pixel format and options, and what a user has to be told of the choice."""

    encoder: str
    pixel_format: str
    options: dict[str, str]
    notes: tuple[str, ...] = ()


def choose_encoding(
    info: VideoInfo,
    holds: Callable[[str], bool],
    size: tuple[int, int],
    *,
    codec: str | None = None,
    pixel_format: str | None = None,
    quality: float | None = None,
) -> Encoding:
    """The encoding that keeps most of the input in a container.

    Args:
        holds: whether the container holds the output of an encoder, by the encoder's name.
        size: (width, height) to be written.
        codec: FFmpeg's name of a codec or an encoder; None follows the input.
        pixel_format: FFmpeg's name; None follows the input.
        quality: the encoder's crf or quantiser, lower is better; None is visually lossless.

    Raises:
        InputError: a codec or a pixel format that is not known or does not fit.
    """
    source = layout_of(pixel_format) if pixel_format else _color_layout(info)
    for encoder in _candidates(codec or info.codec, source, asked=codec is not None):
        chosen = _pixel_format(encoder, source, size, pixel_format, info) if holds(encoder) else None
        if chosen is None or (codec is None and source.bits > 8 and layout_of(chosen).bits == 8):
            continue  # another codec keeps the depth
        notes = [] if codec else list(_codec_notes(encoder, info, source))
        notes += [] if pixel_format else list(_format_notes(encoder, chosen, info, source))
        return Encoding(encoder, chosen, _options(encoder, info, layout_of(chosen), quality), tuple(notes))
    wanted = " and ".join(filter(None, (codec or info.codec, pixel_format)))
    raise InputError(
        f"{wanted} at {size[0]}x{size[1]} cannot be written into this kind of file; choose .mp4, .mov or .mkv"
    )


def _color_layout(info: VideoInfo) -> Layout:
    """What is to be kept of the input: 4:2:0 of its depth for grey, which a grade may tint, and for images.

    Images lose chroma resolution for it, and play everywhere, which 4:4:4 does not.
    """
    layout = layout_of(info.pixel_format)
    if layout.kind != "grey" and info.kind == "video":
        return layout
    bits = info.bits if info.kind == "video" else min(info.bits, 10)
    return layout_of("yuv420p" if bits == 8 else f"yuv420p{bits}le")


def _candidates(codec: str, source: Layout, *, asked: bool) -> Iterator[str]:
    own = _ENCODERS.get(codec, (codec,) if codec in _SAME_NAME or asked else ())
    for encoder in sorted(own, key=lambda name: name.endswith("rgb") != (source.kind == "rgb")):
        try:
            Codec(encoder, "w")
        except av.codec.codec.UnknownCodecError:
            raise InputError(f"codec {codec!r} is not known; use h264, hevc, prores, dnxhd, ffv1, vp9 or av1") from None
        yield encoder
    if not asked:
        yield from (encoder for encoder in _NEAREST if encoder not in own)


def _pixel_format(
    encoder: str, source: Layout, size: tuple[int, int], asked: str | None, info: VideoInfo
) -> str | None:
    """The format that was asked for, or the one that loses least; None where the encoder takes none."""
    known = Codec(encoder, "w").video_formats  # None for raw video, which is safe only as the container had it
    names = [video_format.name for video_format in known] if known else [info.pixel_format]
    fitting = [name for name in names if _fits(name, encoder, size)]
    if asked is not None:
        return asked if asked in fitting else None
    return min(fitting, key=lambda name: _loss(name, source), default=None)


def _fits(name: str, encoder: str, size: tuple[int, int]) -> bool:
    layout = layout_of(name)
    if layout.kind == "grey" or name == "pal8":
        return False
    odd = tuple(side % 2 for side in size)
    return encoder not in _EVEN_ONLY or not any(a and b for a, b in zip(odd, layout.shift, strict=True))


def _loss(name: str, source: Layout) -> tuple[int, ...]:
    """What is lost by a pixel format, worst first; then what is wasted."""
    layout = layout_of(name)
    return (
        max(0, min(source.bits, 10) - layout.bits),
        source.kind != layout.kind,
        sum(max(0, a - b) for a, b in zip(layout.shift, source.shift, strict=True)),
        source.has_alpha and not layout.has_alpha,
        max(0, source.bits - layout.bits),
        layout.bits - source.bits,
        sum(max(0, b - a) for a, b in zip(layout.shift, source.shift, strict=True)),
        layout.has_alpha and not source.has_alpha,
        name != layout.name,
        name.startswith("yuvj"),
    )


def _options(encoder: str, info: VideoInfo, layout: Layout, quality: float | None) -> dict[str, str]:
    options = dict(_OPTIONS.get(encoder, {}))
    if encoder in _QUANTISED:
        step = _QUANTISER if quality is None else quality
        options |= {"flags": "+qscale", "global_quality": str(round(step * _LAMBDA))}
    elif quality is not None:
        if "crf" not in options:
            raise InputError(f"{encoder} has no quality to choose; leave it out")
        options["crf"] = str(quality)
    if encoder == "prores_ks":
        fallback = "4" if layout.shift == (0, 0) else "3"
        profile = _PRORES_PROFILES.get(info.profile or "", fallback) if info.codec == "prores" else fallback
        options["profile"] = profile if (profile in "45") == (fallback == "4") else fallback
    if encoder == "dnxhd":
        options["profile"] = {8: "dnxhr_hq"}.get(layout.bits, "dnxhr_444" if layout.shift == (0, 0) else "dnxhr_hqx")
    return options


def _codec_notes(encoder: str, info: VideoInfo, source: Layout) -> Iterator[str]:
    written = Codec(encoder, "w").canonical_name
    if written != info.codec and info.kind == "video":
        yield f"{info.codec} at {source.bits} bits cannot be written into this kind of file; {written} is used"


def _format_notes(encoder: str, chosen: str, info: VideoInfo, source: Layout) -> Iterator[str]:
    layout = layout_of(chosen)
    if layout.bits < source.bits:
        yield f"{source.bits} bits per channel become {layout.bits}, the most that {encoder} takes"
    if source.has_alpha and not layout.has_alpha:
        yield f"the alpha channel is left out, {encoder} takes none"
    if any(a > b for a, b in zip(layout.shift, source.shift, strict=True)):
        yield f"{info.pixel_format} becomes {chosen}, the nearest that {encoder} takes"
    elif (
        encoder in _EVEN_ONLY
        and layout.shift != source.shift
        and chosen != _pixel_format(encoder, source, (2, 2), None, info)
    ):
        yield f"{info.pixel_format} becomes {chosen}, since {encoder} takes no odd size otherwise"
