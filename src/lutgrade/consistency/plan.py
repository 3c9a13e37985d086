"""What a match is asked to do: clips, spans with targets of their own, and options."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from lutgrade.consistency.encoding import Encoding
from lutgrade.consistency.profiles import EVERY, WHOLE, Profile, Span
from lutgrade.consistency.targets import OF_SDR, TargetSpec
from lutgrade.errors import InputError

METHODS = ("unbalanced_mkl", "mkl", "reinhard", "histogram", "sliced_ot")  # of `auto`, the gentlest first
THRESHOLD = 3.0  # CIEDE2000, or Delta E ITP of HDR
MOST_STRENGTH = 1.5
KEEP = "keep"
GROUPINGS = ("none", "auto", "clip", "lab")


@dataclass(frozen=True)
class Segment:
    """Seconds `start` to `stop` of a clip whose colours are meant to differ: matched to `target`, or kept if None.

    The target may be given as text, as `TargetSpec.parse` reads it, or `keep`.
    """

    start: float
    stop: float
    target: TargetSpec | None

    def __post_init__(self) -> None:
        if isinstance(self.target, str):
            object.__setattr__(self, "target", None if self.target == KEEP else TargetSpec.parse(self.target))


@dataclass(frozen=True)
class Clip:
    """A clip to match.

    Args:
        path: a video, an image or a folder of frames.
        weight: how much it counts in an `average`.
        group: clips of one name are matched with each other only; None leaves it to the grouping.
        exclude: neither matched nor matched to; it is copied.
        segments: spans with targets of their own. One that picks or averages clips does so among those of the
            clip's group that have the common target; `hero=CLIP` is any clip.
    """

    path: Path
    weight: float = 1.0
    group: str | None = None
    exclude: bool = False
    segments: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        if not 0 < self.weight < float("inf"):
            raise InputError(f"the weight of {self.path} must be above 0, not {self.weight}; exclude it instead")
        ordered = sorted(self.segments, key=lambda segment: segment.start)
        if not all(s.start < s.stop for s in ordered) or any(b.start < a.stop for a, b in pairwise(ordered)):
            raise InputError(f"the segments of {self.path} must not be empty nor overlap")


@dataclass(frozen=True)
class MatchOptions:
    """How clips are matched.

    Args:
        target: what to (`lutgrade.consistency.targets.TargetSpec`).
        method: `auto`, or names of `load_model`, separated by commas; they are tried in turn.
        strength: 0 leaves the clips as they are, 1 is the match.
        max_strength: up to which strength is raised where the threshold is missed; by default 1.5, and `strength`
            itself where that is under 1.
        threshold: CIEDE2000 (Delta E ITP of HDR) between the mean colours of any two clips that counts as matched.
        protect_skin: how much of its hue and chroma skin keeps, 0 to 1; SDR only.
        groups: which clips are matched with each other: `none` (all), `auto` (by content: CLIP features where the
            weights are on this machine, else Lab profiles), `clip` or `lab`. Clips with a group of their own keep it.
        per_shot: a LUT for every shot instead of one a clip.
        every: seconds between the frames that are looked at.
        size: nodes a side of the LUTs; None is 33, and 65 of HDR.
        interpolation: "trilinear" or "tetrahedral".
        matrix: the YUV matrix of all clips, instead of what they say.
        device: where models run, such as "cpu" or "cuda".
        workers: processes; None is as many as cores and memory allow.
        memory: GB that they may take together; None is half of what is free.
    """

    target: TargetSpec = field(default_factory=lambda: TargetSpec("average"))
    method: str = "auto"
    strength: float = 1.0
    max_strength: float | None = None
    threshold: float = THRESHOLD
    protect_skin: float = 0.0
    groups: str = "none"
    per_shot: bool = False
    every: float = EVERY
    size: int | None = None
    interpolation: str = "tetrahedral"
    matrix: str | None = None
    device: str = "cpu"
    workers: int | None = None
    memory: float | None = None

    def __post_init__(self) -> None:
        checks = [
            (0 <= self.strength <= MOST_STRENGTH, f"strength is from 0 to {MOST_STRENGTH}, not {self.strength}"),
            (0 <= self.protect_skin <= 1, f"skin protection is from 0 to 1, not {self.protect_skin}"),
            (self.threshold > 0, f"the threshold must be above 0, not {self.threshold}"),
            (0 < self.every < float("inf"), f"the seconds between frames must be above 0, not {self.every}"),
            (self.size is None or 2 <= self.size <= 65, f"a LUT has 2 to 65 nodes a side here, not {self.size}"),
            (isinstance(self.method, str), f"methods are one text, separated by commas, not {self.method!r}"),
            (isinstance(self.method, str) and all(self.methods), f"a method has no name in '{self.method}'"),
            (self.groups in GROUPINGS, f"groups are {', '.join(GROUPINGS)}, not '{self.groups}'"),
            (self.workers is None or self.workers > 0, f"workers must be 1 or more, not {self.workers}"),
            (self.memory is None or 0 < self.memory < float("inf"), f"memory must be above 0 GB, not {self.memory}"),
            (
                self.interpolation in ("trilinear", "tetrahedral"),
                f"interpolation is trilinear or tetrahedral, not '{self.interpolation}'",
            ),
            (
                self.max_strength is None or self.strength <= self.max_strength <= MOST_STRENGTH,
                f"the largest strength is from the strength to {MOST_STRENGTH}, not {self.max_strength}",
            ),
        ]
        for holds, message in checks:
            if not holds:
                raise InputError(message)

    def of(self, encoding: Encoding, clips: Sequence[Clip]) -> MatchOptions:
        """The options for clips of an encoding; an InputError for what is made for SDR alone."""
        if encoding.is_hdr:
            targets = [self.target, *(s.target for clip in clips for s in clip.segments if s.target)]
            unfit = [f"the target {spec.kind}" for spec in targets if spec.kind in OF_SDR]
            unfit += ["skin protection"] if self.protect_skin else []
            if unfit:
                raise InputError(f"the clips are {encoding.name}, and {unfit[0]} is made for SDR; match without it")
        return replace(self, size=self.size or encoding.nodes)

    @property
    def nodes(self) -> int:
        """Nodes a side of the LUTs."""
        assert self.size is not None
        return self.size

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods to try, in turn."""
        return METHODS if self.method == "auto" else tuple(name.strip() for name in self.method.split(","))

    @property
    def strengths(self) -> tuple[float, ...]:
        """The strengths above the first to retry with."""
        most = self.max_strength
        if most is None:
            most = MOST_STRENGTH if self.strength >= 1 else self.strength
        return tuple(self.strength + part * (most - self.strength) for part in (0.5, 1.0) if most > self.strength)


