"""The grade of a shot, predicted from its key frame and the reference frame: a LUT, and sharpness after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from lutgrade.color import adjust
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.lut.cube import as_written
from lutgrade.models.ncst import NCST, ParametricGrade
from lutgrade.options import GradeOptions
from lutgrade.protocols import LutModel, is_grader


@dataclass(frozen=True, eq=False)
class ShotGrade:
    """What the frames of a shot are graded with.

    Attributes:
        lut: takes the content's own encoding, and is what is written.
        display_lut: takes images as they are displayed, such as key frames; `lut` itself but for log content.
        sharpness: the amount of `lutgrade.color.adjust.sharpness` after the LUT; 1 is none. It is spatial, so that no
            LUT can hold it.
        parameters: the model's named parameters at full strength, sharpness among them; empty where it has none.
    """

    lut: Lut
    display_lut: Lut
    sharpness: float = 1.0
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Frames are graded with what is written, to the last decimal."""
        object.__setattr__(self, "lut", as_written(self.lut))

    def __call__(self, image: Tensor, *, interpolation: str = "trilinear") -> Tensor:
        """Grades `[..., 3, H, W]` images in [0, 1], in the content's own encoding."""
        return self._sharpened(self.lut(image, interpolation=interpolation))

    def preview(self, image: Tensor) -> Tensor:
        """Grades display-referred images `[..., 3, H, W]` in [0, 1]."""
        return self._sharpened(self.display_lut(image))

    def _sharpened(self, image: Tensor) -> Tensor:
        return image if self.sharpness == 1 else adjust.sharpness(image, self.sharpness).clamp(0, 1)

    @property
    def only_lut(self) -> Lut | None:
        """The LUT where there is nothing else to the grade."""
        return self.lut if self.sharpness == 1 else None

    def then(self, look: Lut) -> ShotGrade:
        """The same with a look after its LUTs, of images as they are displayed."""
        lut, display = (first.compose(look, size=first.size) for first in (self.lut, self.display_lut))
        return replace(self, lut=lut, display_lut=display)

    def to(self, device: str) -> ShotGrade:
        """The same with its LUT on a device."""
        return replace(self, lut=self.lut.to(device))


def check_model(model: LutModel, options: GradeOptions) -> None:
    """Raises an InputError where the model gives no LUT, or parameters are set by hand and it has none."""
    if is_grader(model):
        raise InputError(
            f"{type(model).__name__} edits the pixels of whole clips and gives no LUT, so it cannot grade here; "
            "score it with scripts/evaluate.py rows=[...]"
        )
    if options.parameters and not isinstance(model, NCST):
        names = ", ".join(options.parameters)
        raise InputError(
            f"{type(model).__name__} has no named parameters, so {names} cannot be set; NCST's models have"
        )


def predict_grade(model: LutModel, content: Tensor, reference: Tensor, options: GradeOptions) -> ShotGrade:
    """The grade that a model predicts from a key frame and its reference `[3, h, w]`, at the options' strength.

    Half the strength is half the way of every colour, and half the way of sharpness from 1.

    Raises:
        InputError: the model gives no LUT; parameters are set by hand and it has none.
    """
    check_model(model, options)
    with torch.inference_mode():
        grade = model(content[None].to(options.device), reference[None].to(options.device))
        parameters: dict[str, float] = {}
        if isinstance(grade, ParametricGrade):
            grade = grade.override(**options.parameters)
            parameters = {name: float(amount) for name, amount in grade.parameters.items()}
        pointwise = getattr(grade, "lut", grade)  # the part of a colour map that a LUT can hold
        display = Lut.from_function(lambda x: pointwise(x.to(options.device)).cpu(), options.nodes)
        display = display.blend(options.strength)
        log = options.input_log
        lut = display if log is None else _after_log(display, log, options.nodes)
    sharpness = 1 + options.strength * (parameters.get("sharpness", 1.0) - 1)
    return ShotGrade(lut, display, max(sharpness, 0.0), parameters)


def _after_log(lut: Lut, encoding: str, nodes: int) -> Lut:
    """The LUT that takes log images, of one that takes what is displayed."""
    from lutgrade.color.log import log_to_display

    return Lut.from_function(lambda x: lut(log_to_display(x, encoding)), nodes)
