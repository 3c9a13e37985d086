"""What a match leaves behind, for callers and for the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from lutgrade.consistency.distance import Consistency
from lutgrade.consistency.encoding import Encoding
from lutgrade.consistency.naming import HTML, JSON, SHEET
from lutgrade.consistency.profiles import Profile, Span

OK, FAILED, INCONSISTENT = 0, 1, 3  # exit codes


@dataclass(frozen=True, eq=False)
class MatchedUnit:
    """A clip, or a span of it, before and after.

    Attributes:
        cube: its LUT; None where it was left as it is.
        after: the colours of the written file, of which `after_picture` is a frame.
        quality: what is to be noted about its LUT.
        note: why it was left as it is, or not moved all the way; empty otherwise.
    """

    name: str
    span: Span
    group: str
    target: str
    before: Profile = field(repr=False)
    after: Profile = field(repr=False)
    cube: Path | None
    quality: tuple[str, ...] = ()
    note: str = ""

    @property
    def pictures(self) -> tuple[Tensor, Tensor]:
        """The middle frame before and after, for an SDR display, `[3, h, w]` each."""
        return self.before.picture, self.after.picture


@dataclass(frozen=True, eq=False)
class MatchedClip:
    """A clip that was written.

    Attributes:
        copied: no LUT changes it, so it was copied byte by byte.
        flicker: of its frames before and after, as differences (`lutgrade.consistency.metering.flicker`); None for a
            copy.
    """

    name: str
    path: Path
    output: Path
    units: tuple[MatchedUnit, ...]
    copied: bool
    frames: int | None = None
    flicker: dict[str, float] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class MatchReport:
    """What was done, and how consistent the clips are.

    Attributes:
        encoding: of the clips, in whose unit differences are.
        before, after: all pairs that were to match; `after` is measured on the written files.
        tries: every method and strength tried, the best first, as plain values.
        failed: clips that could not be read or written, with the reason.
        seconds: what each step took, summed over processes for decode, grade and encode; `total` is wall time, `cpu`
            that of all processes.
    """

    output_dir: Path
    encoding: Encoding
    target: str
    method: str
    strength: float
    threshold: float
    before: Consistency
    after: Consistency
    clips: tuple[MatchedClip, ...]
    groups: dict[str, list[str]]
    tries: tuple[dict[str, Any], ...]
    failed: dict[str, str]
    options: dict[str, Any]
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every pair is below the threshold."""
        return self.after.below(self.threshold)

    @property
    def exit_code(self) -> int:
        """1 where a clip failed, whatever became of the others; else 3 where the threshold is missed; else 0."""
        return FAILED if self.failed else OK if self.passed else INCONSISTENT

    @property
    def sheet(self) -> Path:
        return self.output_dir / SHEET

    @property
    def html(self) -> Path:
        return self.output_dir / HTML

    @property
    def json(self) -> Path:
        return self.output_dir / JSON
