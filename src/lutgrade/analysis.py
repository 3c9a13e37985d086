"""The first pass over a clip: its shots, for each the frame that its grade is predicted from, and which return."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.models.bars import without_bars
from lutgrade.models.keyframes import KeyframeSelector, LabHistogram, LabHistogramSelector, layouts
from lutgrade.selecting import KEYFRAME_SECONDS
from lutgrade.video import Frame, VideoReader
from lutgrade.video.shots import Shot, ShotDetector

ANALYSIS_SIDE = 384  # pixels; statistics of a frame change little above it
NETWORK_SIDE = 512  # for selectors that are networks: they look at squares of up to 256, cut from the shorter side
MAX_REFERENCES = 64  # frames of a reference video or folder that are kept
# Whether two shots show the same is told by their Lab histograms, whatever key frames are found by: a grade is shared
# where the colours are, and the cosines of networks are on scales of their own. Different photographs stay below
# 0.9; most photographs reach 0.96 with themselves panned by a quarter of their width, and few when darkened by a tenth.
COLORS = LabHistogram()
RETURN_SIMILARITY = 0.96
SAME_VIEW = 0.8  # rank correlation of two layouts; that of different photographs stays below 0.75
FLAT = 0.01  # deviation of the luma of a frame that shows nothing, such as the black before a fade


@dataclass(frozen=True)
class Candidate:
    """A frame that may stand for its shot: its index, its time (s), a small image and its best reference."""

    index: int
    time: float
    image: Tensor  # [3, h, w]
    colors: Tensor  # [D], of unit length, by COLORS
    similarity: float
    reference: int
    same_view: float = 0.0  # how closely it shows what the reference shows, 0 below SAME_VIEW
    flat: bool = False  # it shows nothing


@dataclass(frozen=True)
class _Targets:
    """References that show something, or all where none does: features, `_view` and index of each."""

    features: Tensor
    views: Tensor
    rows: Tensor

    @classmethod
    def of(cls, references: Sequence[Tensor], selector: KeyframeSelector) -> _Targets:
        flat = torch.tensor([_flat(image) for image in references])
        rows = torch.arange(len(flat)) if flat.all() else (~flat).nonzero()[:, 0]
        images = [references[row][None] for row in rows]
        return cls(torch.cat([selector.features(i) for i in images]), torch.cat([_view(i[0]) for i in images]), rows)


@dataclass(frozen=True)
class AnalysedShot:
    """Frames `shot.start` to `shot.stop`, and the key frame chosen for them."""

    shot: Shot
    keyframe: Candidate
    colors: Tensor  # [K, D], of its first candidate, its key frame and its last one, each once


@dataclass
class _OpenShot:
    """Keeps three candidates of what is surely one shot, and all that may still fall behind a cut."""

    pending: list[Candidate] = field(default_factory=list)

    def add(self, candidate: Candidate, settled: int) -> None:
        """Adds a candidate; of those before frame `settled`, which no cut can part any more, `_telling` ones stay."""
        sure = [c for c in self.pending if c.index < settled]
        unsure = [c for c in self.pending if c.index >= settled]
        self.pending = [*_telling(sure), *unsure, candidate]

    def close(self, shot: Shot) -> AnalysedShot:
        """Ends the shot; candidates behind the cut stay for the next one."""
        own = [c for c in self.pending if c.index < shot.stop]
        self.pending = [c for c in self.pending if c.index >= shot.stop]
        return AnalysedShot(shot, _best(own), torch.stack([c.colors for c in _telling(own)]))


def read_references(reference: VideoReader) -> list[Frame]:
    """The frames of a reference that may be matched to: all that are read, or of more than 64 evenly spaced ones.

    Bars around the pictures are cut off, so that their sizes may differ. Memory does not grow with the reference's
    length.
    """
    kept, step = list[Frame](), 1
    for index, frame in enumerate(reference):
        if index % step == 0:
            if len(kept) == MAX_REFERENCES:
                kept, step = kept[::2], 2 * step
            kept.append(replace(frame, image=without_bars(frame.image)))
    if not kept:
        raise InputError(f"{reference.info.path}: no frame to take the look from")
    return kept


def analyse(
    frames: Iterable[Frame],
    references: Sequence[Tensor],
    frame_rate: float,
    *,
    per_shot: bool,
    selector: KeyframeSelector | None = None,
) -> list[AnalysedShot]:
    """Finds the shots of a clip and each one's key frame, in one pass and in memory bounded by the shots.

    Args:
        frames: small frames of the whole clip, in order.
        references: of `read_references`, `[3, h, w]` each, sRGB-encoded in [0, 1].
        frame_rate: of the clip, in Hz.
        per_shot: False takes the whole clip as one shot.
        selector: what similarity is measured by; the Lab histogram's by default.

    Returns:
        The shots in order; together they hold every frame once. The key frame of each is the frame, one a second
        and the clip's last among them, whose features are most like those of any reference (VCG Eq. 1); but one that
        shows the very view of a reference, however that is graded, goes first, as it tells the grade exactly. Flat
        frames, of the clip and of the references, are taken only where there are no others. Frames are seen, and kept,
        without bars around the picture.
    """
    selector = selector or LabHistogramSelector()
    targets = _Targets.of(references, selector)
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


def returning(shots: Sequence[AnalysedShot]) -> list[int]:
    """For every shot the index of the one whose grade it takes: its own, or that of an earlier one that it returns to.

    A shot returns to the most similar of the earlier ones with grades of their own, where the colours of any of its
    frames that are kept and of any of theirs have a cosine of `RETURN_SIMILARITY` or more.
    """
    own: list[int] = []
    takes: list[int] = []
    for index, shot in enumerate(shots):
        similar = [float((shots[earlier].colors @ shot.colors.T).max()) for earlier in own]
        if similar and max(similar) >= RETURN_SIMILARITY:
            takes.append(own[similar.index(max(similar))])
        else:
            own.append(index)
            takes.append(index)
    return takes


def _view(image: Tensor) -> Tensor:
    """`layouts` of an image `[3, H, W]`, `[1, L]`; zero, which is like nothing, of one that is flat."""
    return layouts(image[None]) * (not _flat(image))


def _flat(image: Tensor) -> bool:
    """Whether an image `[3, H, W]` shows nothing."""
    return bool(image.float().mean(0).std(correction=0) <= FLAT)


def _candidate(frame: Frame, selector: KeyframeSelector, targets: _Targets) -> Candidate:
    image = without_bars(frame.image)
    features = selector.features(image[None])
    same_view, viewed = (float(x) for x in (_view(image) @ targets.views.T)[0].max(0))
    if same_view >= SAME_VIEW:
        reference, similarity = int(viewed), float(features[0] @ targets.features[int(viewed)])
    else:
        _, reference, similarity = selector.most_similar(features, targets.features)
        same_view = 0.0
    encoder = selector.encoder
    known = isinstance(encoder, LabHistogram) and encoder.bins == COLORS.bins
    colors = features if known else COLORS(image[None])
    reference = int(targets.rows[reference])
    return Candidate(frame.index, frame.time, image, colors[0], similarity, reference, same_view, _flat(image))


def _best(candidates: list[Candidate]) -> Candidate:
    return max(candidates, key=lambda c: (not c.flat, c.same_view, c.similarity, -c.index))


def _telling(candidates: list[Candidate]) -> list[Candidate]:
    """The first, the best and the last of them, each once: what a shot is told by, whatever moves in it."""
    if not candidates:
        return []
    return list({c.index: c for c in (candidates[0], _best(candidates), candidates[-1])}.values())
