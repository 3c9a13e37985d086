"""What every objective does first: predict a grade from a batch, and apply it to the frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.protocols import ColorMap, Sample


@dataclass(frozen=True)
class Graded:
    """A batch that a model has graded: its frames as `[T * B, 3, H, W]`, frame by frame, and the LUTs."""

    content: Tensor
    graded: Tensor
    reference: Tensor  # [B, 3, h, w]
    target: Tensor | None  # as content, where the sample has one
    table: Tensor  # [B, 3, S, S, S]


def grade_batch(model: nn.Module, batch: Sample) -> Graded:
    """Grades every frame of `[B, T, 3, H, W]` by the first, to the first reference of `[B, N, 3, h, w]`."""
    frames, reference = batch.frames, batch.reference[:, 0]
    grade: ColorMap = model(frames[:, 0], reference)
    graded = torch.cat([grade(frame) for frame in frames.unbind(1)])
    return Graded(
        content=_frame_by_frame(frames),
        graded=graded,
        reference=reference,
        target=None if batch.target is None else _frame_by_frame(batch.target),
        table=lut_of(grade).table,
    )


def lut_of(grade: ColorMap) -> Lut:
    """The LUT that a grade is or holds."""
    lut = grade if isinstance(grade, Lut) else getattr(grade, "lut", None)
    if not isinstance(lut, Lut):
        raise InputError(f"this objective needs a model that predicts a LUT, not a {type(grade).__name__}")
    return lut


def _frame_by_frame(frames: Tensor) -> Tensor:
    return torch.cat(frames.unbind(1))
