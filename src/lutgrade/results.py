"""What a grade leaves behind, for callers and for the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from lutgrade.analysis import AnalysedShot
from lutgrade.lut import Lut
from lutgrade.outputs import Outputs
from lutgrade.video import VideoInfo


@dataclass(frozen=True)
class GradedShot:
    """One shot: its key frame and similarity, the reference frame it was matched to, and the LUT that graded it."""

    analysed: AnalysedShot
    reference: Tensor  # [3, h, w]
    lut: Lut
    cube: Path | None = None

    @property
    def before(self) -> Tensor:
        """The key frame, `[3, h, w]`, as it came."""
        return self.analysed.keyframe.image

    @property
    def after(self) -> Tensor:
        """The key frame, graded."""
        return self.lut(self.before[None])[0]


@dataclass(frozen=True)
class GradeResult:
    """What was written and how.

    Attributes:
        seconds: what each step was at work, in seconds (decode, grade and encode overlap), and `total`, the wall time.
        warnings: what a user should know, a line each.
    """

    content: VideoInfo
    reference: Path
    outputs: Outputs
    model: str
    options: dict[str, object]
    shots: list[GradedShot]
    frames: int
    seconds: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
