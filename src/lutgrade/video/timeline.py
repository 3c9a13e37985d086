"""Clips on one clock and canvas: frames at a constant rate, fitted into one size, and where each clip begins."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import torch.nn.functional as F
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.video.info import Frame, VideoInfo
from lutgrade.video.probe import main_stream, open_container


@dataclass(frozen=True)
class Timeline:
    """When clips that fade into each other begin and end, in frames of the sequence.

    Args:
        counts: frames of each clip.
        overlap: frames of a cross-fade.
        rate: frames a second.
    """

    counts: tuple[int, ...]
    overlap: int
    rate: Fraction

    @property
    def starts(self) -> list[int]:
        return [sum(self.counts[:i]) - i * self.overlap for i in range(len(self.counts))]

    @property
    def ends(self) -> list[int]:
        return [start + count for start, count in zip(self.starts, self.counts, strict=True)]

    def check(self, paths: Sequence[Path]) -> None:
        """Raises an InputError where a clip is too short for the cross-fades at its ends."""
        for i, (path, count) in enumerate(zip(paths, self.counts, strict=True)):
            fades = (i > 0) + (i < len(paths) - 1)
            if self.overlap * fades > count:
                longest = math.floor(count // fades / self.rate * 100) / 100
                raise InputError(
                    f"{path}: {float(count / self.rate):.2f} s are too short for cross-fades of "
                    f"{float(self.overlap / self.rate):.2f} s; {longest:.2f} s fit"
                )


def count_frames(info: VideoInfo, rate: Fraction) -> int:
    """How many frames a video has at a constant rate from its first picture on, by the times of its packets."""
    with open_container(info.path) as container:
        stream = main_stream(container, info.path)
        try:
            times = [p.pts for p in container.demux(stream) if p.pts is not None and p.size and not p.is_discard]
        except av.FFmpegError as error:
            raise InputError(f"{info.path}: damaged or cut short ({error.strerror}); copy it again") from None
    if not times:
        raise InputError(f"{info.path}: its frames have no times; remux it first")
    seconds = max(times) * info.time_base - info.start + 1 / info.frame_rate
    return max(1, math.floor(seconds * rate + Fraction(1, 2)))


def at_rate(frames: Iterable[Frame], time_base: Fraction, rate: Fraction, count: int) -> Iterator[Frame]:
    """`count` frames at a constant rate: at every tick the latest, of times rounded to ticks (FFmpeg's `fps`)."""
    made, held, start = 0, None, 0
    for frame in frames:
        if held is None:
            held, start = frame, frame.pts
        tick = math.floor((frame.pts - start) * time_base * rate + Fraction(1, 2))
        while made < min(tick, count):
            yield held
            made += 1
        held = frame
    while held is not None and made < count:
        yield held
        made += 1


@dataclass(frozen=True)
class Placement:
    """Where a picture lies on a canvas, in pixels: its scaled size and its upper left corner."""

    width: int
    height: int
    left: int
    top: int

    @classmethod
    def within(cls, picture: tuple[int, int], canvas: tuple[int, int], aspect: Fraction) -> Placement:
        """As large as fits, in the middle; sizes are (width, height), `aspect` that of its pixels over the canvas's."""
        shown = picture[0] * aspect
        scale = min(canvas[0] / shown, Fraction(canvas[1], picture[1]))
        width, height = max(1, round(shown * scale)), max(1, round(picture[1] * scale))
        return cls(width, height, (canvas[0] - width) // 2, (canvas[1] - height) // 2)


def fit(image: Tensor, canvas: tuple[int, int], aspect: Fraction) -> Tensor:
    """`[C, h, w]` to `[C, H, W]`: scaled to fit `canvas` (W, H) with its shape kept, black around it."""
    height, width = image.shape[-2:]
    place = Placement.within((width, height), canvas, aspect)
    if (place.width, place.height) != (width, height):
        inner = (place.height, place.width)
        image = F.interpolate(image[None], inner, mode="bicubic", antialias=True)[0].clamp(0, 1)
    if (place.width, place.height) == canvas:
        return image
    right, bottom = canvas[0] - place.width - place.left, canvas[1] - place.height - place.top
    return F.pad(image, (place.left, right, place.top, bottom))
