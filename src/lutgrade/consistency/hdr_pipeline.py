"""`match_hdr`: PQ clips, or HLG clips, that look shot by one camera; their tags and depth stay as they are."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from lutgrade.applying import apply_to_file
from lutgrade.color.hdr import HdrTransfer
from lutgrade.consistency.hdr import (
    NODES,
    HdrColors,
    Method,
    barycentre,
    fit_hdr,
    hdr_colors,
    hdr_transfer,
    itp_difference,
    matching_space,
)
from lutgrade.consistency.outputs import JSON, MatchOutputs
from lutgrade.consistency.plan import MatchOptions
from lutgrade.consistency.results import FAILED, INCONSISTENT, OK
from lutgrade.consistency.tasks import copy
from lutgrade.errors import InputError, LutgradeError
from lutgrade.files import replacing
from lutgrade.models.pixels import ColorSpace
from lutgrade.progress import Progress, silent
from lutgrade.video import open_video
from lutgrade.video.hdr_metadata import has_static_metadata

METHODS: tuple[Method, ...] = ("mkl", "reinhard")
OF_CLIPS = ("average", "first")
THRESHOLD = 3.0  # Delta E ITP
KEPT = 0.5  # Delta E ITP to the target under which a clip is left as it is


@dataclass(frozen=True, eq=False)
class HdrClip:
    """A clip that was written: its colours before and after, and its LUT (None where it was copied)."""

    name: str
    path: Path
    output: Path
    cube: Path | None
    before: HdrColors
    after: HdrColors


@dataclass(frozen=True, eq=False)
class HdrMatchReport:
    """What was done, and how consistent the clips are, in Delta E ITP between mean colours.

    Attributes:
        failed: clips that could not be read or written, with the reason.
    """

    output_dir: Path
    transfer: str
    space: str
    target: str
    method: str
    strength: float
    threshold: float
    clips: tuple[HdrClip, ...]
    failed: dict[str, str]

    @property
    def before(self) -> dict[tuple[str, str], float]:
        """Every pair of clips as they came."""
        return {(a.name, b.name): itp_difference(a.before, b.before) for a, b in combinations(self.clips, 2)}

    @property
    def after(self) -> dict[tuple[str, str], float]:
        """Every pair, measured on the files written."""
        return {(a.name, b.name): itp_difference(a.after, b.after) for a, b in combinations(self.clips, 2)}

    @property
    def passed(self) -> bool:
        """Whether every pair is below the threshold."""
        return all(difference < self.threshold for difference in self.after.values())

    @property
    def exit_code(self) -> int:
        """1 where a clip failed, whatever became of the others; else 3 where the threshold is missed; else 0."""
        return FAILED if self.failed else OK if self.passed else INCONSISTENT

    @property
    def json(self) -> Path:
        return self.output_dir / JSON

    def as_dict(self) -> dict[str, Any]:
        pairs = [
            {"a": a, "b": b, "before": round(before, 3), "after": round(self.after[a, b], 3)}
            for (a, b), before in self.before.items()
        ]
        clips = [
            {"name": clip.name, "output": clip.output.name, "cube": clip.cube and clip.cube.name} for clip in self.clips
        ]
        plain = ("transfer", "space", "target", "method", "strength", "threshold", "failed")
        return {**{name: getattr(self, name) for name in plain}, "passed": self.passed, "pairs": pairs, "clips": clips}


def match_hdr(
    clips: Sequence[str | Path],
    output_dir: str | Path | None = None,
    *,
    target: str = "average",
    method: Method = "mkl",
    space: str = "ictcp",
    strength: float = 1.0,
    threshold: float = THRESHOLD,
    every: float = 1.0,
    size: int = NODES,
    interpolation: str = "tetrahedral",
    overwrite: bool = False,
    progress: Progress = silent,
) -> HdrMatchReport:
    """Grades HDR clips of one encoding so that they match; writes clips, LUTs and a JSON report.

    Colours are matched as the light that a display shows, in a space made for it; HLG is taken as shown by the
    1000 cd/m^2 display of BT.2100. The LUTs take and give the clips' own code values.

    Args:
        clips: videos, all PQ or all HLG, BT.2020.
        output_dir: made if it is missing; by default `matched` beside the first clip. The clips keep their names.
        target: "average" (the Wasserstein barycentre), "first", or `reference=FILE`, a clip of the same encoding.
        method: "mkl" (mean and covariance) or "reinhard" (mean and deviations).
        space: "ictcp" or "jzazbz".
        strength: 0 leaves the clips as they are, 1 is the match.
        threshold: Delta E ITP between mean colours of any two clips that counts as matched.
        every: seconds between the frames that are looked at.
        size: nodes a side of the LUTs.
        overwrite: replace files in the folder that no earlier match wrote.

    Raises:
        InputError: bad options, SDR clips, HDR and SDR or PQ and HLG together, or no clip that can be read.
    """
    if method not in METHODS:
        raise InputError(f"HDR clips are matched by {' or '.join(METHODS)}, not '{method}'")
    MatchOptions(strength=strength, threshold=threshold, every=every, size=size, interpolation=interpolation)  # checks
    paths = [Path(clip) for clip in clips]
    outputs = MatchOutputs.plan(paths, output_dir, overwrite=overwrite)
    failed: dict[str, str] = {}
    transfer = _transfer(paths, outputs, failed)
    work = _Work(transfer, matching_space(transfer, space), method, strength, size, every, interpolation, progress)
    before = _colors(paths, outputs, work, failed)
    wanted = _target(target, list(before.values()), work)
    outputs.claim([JSON])
    done = []
    for index, colors in before.items():
        name, output, cube = outputs.names[index], outputs.path(index), outputs.cube(index, 0, 1)
        outputs.claim([output.name, cube.name])
        try:
            after, kept = work.grade(paths[index], output, cube, colors, wanted)
        except LutgradeError as error:
            failed[name] = str(error)
            continue
        done.append(HdrClip(name, paths[index], output, None if kept else cube, colors, after))
    report = HdrMatchReport(
        outputs.folder, transfer.name, space, target, method, strength, threshold, tuple(done), failed
    )
    with replacing(report.json) as temporary:
        temporary.write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
    return report


@dataclass(frozen=True)
class _Work:
    """How clips are measured and graded."""

    transfer: HdrTransfer
    space: ColorSpace
    method: Method
    strength: float
    size: int
    every: float
    interpolation: str
    progress: Progress

    def measure(self, path: Path) -> HdrColors:
        return hdr_colors(path, self.transfer, self.space, every=self.every)

    def grade(
        self, path: Path, output: Path, cube: Path, colors: HdrColors, wanted: HdrColors
    ) -> tuple[HdrColors, bool]:
        """Writes a clip and its LUT; the colours of the file written, and whether it is a mere copy."""
        if self.strength == 0 or _close(colors, wanted):
            copy(path, output)
            return colors, True
        lut = fit_hdr(colors, wanted, self.space, self.method, self.size).blend(self.strength)
        apply_to_file(path, lut, output, interpolation=self.interpolation, overwrite=True, progress=self.progress)
        lut.save(cube)
        return self.measure(output), False


def _transfer(paths: Sequence[Path], outputs: MatchOutputs, failed: dict[str, str]) -> HdrTransfer:
    """The encoding of the clips that can be opened; the others are noted as failed."""
    infos = []
    for path, name in zip(paths, outputs.names, strict=True):
        try:
            infos.append(open_video(path).info)
        except LutgradeError as error:
            failed[name] = str(error)
    if not infos:
        raise InputError(f"no clip can be matched: {'; '.join(failed.values())}")
    transfer = hdr_transfer(infos)
    if transfer is None:
        raise InputError("the clips are SDR; lutgrade.match matches them")
    for info in infos:
        if info.kind == "video" and has_static_metadata(info.path):
            warnings.warn(
                f"{info.path}: its mastering display and light level metadata are of the picture as it was, "
                "and are left out",
                stacklevel=3,
            )
    return transfer


def _colors(paths: Sequence[Path], outputs: MatchOutputs, work: _Work, failed: dict[str, str]) -> dict[int, HdrColors]:
    """The colours of each clip that can be read, by its index."""
    colors = {}
    with work.progress("profile", len(paths)) as advance:
        for index, path in enumerate(paths):
            if outputs.names[index] not in failed:
                try:
                    colors[index] = work.measure(path)
                except LutgradeError as error:
                    failed[outputs.names[index]] = str(error)
            advance()
    if not colors:
        raise InputError(f"no clip can be matched: {'; '.join(failed.values())}")
    return colors


def _target(name: str, clips: Sequence[HdrColors], work: _Work) -> HdrColors:
    kind, _, value = name.partition("=")
    if kind == "reference" and value:
        if hdr_transfer([open_video(value).info]) is not work.transfer:
            raise InputError(f"{value} is not {work.transfer.name} as the clips are; convert it first")
        return work.measure(Path(value))
    if name not in OF_CLIPS:
        raise InputError(f"HDR clips are matched to {', '.join(OF_CLIPS)} or reference=FILE, not '{name}'")
    return clips[0] if name == "first" else barycentre(clips)


def _close(clip: HdrColors, target: HdrColors) -> bool:
    """Whether a clip already has the target's colours."""
    if itp_difference(clip, target) >= KEPT:
        return False
    spread = target.covariance.diagonal().sqrt()
    return bool(((clip.covariance.diagonal().sqrt() - spread).abs() < 0.01 * spread).all())
