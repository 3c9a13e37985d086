"""What a clip's colours are, gathered in one pass over a frame a second: moments, quantiles, and a few frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from lutgrade.color.spaces import srgb_to_lab
from lutgrade.consistency.distance import Signature, signature
from lutgrade.consistency.encoding import SDR, Encoding, require
from lutgrade.errors import InputError
from lutgrade.lut.quality import HUES, hue_index
from lutgrade.video import Frame, open_video

EVERY = 1.0  # seconds between the frames looked at
SIDE = 256  # pixels; statistics of a frame change little above it
MAX_FRAMES = 24  # kept of a clip, evenly spaced
COLORS = 16_384  # that stand for a clip where its distribution is transported or compared
LEVELS = 101  # quantiles an axis
CHROMA = 110.0  # the farthest that is counted on the other two axes
BINS = 4400  # of a counted axis, 0.05 and less each

Span = tuple[float, float]  # seconds, from and to
WHOLE: Span = (float("-inf"), float("inf"))


@dataclass(frozen=True, eq=False)
class Profile:
    """The colours of a clip or of a span of it, on the axes of its encoding (CIELAB for SDR), float throughout.

    Attributes:
        frames: `[K, 3, h, w]`, code values in [0, 1], at most `MAX_FRAMES`, evenly spaced in time.
        times: of those frames, in seconds.
        mean: `[3]`, over every frame looked at.
        covariance: `[3, 3]`, of the same.
        quantiles: `[3, LEVELS]` of each axis, from the lowest to the highest value.
        seen: how many frames were looked at.
        encoding: of the code values.
    """

    frames: Tensor
    times: tuple[float, ...]
    mean: Tensor
    covariance: Tensor
    quantiles: Tensor
    seen: int
    encoding: Encoding = SDR

    @property
    def deviation(self) -> Tensor:
        """`[3]`, the standard deviation of each axis."""
        return self.covariance.diagonal().sqrt()

    @property
    def black_point(self) -> float:
        """The lightness that 1 % of the pixels lie below."""
        return float(self.quantiles[0, LEVELS // 100])

    @property
    def white_point(self) -> float:
        """The lightness that 1 % of the pixels lie above."""
        return float(self.quantiles[0, -1 - LEVELS // 100])

    @property
    def cast(self) -> tuple[float, str]:
        """The CIELAB chroma of the mean colour as it is seen, and what its hue is called."""
        a, b = srgb_to_lab(self.encoding.preview(self.encoding.codes(self.mean[:, None, None])))[1:, 0, 0]
        degrees = torch.rad2deg(torch.atan2(b, a)) % 360
        return float(a.hypot(b)), HUES[int(hue_index(degrees))]

    @property
    def is_black(self) -> bool:
        """Whether there is nothing but black, which any match would turn into noise."""
        return self.white_point < self.encoding.black

    @cached_property
    def colors(self) -> Tensor:
        """`[3, COLORS]` pixels of the kept frames, code values in [0, 1], always the same ones.

        One is drawn from each of so many equal runs of pixels, so that all parts of a picture are there.
        """
        pixels = self.frames.float().movedim(1, 0).flatten(1)  # [3, K * h * w]
        jitter = torch.rand(COLORS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        draw = (torch.arange(COLORS) + jitter) * (pixels.shape[1] / COLORS)
        return pixels[:, draw.long().clamp(max=pixels.shape[1] - 1)]

    @cached_property
    def signature(self) -> Signature:
        """What the clip's distance to others is measured on."""
        return signature(self.colors, self.encoding)

    @property
    def middle(self) -> Tensor:
        """The kept frame in the middle, `[3, h, w]`, code values."""
        return self.frames[len(self.frames) // 2].float()

    @property
    def picture(self) -> Tensor:
        """What stands for the clip on a sheet: the middle frame for an SDR display, `[3, h, w]`."""
        return self.encoding.preview(self.middle)

    def as_seen(self) -> Profile:
        """The profile on an SDR display: of previews of the kept frames, or itself."""
        return profile_frames(self.encoding.preview(self.frames.float())) if self.encoding.is_hdr else self

    def as_dict(self) -> dict[str, object]:
        """The figures, for a report."""
        chroma, hue = self.cast
        return {
            "mean": [round(v, 2) for v in self.mean.tolist()],
            "deviation": [round(v, 2) for v in self.deviation.tolist()],
            "black_point": round(self.black_point, 2),
            "white_point": round(self.white_point, 2),
            "cast": {"chroma": round(chroma, 2), "hue": hue},
            "frames": self.seen,
        }


@dataclass
class Profiler:
    """Gathers a `Profile` from frames as they come, in memory that does not grow with their number."""

    encoding: Encoding = SDR
    _count: int = 0
    _sum: Tensor = field(default_factory=lambda: torch.zeros(3, dtype=torch.float64))
    _products: Tensor = field(default_factory=lambda: torch.zeros(3, 3, dtype=torch.float64))
    _histogram: Tensor = field(default_factory=lambda: torch.zeros(3, BINS, dtype=torch.float64))
    _kept: list[tuple[float, Tensor]] = field(default_factory=list)
    _seen: int = 0
    _stride: int = 1  # of the frames kept; doubles when they are too many

    def add(self, image: Tensor, time: float) -> None:
        """Takes a frame, `[3, h, w]`, code values in [0, 1]."""
        image = image.float().nan_to_num(0.0).clamp(0, 1)
        measured = self.encoding.measure(image).flatten(1).double()  # [3, h * w]
        self._count += measured.shape[1]
        self._sum += measured.sum(1)
        self._products += measured @ measured.T
        for axis, (low, high) in enumerate(_ranges(self.encoding)):
            self._histogram[axis] += torch.histc(measured[axis].clamp(low, high), BINS, low, high)
        if self._seen % self._stride == 0:
            self._kept.append((time, image.half()))
            if len(self._kept) > MAX_FRAMES:
                self._kept, self._stride = self._kept[::2], 2 * self._stride
        self._seen += 1

    @property
    def seen(self) -> int:
        """How many frames were added."""
        return self._seen

    def finish(self) -> Profile:
        """The profile of what was added; an InputError where that is nothing."""
        if not self._seen:
            raise InputError("no frame to take colours from")
        mean = self._sum / self._count
        covariance = self._products / self._count - torch.outer(mean, mean)
        covariance = (covariance + covariance.T) / 2
        covariance.diagonal().clamp_(min=0)
        frames, times = torch.stack([image for _, image in self._kept]), tuple(time for time, _ in self._kept)
        quantiles = _quantiles(self._histogram, self.encoding)
        return Profile(frames, times, mean, covariance, quantiles, self._seen, self.encoding)


def profile_frames(images: Iterable[Tensor], encoding: Encoding = SDR) -> Profile:
    """The profile of images `[3, H, W]`, code values in [0, 1]."""
    profiler = Profiler(encoding)
    for index, image in enumerate(images):
        profiler.add(image, float(index))
    return profiler.finish()


def profile_file(path: Path, *, every: float = EVERY, matrix: str | None = None, encoding: Encoding = SDR) -> Profile:
    """The profile of a whole clip, an image or a folder of frames; raises as `profile_spans`."""
    return profile_spans(path, [WHOLE], every=every, matrix=matrix, encoding=encoding)[0]


def profile_spans(
    path: Path,
    spans: Sequence[Span],
    *,
    every: float = EVERY,
    matrix: str | None = None,
    encoding: Encoding = SDR,
) -> dict[int, Profile]:
    """The profiles of the spans of a clip, an image or a folder of frames, in one pass over a frame every so often.

    They are by the number of the span; one that lies between two frames has none.

    Raises:
        InputError: it cannot be read, is of another encoding, or no span holds a frame.
    """
    profilers = [Profiler(encoding) for _ in spans]
    if len(spans) > 1:
        with warnings.catch_warnings(action="ignore"), open_video(path) as reader:
            end = reader.info.duration or 0.0  # of an unknown length every frame is looked at
        every = max(0.0, min([every, *((min(stop, end) - max(start, 0.0)) / 2 for start, stop in spans)]))
    with open_video(path, max_side=SIDE, every=every, matrix=matrix) as reader:
        require(reader.info, encoding)
        for frame in reader:
            index = span_at(spans, frame.time)
            if index is not None:
                profilers[index].add(frame.image, frame.time)
    found = {number: profiler.finish() for number, profiler in enumerate(profilers) if profiler.seen}
    if not found:
        raise InputError(f"{path}: no frame to take colours from")
    return found


def span_at(spans: Sequence[Span], time: float) -> int | None:
    """Which span a time lies in, None where in none."""
    return next((index for index, (start, stop) in enumerate(spans) if start <= time < stop), None)


def shot_spans(path: Path, matrix: str | None = None) -> list[Span]:
    """The shots of a clip as spans, without a gap between them."""
    from lutgrade.video.shots import detect_shots

    times: list[float] = []

    def images(frames: Iterable[Frame]) -> Iterable[Tensor]:
        for frame in frames:
            times.append(frame.time)
            yield frame.image

    with open_video(path, max_side=SIDE, matrix=matrix) as reader:
        shots = detect_shots(images(reader), float(reader.info.frame_rate))
    cuts = [float("-inf"), *(times[shot.start] for shot in shots[1:]), float("inf")]
    return list(pairwise(cuts))


def _ranges(encoding: Encoding) -> list[tuple[float, float]]:
    """The lowest and the highest value that is counted on each axis."""
    return [(0.0, encoding.top), (-CHROMA, CHROMA), (-CHROMA, CHROMA)]


def _quantiles(histogram: Tensor, encoding: Encoding) -> Tensor:
    """`[3, LEVELS]` from counts `[3, bins]`: the inverse of the distribution, linear inside a bin."""
    total = histogram.sum(1, keepdim=True)
    cumulative = torch.cat([torch.zeros_like(total), histogram.cumsum(1)], dim=1) / total  # [3, bins + 1]
    levels = torch.linspace(0, 1, LEVELS, dtype=torch.float64).expand(3, -1).contiguous()
    levels = levels.clamp(1e-9, 1 - 1e-9)  # the ends are the outermost bins that hold something
    index = torch.searchsorted(cumulative, levels).clamp(1, BINS)
    below, above = cumulative.gather(1, index - 1), cumulative.gather(1, index)
    place = index - 1 + (levels - below) / (above - below).clamp_min(1e-12)
    low, high = torch.tensor(_ranges(encoding), dtype=torch.float64).T[..., None]
    return low + (high - low) * place / BINS
