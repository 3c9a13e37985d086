"""How the samples of a decoded frame lie in memory: the planar equivalent of every pixel format."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import av
import numpy as np
from av.video.plane import VideoPlane

_SUBSAMPLING = {(0, 0): "444", (1, 0): "422", (1, 1): "420", (0, 1): "440"}
_DEPTHS = (8, 9, 10, 12, 14, 16)


@dataclass(frozen=True)
class Layout:
    """A planar pixel format of whole numbers, one sample per byte or per two bytes, least bits used."""

    name: str  # FFmpeg's name, e.g. yuv420p10le
    kind: Literal["yuv", "rgb", "grey"]
    bits: int
    shift: tuple[int, int] = (0, 0)  # log2 of the chroma subsampling along x and y
    has_alpha: bool = False

    @property
    def peak(self) -> int:
        """The greatest code value."""
        return (1 << self.bits) - 1

    @property
    def planes(self) -> tuple[int, ...]:
        """Which planes hold Y, Cb, Cr or R, G, B (FFmpeg stores the latter as G, B, R), then alpha."""
        color = {"yuv": (0, 1, 2), "rgb": (2, 0, 1), "grey": (0,)}[self.kind]
        return (*color, len(color)) if self.has_alpha else color


@lru_cache(maxsize=64)
def layout_of(pixel_format: str) -> Layout:
    """The planar layout that holds all that a pixel format holds: `nv12` to `yuv420p`, `rgb24` to `gbrp`.

    Formats without a planar equivalent of their own (floating point, Bayer, 4:1:1, XYZ) go to 4:4:4 or RGB
    of a depth that holds them.
    """
    video_format = av.VideoFormat(pixel_format, 64, 64)
    components = video_format.components
    bits = next(depth for depth in _DEPTHS if depth >= min(16, max(part.bits for part in components)))
    has_alpha = any(part.is_alpha for part in components) and not video_format.has_palette
    colors = sum(not part.is_alpha for part in components)
    if colors == 1 and not video_format.has_palette and not video_format.is_bayer:
        return _layout("grey", bits) if not has_alpha else _layout("yuv", bits, (0, 0), True)
    if video_format.is_rgb or video_format.has_palette or video_format.is_bayer or pixel_format.startswith("xyz"):
        return _layout("rgb", bits, (0, 0), has_alpha)
    width, height = components[1].width, components[1].height
    shift = ((64 // width).bit_length() - 1, (64 // height).bit_length() - 1)
    return _layout("yuv", bits, shift if shift in _SUBSAMPLING else (0, 0), has_alpha)


def _layout(
    kind: Literal["yuv", "rgb", "grey"], bits: int, shift: tuple[int, int] = (0, 0), has_alpha: bool = False
) -> Layout:
    alpha = "a" if has_alpha else ""
    stem = {"yuv": f"yuv{alpha}{_SUBSAMPLING[shift]}p", "rgb": f"gbr{alpha}p", "grey": "gray"}[kind]
    for depth in (bits, 16):  # some layouts lack a depth, with alpha above all
        name = stem if depth == 8 else f"{stem}{depth}le"
        if _exists(name):
            return Layout(name, kind, depth, shift, has_alpha)
    return _layout(kind, bits, (0, 0), has_alpha)


def _exists(pixel_format: str) -> bool:
    try:
        av.VideoFormat(pixel_format)
    except ValueError:
        return False
    return True


def plane(frame: av.VideoFrame, index: int, layout: Layout) -> np.ndarray:
    """A view of one plane of a frame in its layout: `[h, w]`, uint8 or uint16. Nothing is copied."""
    source = frame.planes[index]
    item = np.uint8 if layout.bits == 8 else np.uint16
    if source.line_size < 0:  # the last row lies first, as in pictures stored from the bottom up
        return _upwards(source, item)[::-1, : source.width]
    return np.frombuffer(source, item).reshape(source.height, -1)[:, : source.width]


def _upwards(source: VideoPlane, item: type[np.unsignedinteger]) -> np.ndarray:
    """The rows of a plane as they lie in memory; PyAV counts on from the first row of the picture, past the end."""
    start = source.buffer_ptr + (source.height - 1) * source.line_size
    memory = (ctypes.c_uint8 * source.buffer_size).from_address(start)
    memory.source = source  # type: ignore[attr-defined]  # which keeps the frame alive
    return np.frombuffer(memoryview(memory), item).reshape(source.height, -1)
