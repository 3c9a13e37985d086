"""Decoded frames to RGB and back, exactly: in float, with the matrix and the range said.

FFmpeg's scaler works in fixed point and misses by up to a code value at 8 bits and several at 10, so it only
rearranges samples here (packed to planar, smaller for analysis); the arithmetic is H.273's own. It is done in
NumPy, on one thread, because it runs beside the threads of a decoder and an encoder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import av
import numpy as np
import torch
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from torch import Tensor

from lutgrade.video.chroma import downsample, upsample
from lutgrade.video.layout import Layout, layout_of, plane

# Luma weights of red and blue, ITU-T H.273 table 4.
LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "bt2020": (0.2627, 0.0593),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}


def yuv_to_rgb_matrix(matrix: str) -> np.ndarray:
    """`[3, 3]` float64 from (Y, Cb, Cr), chroma in [-0.5, 0.5], to RGB."""
    kr, kb = LUMA_WEIGHTS[matrix]
    kg = 1 - kr - kb
    red, blue = 2 * (1 - kr), 2 * (1 - kb)
    return np.array([[1, 0, red], [1, -blue * kb / kg, -red * kr / kg], [1, blue, 0]])


@dataclass(frozen=True)
class Coding:
    """How code values mean colours: the matrix (a key of `LUMA_WEIGHTS`, or "rgb") and the range."""

    matrix: str
    full_range: bool

    def luma(self, bits: int) -> tuple[float, float]:
        """The code values of black and of white, for luma and for R, G and B."""
        scale = 1 << (bits - 8)
        return (0.0, float((1 << bits) - 1)) if self.full_range else (16.0 * scale, 235.0 * scale)

    def chroma(self, bits: int) -> tuple[float, float]:
        """The code value of neutral, and the codes from chroma -0.5 to +0.5."""
        scale = 1 << (bits - 8)
        return 128.0 * scale, float((1 << bits) - 1) if self.full_range else 224.0 * scale


class FrameToRgb:
    """Decoded frames to `[3, H, W]` float32 in [0, 1], and `[1, H, W]` alpha where there is one.

    Values beyond black and white, which limited range can hold, are clamped.
    """

    def __init__(self, coding: Coding, size: tuple[int, int] | None = None) -> None:
        """`size` is the (width, height) to shrink to; None keeps the frame's own."""
        self.coding = coding
        self.size = size
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> tuple[Tensor, Tensor | None]:
        layout = layout_of(frame.format.name)
        frame = self.planar(frame)
        parts = [plane(frame, index, layout) for index in layout.planes]
        alpha = _normalised(parts.pop(), 0, layout.peak) if layout.has_alpha else None
        rgb = self._from_yuv(parts, layout) if layout.kind == "yuv" else self._from_rgb(parts, layout)
        np.clip(rgb, np.float32(0), np.float32(1), out=rgb)
        return torch.from_numpy(rgb), None if alpha is None else torch.from_numpy(alpha)[None]

    def sample(self, frame: av.VideoFrame, step: int) -> Tensor:
        """Every `step`-th pixel along both axes, `[3, h, w]`, each with the chroma that is stored with it."""
        layout = layout_of(frame.format.name)
        frame = self.planar(frame)
        rows, columns = np.arange(0, frame.height, step), np.arange(0, frame.width, step)
        shifts = [(0, 0), layout.shift, layout.shift] if layout.kind == "yuv" else [(0, 0)] * 3
        parts = [
            plane(frame, index, layout)[rows >> down].take(columns >> across, axis=1)
            for index, (across, down) in zip(layout.planes, shifts, strict=False)
        ]
        whole = replace(layout, shift=(0, 0))
        rgb = self._from_yuv(parts, whole) if layout.kind == "yuv" else self._from_rgb(parts, whole)
        return torch.from_numpy(np.clip(rgb, np.float32(0), np.float32(1), out=rgb))

    def planar(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame in its planar layout, at the size that is wanted; itself where it is so."""
        layout = layout_of(frame.format.name)
        width, height = self.size or (frame.width, frame.height)
        if (frame.format.name, frame.width, frame.height) == (layout.name, width, height):
            return frame
        same = ColorRange.JPEG if self.coding.full_range else ColorRange.MPEG
        return self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format=layout.name,
            src_color_range=same,
            dst_color_range=same,
            interpolation=Interpolation.AREA | Interpolation.ACCURATE_RND,
            threads=1,
        )

    def _from_yuv(self, parts: list[np.ndarray], layout: Layout) -> np.ndarray:
        kr, kb = LUMA_WEIGHTS[self.coding.matrix]
        kg = 1 - kr - kb
        luma = _normalised(parts[0], *self.coding.luma(layout.bits))  # [H, W]
        neutral, span = self.coding.chroma(layout.bits)
        chroma = np.stack([parts[2], parts[1]]).astype(np.float32)  # [2, h, w]: Cr, Cb
        chroma -= neutral
        chroma *= np.array([2 * (1 - kr) / span, 2 * (1 - kb) / span], np.float32)[:, None, None]
        rgb = np.empty((3, *luma.shape), np.float32)
        red, green, blue = rgb
        upsample(chroma, layout.shift, out=rgb[::2])  # R - Y and B - Y
        np.multiply(red, -kr / kg, out=green)
        green += blue * np.float32(-kb / kg)
        rgb += luma
        return rgb

    def _from_rgb(self, parts: list[np.ndarray], layout: Layout) -> np.ndarray:
        rgb = np.empty((3, *parts[0].shape), np.float32)
        rgb[:] = parts if len(parts) == 3 else parts[0]
        black, white = self.coding.luma(layout.bits)
        rgb -= black
        rgb *= 1 / (white - black)
        return rgb


def _normalised(codes: np.ndarray, black: float, white: float) -> np.ndarray:
    values = codes.astype(np.float32)
    values -= black
    values *= 1 / (white - black)
    return values


class RgbToFrame:
    """`[3, H, W]` float in [0, 1] to frames for an encoder; at 8 bits with ordered dither, above it rounded."""

    def __init__(self, pixel_format: str, coding: Coding) -> None:
        self.pixel_format = pixel_format
        self.coding = coding
        self.layout = layout_of(pixel_format)
        self._reformatter = VideoReformatter()
        self._thresholds = np.empty((0, 0), np.float32)

    def __call__(self, image: Tensor, alpha: Tensor | None = None) -> av.VideoFrame:
        rgb = image.detach().to("cpu", torch.float32).numpy()
        height, width = rgb.shape[-2:]
        frame = av.VideoFrame(width, height, self.layout.name)
        parts = [plane(frame, index, self.layout) for index in self.layout.planes]
        if self.layout.has_alpha:
            opacity = np.ones((height, width), np.float32) if alpha is None else alpha[0].cpu().float().numpy()
            self._store(opacity, parts.pop(), 0, self.layout.peak)
        black, white = self.coding.luma(self.layout.bits)
        if self.layout.kind == "rgb":
            for channel, part in zip(rgb, parts, strict=True):
                self._store(channel, part, black, white - black)
        else:
            self._store_yuv(rgb, parts, black, white)
        return self.packed(frame)

    def _store_yuv(self, rgb: np.ndarray, parts: list[np.ndarray], black: float, white: float) -> None:
        kr, kb = LUMA_WEIGHTS[self.coding.matrix]
        red, green, blue = rgb
        luma = green * np.float32(1 - kr - kb)  # [H, W]
        luma += red * np.float32(kr)
        luma += blue * np.float32(kb)
        self._store(luma, parts[0], black, white - black)
        if self.layout.kind == "grey":
            return
        neutral, span = self.coding.chroma(self.layout.bits)
        from_red, from_blue = downsample(rgb[::2] - luma, self.layout.shift)  # R - Y and B - Y, [h, w]
        self._store(from_blue, parts[1], neutral, span / (2 * (1 - kb)))
        self._store(from_red, parts[2], neutral, span / (2 * (1 - kr)))

    def _store(self, values: np.ndarray, target: np.ndarray, offset: float, scale: float) -> None:
        codes = values * np.float32(scale)
        codes += self._dither(*values.shape) if self.layout.bits == 8 else np.float32(0.5)
        codes += offset
        np.clip(codes, np.float32(0), np.float32(self.layout.peak), out=codes)
        np.copyto(target, codes, casting="unsafe")  # truncates

    def _dither(self, height: int, width: int) -> np.ndarray:
        """The 8x8 ordered-dither thresholds, in (0, 1), repeated over `[height, width]`."""
        if self._thresholds.shape[0] < height or self._thresholds.shape[1] < width:
            self._thresholds = np.tile(bayer_thresholds(), (-(-height // 8), -(-width // 8)))
        return self._thresholds[:height, :width]

    def packed(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A frame of the planar layout in the pixel format itself."""
        if self.pixel_format == self.layout.name:
            return frame
        same = ColorRange.JPEG if self.coding.full_range else ColorRange.MPEG
        return self._reformatter.reformat(
            frame, format=self.pixel_format, src_color_range=same, dst_color_range=same, threads=1
        )


def bayer_thresholds() -> np.ndarray:
    """The 8x8 matrix of Bayer (1973) as thresholds: `[8, 8]`, each of 1/128, 3/128, ... 127/128 once."""
    order = np.zeros((1, 1), np.float32)
    for _ in range(3):
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    return (order + 0.5) / 64


def shrunk_size(width: int, height: int, max_side: int | None) -> tuple[int, int] | None:
    """(width, height) for a longer side of `max_side`; None where it is no longer."""
    longer = max(width, height)
    if max_side is None or longer <= max_side:
        return None
    return max(1, round(width * max_side / longer)), max(1, round(height * max_side / longer))


def shrink(image: Tensor, max_side: int | None) -> Tensor:
    """`[C, H, W]` to a longer side of `max_side`; as it is where that is no smaller, or None."""
    longer = max(image.shape[-2:])
    if max_side is None or longer <= max_side:
        return image
    size = [max(1, round(side * max_side / longer)) for side in image.shape[-2:]]
    return torch.nn.functional.interpolate(image[None], size=size, mode="bilinear", antialias=True)[0].clamp_(0, 1)
