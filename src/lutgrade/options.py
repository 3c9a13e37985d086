"""What a user can ask of a grade, checked before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lutgrade.devices import check_device
from lutgrade.errors import InputError
from lutgrade.selecting import DEFAULT_SELECTOR

MAX_ADAPT = 100_000  # steps


@dataclass(frozen=True)
class GradeOptions:
    """How a clip is graded.

    Args:
        strength: 0 leaves the content as it is, 1 is the model's grade, above 1 goes further.
        per_shot: False grades the whole clip with one LUT.
        share_shots: a shot that returns to an earlier one (`lutgrade.analysis.returning`) takes its grade.
        size: nodes a side of the LUT that grades and is written; by default 33, and 65 for log, whose curves are
            steep.
        interpolation: "trilinear" or "tetrahedral".
        input_log: the camera log encoding of the content (`lutgrade.color.log.LOG_ENCODINGS`); the LUTs then take
            log images.
        matrix: the YUV matrix of the content, "bt601", "bt709" or "bt2020", instead of what its file says.
        device: where models and LUTs run, such as "cpu" or "cuda".
        selector: what key frames are found by, a name of `lutgrade.selecting.selector_names()`.
        adapt: steps of training the model on the clip's own key frames first; 0 is none.
        parameters: amounts set by hand, by the names of `lutgrade.models.ncst.LIMITS`.
    """

    strength: float = 1.0
    per_shot: bool = True
    share_shots: bool = True
    size: int | None = None
    interpolation: str = "tetrahedral"
    input_log: str | None = None
    matrix: str | None = None
    device: str = "cpu"
    selector: str = DEFAULT_SELECTOR
    adapt: int = 0
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size is None:
            object.__setattr__(self, "size", 33 if self.input_log is None else 65)
        if not 2 <= self.nodes <= 129:
            raise InputError(f"a LUT has 2 to 129 nodes a side, not {self.nodes}")
        if self.interpolation not in ("trilinear", "tetrahedral"):
            raise InputError(f"interpolation is trilinear or tetrahedral, not '{self.interpolation}'")
        if not 0 <= self.strength <= 4:
            raise InputError(f"strength is from 0 to 4, not {self.strength}")
        if not 0 <= self.adapt <= MAX_ADAPT:
            raise InputError(f"a model is adapted for 0 to {MAX_ADAPT} steps, not {self.adapt}")
        if self.input_log is not None:
            from lutgrade.color.log import log_encoding

            log_encoding(self.input_log)
        if self.parameters:
            from lutgrade.models.ncst import check_amounts

            check_amounts(self.parameters)
        check_device(self.device)

    @property
    def nodes(self) -> int:
        """Nodes a side of the LUT."""
        assert self.size is not None
        return self.size
