"""The second pass over a clip: decode, grade and encode, each in a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol, cast

import torch
from torch import Tensor

from lutgrade.lut import Lut
from lutgrade.overlap import Stage
from lutgrade.video import CodedFrame, Frame, FrameWriter, VideoReader
from lutgrade.video.direct import CodedReader, DirectGrade, direct_grade

QUEUE = 3  # frames between two stages: enough to overlap, little memory at 8K


class FrameGrade(Protocol):
    """What a frame is graded with: a `Lut`, or one with what follows it.

    One that may be no more than a LUT says so by an attribute `only_lut`, that LUT or None; it is applied faster.
    """

    def __call__(self, image: Tensor, *, interpolation: str) -> Tensor: ...


def render(
    reader: VideoReader,
    writer: FrameWriter,
    lut_of: Callable[[int], FrameGrade],
    *,
    interpolation: str = "tetrahedral",
    device: str = "cpu",
    advance: Callable[[], None] = lambda: None,
    before: Callable[[Frame | CodedFrame], None] = lambda _: None,
    after: Callable[[Frame | CodedFrame], None] = lambda _: None,
) -> dict[str, float]:
    """Grades every frame of `reader` into `writer`; memory does not depend on the clip's length.

    Args:
        lut_of: the LUT, or other grade, of a frame's index, on `device`.
        interpolation: "trilinear" or "tetrahedral".
        device: where the LUT is applied.
        advance: called once a frame, for a progress bar.
        before, after: called with every frame, in a thread: before its LUT is asked for, and when it is graded.

    Returns:
        The seconds each step was at work: decode, grade, encode. They overlap, so their sum is above the wall time.
    """
    direct = direct_grade(reader, writer) if torch.device(device).type == "cpu" else None
    source: Iterable[Frame | CodedFrame] = reader
    if direct is not None and isinstance(reader, CodedReader):
        source = reader.coded()

    def grade(frame: Frame | CodedFrame) -> Frame | CodedFrame:
        return _graded(frame, lut_of(frame.index), interpolation, device, direct)

    write = cast(Callable[[Frame | CodedFrame], None], writer.write)  # `direct_grade` knows which takes coded frames
    encode = 0.0
    with Stage(source, depth=QUEUE, name="decode") as decoded:
        with Stage(_watched(grade, decoded, before, after), depth=QUEUE, name="grade") as graded:
            for frame in graded:
                start = time.perf_counter()
                write(frame)
                encode += time.perf_counter() - start
                advance()
        return {"decode": decoded.busy, "grade": graded.busy - decoded.waited, "encode": encode}


def _graded(
    frame: Frame | CodedFrame, grade: FrameGrade, interpolation: str, device: str, direct: DirectGrade | None
) -> Frame | CodedFrame:
    if isinstance(frame, CodedFrame):
        assert direct is not None
        table = _only_table(grade)
        if table is not None and direct.takes(frame):
            return direct(frame, table, interpolation)
        frame = direct.shown(frame)
    with torch.inference_mode():
        image = grade(frame.image.to(device), interpolation=interpolation).cpu()
    return replace(frame, image=image)


def _watched(
    grade: Callable[[Frame | CodedFrame], Frame | CodedFrame],
    frames: Iterable[Frame | CodedFrame],
    before: Callable[[Frame | CodedFrame], None],
    after: Callable[[Frame | CodedFrame], None],
) -> Iterator[Frame | CodedFrame]:
    for frame in frames:
        before(frame)
        graded = grade(frame)
        after(graded)
        yield graded


def _only_table(grade: FrameGrade) -> Tensor | None:
    """The table `[3, S, S, S]` that a grade is all of; None where there is more to it."""
    lut = grade if isinstance(grade, Lut) else getattr(grade, "only_lut", None)
    if lut is None or not lut.unit_domain or lut.shaper is not None or lut.batch is not None:
        return None
    return lut.table
