"""The contracts that hold the parts together; a model, a metric or a selector is anything that fits one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class ColorMap(Protocol):
    """A grade: sRGB-encoded images `[B, 3, H, W]` in [0, 1] to the same."""

    def __call__(self, image: Tensor) -> Tensor: ...


class LutModel(Protocol):
    """A model that grades to a reference: images `[B, 3, H, W]` each, of sizes that may differ, to a colour map.

    The colour map of a LUT model is a `lutgrade.Lut` with a table per image, or holds one as its `lut`.
    """

    def __call__(self, content: Tensor, reference: Tensor) -> ColorMap: ...


class Grader(Protocol):
    """All that evaluation sees of a method: frames `[T, 3, H, W]` and references `[N, 3, h, w]` to graded frames."""

    def __call__(self, frames: Tensor, reference: Tensor, *, seed: int) -> Tensor: ...


def is_grader(model: object) -> bool:
    """Whether a model is a `Grader`: only its call cannot do without a seed."""
    call = model.forward if isinstance(model, nn.Module) else model
    try:
        seed = inspect.signature(call).parameters.get("seed")  # type: ignore[arg-type]
    except ValueError:  # compiled code tells nothing of its arguments
        return False
    return seed is not None and seed.default is seed.empty


@dataclass(frozen=True)
class Sample:
    """One item of any data set; collating adds B in front. Images are sRGB-encoded in [0, 1]."""

    frames: Tensor  # [T, 3, H, W]
    reference: Tensor  # [N, 3, h, w]
    target: Tensor | None = None  # [T, 3, H, W], the graded frames where they are known
    masks: Tensor | None = None  # [T, 1, H, W]
    lut: Tensor | None = None  # [3, S, S, S], where the grade is known
    name: str = ""


class Objective(Protocol):
    """What training minimises; owns noise, losses and schedules. `loss` is minimised, the rest is logged."""

    def __call__(self, model: nn.Module, batch: Sample) -> Mapping[str, Tensor]: ...


class Metric(Protocol):
    """A score per frame: graded `[T, 3, H, W]` against what the sample holds, to `[T]`."""

    name: str
    unit: str
    lower_is_better: bool

    def __call__(self, graded: Tensor, sample: Sample) -> Tensor: ...


class KeyframeSelector(Protocol):
    """Picks the pair of frames that a grade is predicted from: `[T, 3, H, W]`, `[N, 3, h, w]` to (t, n)."""

    def __call__(self, frames: Tensor, references: Tensor) -> tuple[int, int]: ...
