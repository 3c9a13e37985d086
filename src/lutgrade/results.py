"""What a grade leaves behind, for callers and for the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from lutgrade.analysis import AnalysedShot
from lutgrade.lut import Lut
from lutgrade.outputs import Outputs
from lutgrade.predicting import ShotGrade
from lutgrade.video import Frame, VideoInfo


@dataclass(frozen=True)
class GradedShot:
    """One shot: its key frame and similarity, the reference frame it was matched to, and what graded it.

    `takes` is the index of the shot whose grade it has: its own, or that of an earlier one that it returns to.
    """

    analysed: AnalysedShot
    matched: Frame
    grade: ShotGrade
    cube: Path | None
    takes: int

    @property
    def lut(self) -> Lut:
        """The LUT of its grade."""
        return self.grade.lut

    @property
    def reference(self) -> Tensor:
        """The reference frame, `[3, h, w]`."""
        return self.matched.image

    @property
    def before(self) -> Tensor:
        """The key frame, `[3, h, w]`, as it came."""
        return self.analysed.keyframe.image

    @property
    def after(self) -> Tensor:
        """The key frame, graded."""
        return self.grade.preview(self.before)


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

    @property
    def grades(self) -> dict[int, ShotGrade]:
        """The distinct grades, by the index of the first shot that each grades."""
        return {shot.takes: shot.grade for shot in self.shots}

    @property
    def cubes(self) -> list[Path]:
        """The `.cube` files, each once, in order; empty where none were asked for."""
        return [cube for cube in dict.fromkeys(shot.cube for shot in self.shots) if cube is not None]

    def shots_of(self, grade: int) -> list[int]:
        """The indices of the shots that have a grade of `grades`."""
        return [index for index, shot in enumerate(self.shots) if shot.takes == grade]
