"""Grading a file without its frames ever being RGB in memory: decoded pictures to pictures for the encoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol, runtime_checkable

import av
import numpy as np
from torch import Tensor

from lutgrade.ops.planes import PlaneCoding, PlanesLut
from lutgrade.video.convert import LUMA_WEIGHTS, Coding, FrameToRgb, RgbToFrame, bayer_thresholds
from lutgrade.video.info import CodedFrame, Frame, VideoInfo
from lutgrade.video.layout import Layout, layout_of, plane
from lutgrade.video.writer import FrameWriter, VideoWriter

_KEPT = 8  # tables prepared, of the latest shots


@runtime_checkable
class CodedReader(Protocol):
    """A `VideoReader` that gives pictures as they are coded, too."""

    info: VideoInfo
    upright: bool

    def coded(self) -> Iterator[CodedFrame]: ...


class DirectGrade:
    """What `FrameToRgb`, a LUT and `RgbToFrame` do one after the other, done in one pass: to a code, the same.

    Made by `direct_grade`.
    """

    def __init__(self, pixel_format: str, coding: Coding) -> None:
        """The pixel format and the coding are those that the encoder takes."""
        self._layout, self._coding = layout_of(pixel_format), coding
        self._to_frame = RgbToFrame(pixel_format, coding)
        self._to_rgb: FrameToRgb | None = None
        self._thresholds = bayer_thresholds() if self._layout.bits == 8 else np.full((8, 8), 0.5, np.float32)
        self._luts: dict[tuple[int, str, str], tuple[Tensor, PlanesLut]] = {}

    def __call__(self, frame: CodedFrame, table: Tensor, interpolation: str) -> CodedFrame:
        """A frame as it was decoded through a table `[3, S, S, S]` on the CPU."""
        layout = layout_of(frame.picture.format.name)
        source = self._converter(frame).planar(frame.picture)
        graded = av.VideoFrame(source.width, source.height, self._layout.name)
        self._lut(table, interpolation, frame.coding, layout)(
            [plane(source, index, layout) for index in layout.planes],
            [plane(graded, index, self._layout) for index in self._layout.planes],
            self._thresholds,
        )
        return replace(frame, picture=self._to_frame.packed(graded), coding=self._coding)

    def takes(self, frame: CodedFrame) -> bool:
        """Whether a frame goes the short way; the pixel format may change inside a file, as in MJPEG."""
        return _alike(layout_of(frame.picture.format.name), self._layout)

    def shown(self, frame: CodedFrame) -> Frame:
        """A frame as RGB, for the way through RGB."""
        image, alpha = self._converter(frame)(frame.picture)
        return Frame(image, frame.pts, frame.index, frame.time, frame.duration, alpha)

    def _converter(self, frame: CodedFrame) -> FrameToRgb:
        self._to_rgb = self._to_rgb or FrameToRgb(frame.coding)
        return self._to_rgb

    def _lut(self, table: Tensor, interpolation: str, coding: Coding, layout: Layout) -> PlanesLut:
        key = id(table), interpolation, layout.name
        if key not in self._luts:
            while len(self._luts) >= _KEPT:
                del self._luts[next(iter(self._luts))]
            source, target = _plane_coding(coding, layout), _plane_coding(self._coding, self._layout)
            self._luts[key] = table, PlanesLut(table, interpolation, source, target)  # the table keeps its id
        return self._luts[key][1]


def direct_grade(reader: object, writer: FrameWriter) -> DirectGrade | None:
    """The short way from a reader to a writer, None where there is none.

    It takes videos of Y, Cb and Cr, without alpha, upright as they are stored, whose chroma is written as it was read,
    and the compiled kernels.
    """
    if not (isinstance(reader, CodedReader) and isinstance(writer, VideoWriter) and PlanesLut.available()):
        return None
    info = reader.info
    pixel_format, coding = writer.taken((info.width, info.height))
    if not (reader.upright and _alike(layout_of(info.pixel_format), layout_of(pixel_format))):
        return None
    return DirectGrade(pixel_format, coding)


def _alike(source: Layout, target: Layout) -> bool:
    """Whether both are Y, Cb and Cr, no alpha, with one chroma subsampling."""
    plain = all(layout.kind == "yuv" and not layout.has_alpha for layout in (source, target))
    return plain and source.shift == target.shift


def _plane_coding(coding: Coding, layout: Layout) -> PlaneCoding:
    return PlaneCoding(
        layout.bits, coding.luma(layout.bits), coding.chroma(layout.bits), LUMA_WEIGHTS[coding.matrix], layout.shift
    )
