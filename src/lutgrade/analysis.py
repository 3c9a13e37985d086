"""The first pass over a clip: its shots, and for each the frame that a grade to the reference is predicted from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.models.keyframes import KeyframeSelector, LabHistogramSelector
from lutgrade.video import Frame, VideoReader
from lutgrade.video.shots import Shot, ShotDetector

ANALYSIS_SIDE = 384  # pixels; statistics of a frame change little above it
KEYFRAME_SECONDS = 1.0  # one candidate a second, as the VCG paper takes
MAX_REFERENCES = 64  # frames of a long reference video or folder, evenly spaced


@dataclass(frozen=True)
class Candidate:
    """A frame that may stand for its shot: its index, its time (s), a small image and its best reference."""

    index: int
    time: float
    image: Tensor  # [3, h, w]
    similarity: float
    reference: int


@dataclass(frozen=True)
class AnalysedShot:
    """Frames `shot.start` to `shot.stop`, and the key frame chosen for them."""

    shot: Shot
    keyframe: Candidate


@dataclass
class _OpenShot:
    """Keeps the most similar candidate of what is surely one shot, and all that may still fall behind a cut."""

    pending: list[Candidate] = field(default_factory=list)

    def add(self, candidate: Candidate, settled: int) -> None:
        """Adds a candidate; of those before frame `settled`, which no cut can part any more, the best stays."""
        sure = [c for c in self.pending if c.index < settled]
        unsure = [c for c in self.pending if c.index >= settled]
        self.pending = ([_best(sure)] if sure else []) + [*unsure, candidate]

    def close(self, shot: Shot) -> AnalysedShot:
        """Ends the shot; candidates behind the cut stay for the next one."""
        own = [c for c in self.pending if c.index < shot.stop]
        self.pending = [c for c in self.pending if c.index >= shot.stop]
        return AnalysedShot(shot, _best(own))


def read_references(reference: VideoReader) -> Tensor:
    """The frames of a reference that may be matched to, `[N, 3, h, w]`, one a second and at most 64, evenly spaced."""
    frames = [frame.image for frame in reference]
    if not frames:
        raise InputError(f"{reference.info.path}: no frame to take the look from")
    step = max(1, -(-len(frames) // MAX_REFERENCES))
    return torch.stack(frames[::step])


def analyse(
    frames: Iterable[Frame],
    references: Tensor,
    frame_rate: float,
    *,
    per_shot: bool,
    selector: KeyframeSelector | None = None,
) -> list[AnalysedShot]:
    """Finds the shots of a clip and each one's key frame, in one pass and in memory bounded by the shots.

    Args:
        frames: small frames of the whole clip, in order.
        references: `[N, 3, h, w]`, sRGB-encoded in [0, 1].
        frame_rate: of the clip, in Hz.
        per_shot: False takes the whole clip as one shot.
        selector: what similarity is measured by; the Lab histogram's by default.

    Returns:
        The shots in order; together they hold every frame once. The key frame of each is the frame, one a second
        and the clip's last among them, whose features are most like those of any reference (VCG Eq. 1).
    """
    selector = selector or LabHistogramSelector()
    targets = selector.features(references)
    detector = ShotDetector(frame_rate) if per_shot else None
    current, shots = _OpenShot(), list[AnalysedShot]()
    frame, next_time = None, float("-inf")
    for frame in frames:
        cuts = detector.push(frame.image) if detector else []
        if cuts:
            next_time = float("-inf")
        if frame.time >= next_time:
            settled = frame.index - detector.delay if detector else frame.index
            current.add(_candidate(frame, selector, targets), settled)
            next_time = frame.time + KEYFRAME_SECONDS
        shots += [current.close(shot) for shot in cuts]
    if frame is None:
        raise InputError("the clip has no frames")
    current.add(_candidate(frame, selector, targets), 0)  # a last shot may be too short to hold one yet
    rest = detector.finish() if detector else [Shot(0, frame.index + 1)]
    return shots + [current.close(shot) for shot in rest]


def _candidate(frame: Frame, selector: KeyframeSelector, targets: Tensor) -> Candidate:
    _, reference, similarity = selector.most_similar(selector.features(frame.image[None]), targets)
    return Candidate(frame.index, frame.time, frame.image, similarity, reference)


def _best(candidates: list[Candidate]) -> Candidate:
    return max(candidates, key=lambda c: (c.similarity, -c.index))