@dataclass(frozen=True, eq=False)
class Unit:
    """What gets one LUT: a clip or a span of it.

    Attributes:
        name: unique, for reports.
        clip: the index of its clip.
        clip_name: the name of its clip in the output folder.
        number: of its span in the clip, from 0.
        span: seconds.
        profile: its colours as they came.
        target: what it is matched to; None keeps it as it is.
        weight: in an average.
        group: units of one group and one target are matched with each other; None until the grouping is done.
    """

    name: str
    clip: int
    clip_name: str
    number: int
    span: Span
    profile: Profile
    target: TargetSpec | None
    weight: float = 1.0
    group: str | None = None

    @property
    def kept(self) -> str:
        """Why it is left as it is, empty where it is matched."""
        if self.target is None:
            return "kept, as asked for"
        return "black: there is nothing to match" if self.profile.is_black else ""


def within(clip: Clip, duration: float | None) -> Clip:
    """The clip with segments that start at 0 or end at its duration (s) reaching to its ends.

    Raises:
        InputError: a segment that starts behind the end.
    """
    end = float("inf") if duration is None else duration
    late = [segment for segment in clip.segments if segment.start >= end]
    if late:
        raise InputError(f"{clip.path} ends at {end:.2f} s, before its segment from {late[0].start:g} s")
    segments = (
        replace(
            segment,
            start=segment.start if segment.start > 0 else -float("inf"),
            stop=segment.stop if segment.stop < end else float("inf"),
        )
        for segment in clip.segments
    )
    return replace(clip, segments=tuple(segments))


def spans_of(clip: Clip, shots: Sequence[Span] = (WHOLE,)) -> list[Span]:
    """The spans of a clip that get a LUT each: its shots, cut at the ends of its segments."""
    edges = {edge for segment in clip.segments for edge in (segment.start, segment.stop)}
    edges |= {edge for shot in shots for edge in shot}
    ordered = sorted(edges)
    return list(pairwise(ordered))


def target_of(clip: Clip, span: Span, default: TargetSpec) -> TargetSpec | None:
    """The target of a span of a clip; None keeps it as it is."""
    for segment in clip.segments:
        if segment.start <= span[0] and span[1] <= segment.stop:
            return segment.target
    return default


def parse_segment(text: str) -> tuple[str, Segment]:
    """`CLIP@FROM-TO=TARGET` as the clip's name and the segment; the target `keep` leaves it as it is."""
    found = re.fullmatch(r"(.+)@([\d.]+)-([\d.]+)=(.+)", text)
    try:
        if found is None:
            raise ValueError(text)
        start, stop = float(found[2]), float(found[3])
    except ValueError:
        raise InputError(
            f"a segment is CLIP@FROM-TO=TARGET in seconds, such as b.mp4@2-4.5=keep, not '{text}'"
        ) from None
    return found[1], Segment(start, stop, None if found[4] == KEEP else TargetSpec.parse(found[4]))
