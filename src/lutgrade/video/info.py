"""What a source is, and one frame of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from torch import Tensor

from lutgrade.video.convert import Coding

Kind = Literal["video", "image", "sequence"]
UNSPECIFIED = 2  # of a matrix, a transfer characteristic or primaries, in the code points of ITU-T H.273


@dataclass(frozen=True)
class VideoInfo:
    """A source of frames: sizes are upright (after rotation), colour codes are those of ITU-T H.273."""

    path: Path
    kind: Kind
    width: int
    height: int
    codec: str  # FFmpeg's name of the decoder, or Pillow's of the image format
    pixel_format: str  # FFmpeg's name
    bits: int  # per channel
    matrix: str  # bt709, bt601, bt2020, fcc, smpte240m or rgb: as it is decoded
    full_range: bool  # as it is decoded
    frame_rate: Fraction = Fraction(25)  # average frames per second
    time_base: Fraction = Fraction(1, 25)  # seconds per unit of `Frame.pts`
    frames: int | None = None  # as the container says; None where it does not
    duration: float | None = None  # seconds
    start: Fraction = Fraction(0)  # seconds of the file's clock, at which the first picture is shown
    origin: Fraction = Fraction(0)  # and at which the earliest of its streams begins
    tagged: bool = True  # whether the file says its matrix
    matrix_code: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    range_code: int = 0  # 0 untagged, 1 limited, 2 full
    rotation: int = 0  # degrees counter-clockwise that the stored frames were turned by
    sample_aspect_ratio: Fraction = Fraction(1)  # of the upright frame
    has_alpha: bool = False
    has_audio: bool = False
    profile: str | None = None
    display_metadata: tuple[str, ...] = ()  # kinds of it, such as HDR10+


@dataclass
class Frame:
    """One picture: `image` is `[3, H, W]` float32, display code values (sRGB-encoded) in [0, 1]."""

    image: Tensor
    pts: int  # in units of `VideoInfo.time_base`
    index: int  # counted from 0 in the source
    time: float  # seconds from the start of the source's clock
    duration: int | None = None  # in units of `VideoInfo.time_base`
    alpha: Tensor | None = None  # [1, H, W] in [0, 1]


@dataclass
class CodedFrame:
    """One picture as a decoder gave it, or as an encoder takes it; what is not said is as in `Frame`."""

    picture: av.VideoFrame
    coding: Coding  # of its code values
    pts: int
    index: int
    time: float
    duration: int | None = None
