"""The second pass over a clip: decode, grade and encode, each in a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from lutgrade.overlap import Stage
from lutgrade.video import Frame, FrameWriter, VideoReader

QUEUE = 3  # frames between two stages: enough to overlap, little memory at 8K


class FrameGrade(Protocol):
    """What a frame is graded with: a `Lut`, or one with what follows it."""

    def __call__(self, image: Tensor, *, interpolation: str) -> Tensor: ...


def render(
    reader: VideoReader,
    writer: FrameWriter,
    lut_of: Callable[[int], FrameGrade],
    *,
    interpolation: str = "tetrahedral",
    device: str = "cpu",
    advance: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Grades every frame of `reader` into `writer`; memory does not depend on the clip's length.

    Args:
        lut_of: the LUT, or other grade, of a frame's index, on `device`.
        interpolation: "trilinear" or "tetrahedral".
        device: where the LUT is applied.
        advance: called once a frame, for a progress bar.

    Returns:
        The seconds each step was at work: decode, grade, encode. They overlap, so their sum is above the wall time.
    """
    encode = 0.0
    with Stage(reader, depth=QUEUE, name="decode") as decoded:
        with Stage(_grade(decoded, lut_of, interpolation, device), depth=QUEUE, name="grade") as graded:
            for frame in graded:
                start = time.perf_counter()
                writer.write(frame)
                encode += time.perf_counter() - start
                advance()
        return {"decode": decoded.busy, "grade": graded.busy - decoded.waited, "encode": encode}


def _grade(
    frames: Stage[Frame], lut_of: Callable[[int], FrameGrade], interpolation: str, device: str
) -> Iterator[Frame]:
    for frame in frames:
        with torch.inference_mode():
            image = lut_of(frame.index)(frame.image.to(device), interpolation=interpolation).cpu()
        yield replace(frame, image=image)
