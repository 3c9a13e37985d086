"""What a clip looks like while it is rendered: how much it flickers before and after, and its colours afterwards."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lutgrade.consistency.encoding import SDR, Encoding, require
from lutgrade.consistency.profiles import SIDE, Profile, Profiler, Span, span_at
from lutgrade.lut import Lut
from lutgrade.video import CodedFrame, Frame, open_video
from lutgrade.video.convert import FrameToRgb, shrink, shrunk_size

METERED = 96  # samples along the longer side of a frame, of which its mean colour is taken
TOGETHER = 16  # frames measured at a time
FAITHFUL = 1.0  # the mean difference from a file's first picture up to which the file holds what was rendered


class Meter:
    """Notes each frame's span, and its mean colour before and after its LUT.

    It is told of the frames as `lutgrade.rendering.render` tells: each before its LUT is asked for, and again graded.
    """

    def __init__(self, spans: Sequence[Span], luts: Sequence[Lut], encoding: Encoding, every: float) -> None:
        """`every` is the seconds between the frames that are profiled once they are graded."""
        self.count = 0
        self._spans, self._luts, self._encoding, self._every = spans, luts, encoding, every
        self._span = 0
        self._means = [[MeanColors(encoding) for _ in spans] for _ in range(2)]  # before and after, by span
        self._profiler = Profiler(encoding)
        self._due = float("-inf")
        self._first: Tensor | None = None

    def before(self, frame: Frame | CodedFrame) -> None:
        span = span_at(self._spans, frame.time)
        assert span is not None  # the spans leave no gap
        self._span = span
        self._means[0][span].add(_sample(frame))

    def lut_of(self, index: int) -> Lut:
        """The LUT of the latest frame."""
        return self._luts[self._span]

    def after(self, frame: Frame | CodedFrame) -> None:
        self._means[1][self._span].add(_sample(frame))
        self.count += 1
        if len(self._spans) == 1 and frame.time >= self._due:
            self._due = max(self._due, frame.time) + self._every
            image = _small(frame)
            self._first = image if self._first is None else self._first
            self._profiler.add(image, frame.time)

    def flicker(self) -> tuple[float, float]:
        """Before and after, weighted by the frames of each span; across a change of LUT it is not measured."""
        return self._flicker(self._means[0]), self._flicker(self._means[1])

    def profile_of(self, path: Path, matrix: str | None) -> Profile | None:
        """The profile of the clip as rendered, which is that of the file it was written to.

        None where it is not known: there are several spans, or the file's first picture is another than the one that
        was rendered.
        """
        if self._first is None:
            return None
        with open_video(path, max_side=SIDE, matrix=matrix) as reader:
            require(reader.info, self._encoding)
            shown = next(iter(reader)).image
        if shown.shape != self._first.shape:
            return None
        measure = self._encoding.measure
        difference = self._encoding.difference(measure(shown), measure(self._first)).mean()
        return self._profiler.finish() if difference <= FAITHFUL else None

    def _flicker(self, spans: Sequence[MeanColors]) -> float:
        parts = [span.finish() for span in spans]
        total = sum(map(len, parts))
        return sum(len(part) * flicker(part, self._encoding) for part in parts) / max(1, total)


class MeanColors:
    """The mean colours of frames, measured some at a time: a call of torch takes longer than a sample of a frame."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._waiting: list[Tensor] = []
        self._means = array("d")  # three numbers a frame

    def add(self, sample: Tensor) -> None:
        """Takes pixels of a frame, `[3, h, w]`, code values in [0, 1]; all frames have as many."""
        self._waiting.append(sample)
        if len(self._waiting) == TOGETHER:
            self._measure()

    def finish(self) -> Tensor:
        """`[T, 3]` float64, of all frames so far."""
        self._measure()
        return torch.tensor(self._means, dtype=torch.float64).reshape(-1, 3)

    def _measure(self) -> None:
        if self._waiting:
            measured = self._encoding.measure(torch.stack(self._waiting))
            self._means.extend(measured.mean(dim=(-2, -1)).flatten().tolist())
            self._waiting.clear()


def flicker(means: Tensor, encoding: Encoding = SDR) -> float:
    """How restless a clip is: the mean difference of each frame's mean colour to that half-way between its neighbours.

    A steady fade has none; brightness that jumps to and fro has. Means `[T, 3]`; 0 for fewer than three frames.
    """
    if len(means) < 3:
        return 0.0
    expected = (means[:-2] + means[2:]) / 2
    return float(encoding.difference(means[1:-1].T[:, None], expected.T[:, None]).mean())


def _sample(frame: Frame | CodedFrame) -> Tensor:
    """Pixels of a frame at even distances, `[3, h, w]`, code values in [0, 1]."""
    if isinstance(frame, CodedFrame):
        step = max(1, max(frame.picture.width, frame.picture.height) // METERED)
        return FrameToRgb(frame.coding).sample(frame.picture, step)
    step = max(1, max(frame.image.shape[-2:]) // METERED)
    return frame.image[:, ::step, ::step].contiguous()


def _small(frame: Frame | CodedFrame) -> Tensor:
    """A frame as `open_video` gives it for analysis."""
    if isinstance(frame, CodedFrame):
        size = shrunk_size(frame.picture.width, frame.picture.height, SIDE)
        return FrameToRgb(frame.coding, size)(frame.picture)[0]
    return shrink(frame.image, SIDE)
