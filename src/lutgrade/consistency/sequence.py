"""Matched clips joined into one sequence, and the `ffmpeg` commands that do what a match has done."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from lutgrade.consistency.encoding import encoding_of
from lutgrade.consistency.naming import SEQUENCE, unique_names
from lutgrade.consistency.outputs import MatchOutputs, folder_of
from lutgrade.consistency.results import MatchReport
from lutgrade.errors import InputError
from lutgrade.finishing import FinishedGrade
from lutgrade.lut import Lut
from lutgrade.progress import Progress, silent
from lutgrade.video import Frame, VideoInfo, open_video
from lutgrade.video.effects import Effects
from lutgrade.video.ffmpeg_lines import Cubes, grade_line, join_line
from lutgrade.video.joining import JoinClip, JoinPlan, join, lay_out, sequence_encoding

CUT = "cut"


@dataclass(frozen=True)
class Joining:
    """How matched clips become one file.

    Args:
        crossfade: seconds that each clip fades into the next; 0 cuts.
        effects: on the sequence alone, after the match.
        interpolation: "trilinear" or "tetrahedral".
        matrix: the YUV matrix of all clips, instead of what they say.
    """

    crossfade: float = 0.5
    effects: Effects = field(default_factory=Effects)
    interpolation: str = "tetrahedral"
    matrix: str | None = None

    @classmethod
    def parse(cls, text: str) -> float:
        """The seconds of `crossfade=SECONDS`, 0 for `cut`."""
        name, _, value = text.partition("=")
        try:
            seconds = 0.0 if text == CUT else float(value)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf") or (text != CUT and name != "crossfade"):
            raise InputError(f"clips are joined by crossfade=SECONDS or {CUT}, not '{text}'")
        return seconds

    def check(self, clips: Sequence[Path], output_dir: Path | None, *, overwrite: bool) -> None:
        """Raises an InputError where the clips cannot be joined into the folder, before they are matched."""
        outputs = MatchOutputs(folder_of(clips, output_dir), unique_names(clips))
        outputs.check_foreign([sequence_name(clips)], overwrite=overwrite)
        infos, _ = lay_out(clips, crossfade=self.crossfade, matrix=self.matrix)
        sequence_encoding(infos[0], Path(sequence_name(clips)))
        encoding = encoding_of(infos[0])
        if encoding.is_hdr and self.effects != Effects():
            raise InputError(f"effects are made for SDR, and the clips are {encoding.name}; join them without")


def sequence_name(clips: Sequence[Path]) -> str:
    """What the file of all clips is called: a container like the first clip's."""
    return f"{SEQUENCE}{clips[0].suffix}"


@dataclass(frozen=True)
class GradedSource:
    """A clip as it came, where its match was written, and its LUTs."""

    path: Path
    output: Path
    cubes: Cubes


def graded_sources(report: MatchReport, clips: Sequence[Path]) -> list[GradedSource]:
    """The clips of a match in the order that they were given in; those that failed are left out."""
    made = {clip.name: clip for clip in report.clips}
    sources = []
    for name in unique_names(clips):
        if name in made:
            clip = made[name]
            cubes = [(max(0.0, unit.span[0]), unit.cube) for unit in clip.units] or [(0.0, None)]
            sources.append(GradedSource(clip.path, clip.output, sorted(cubes, key=lambda cube: cube[0])))
    return sources


def join_matched(
    report: MatchReport,
    clips: Sequence[Path],
    joining: Joining,
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> tuple[Path, JoinPlan]:
    """Writes `match_sequence` beside the matched clips, from the clips as they came, in one generation.

    Args:
        report: what the match returned.
        clips: as they were given to it.
        overwrite: replace a file of that name that no earlier match wrote.

    Raises:
        InputError: a clip failed, the clips cannot be joined, effects on HDR, or the file exists.
        LutgradeError: writing failed.
    """
    if report.failed:
        raise InputError(f"there is no sequence without {', '.join(report.failed)}; mend or leave out what failed")
    joining.check(clips, report.output_dir, overwrite=overwrite)
    sources = graded_sources(report, clips)
    output = report.output_dir / sequence_name(clips)
    MatchOutputs(report.output_dir, unique_names(clips)).claim([output.name])
    graded = [JoinClip(source.path, _grade(source.cubes, joining)) for source in sources]
    _, timeline = lay_out([source.path for source in sources], crossfade=joining.crossfade, matrix=joining.matrix)
    with progress("join", timeline.ends[-1]) as advance:
        plan = join(graded, output, crossfade=joining.crossfade, matrix=joining.matrix, advance=advance)
    return output, plan


def command_lines(
    report: MatchReport,
    clips: Sequence[Path],
    joining: Joining,
    joined: tuple[Path, JoinPlan] | None = None,
) -> Iterator[str]:
    """The `ffmpeg` command of every clip that was graded, and that of the sequence where there is one."""
    sources = graded_sources(report, clips)
    for source in sources:
        if any(cube for _, cube in source.cubes):
            with open_video(source.path, matrix=joining.matrix) as reader:
                info = reader.info
            if info.kind == "video":
                yield _grade_line(info, source, joining.interpolation)
    if joined is not None:
        output, plan = joined
        cubes = [source.cubes for source in sources]
        yield join_line(plan, output, cubes, joining.effects, interpolation=joining.interpolation)


def _grade_line(info: VideoInfo, source: GradedSource, interpolation: str) -> str:
    output = source.output
    return grade_line(info, output, sequence_encoding(info, output), source.cubes, interpolation=interpolation)


def _grade(cubes: Cubes, joining: Joining) -> Callable[[Frame], Tensor]:
    """What is done to the frames of a clip."""
    starts = [start for start, _ in cubes]
    grades = [
        FinishedGrade.of(Lut.load(cube) if cube is not None else Lut.identity(2), joining.effects) for _, cube in cubes
    ]

    def grade(frame: Frame) -> Tensor:
        index = max(0, bisect.bisect_right(starts, frame.time) - 1)
        return grades[index](frame.image, interpolation=joining.interpolation)

    return grade
