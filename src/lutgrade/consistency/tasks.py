"""Clips through their LUTs, with what they carry kept, and how much they flicker before and after."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lutgrade.color.difference import ciede2000
from lutgrade.color.spaces import srgb_to_lab
from lutgrade.consistency.profiles import Span, profile_file, shot_spans, span_at
from lutgrade.consistency.store import Store
from lutgrade.files import replacing
from lutgrade.lut import Lut
from lutgrade.rendering import render
from lutgrade.video import Frame, VideoInfo, VideoReader, open_video, open_writer

METERED = 96  # samples along the longer side of a frame, of which its mean colour is taken


@dataclass(frozen=True)
class RenderJob:
    """A clip, where it goes, and the LUT file of each of its spans (None leaves a span as it is)."""

    source: Path
    output: Path
    spans: tuple[Span, ...]
    cubes: tuple[Path | None, ...]
    size: int
    interpolation: str
    matrix: str | None


def render_clip(job: RenderJob) -> dict[str, Any]:
    """Grades a clip; a clip that no LUT changes is copied byte by byte instead.

    Returns:
        `copied`; `seconds` of decode, grade and encode; `frames`; `flicker` before and after (`flicker`).
    """
    if not any(job.cubes):
        copy(job.source, job.output)
        return {"copied": True, "seconds": {}, "frames": None, "flicker": None}
    luts = [Lut.identity(job.size) if cube is None else Lut.load(cube) for cube in job.cubes]
    with open_video(job.source, matrix=job.matrix) as reader, open_writer(job.output, like=reader) as writer:
        metered = _Metered(reader, job.spans, luts)
        seconds = render(metered, writer, metered.lut_of, interpolation=job.interpolation)
    before, after = metered.flicker()
    flickers = {"before": round(before, 4), "after": round(after, 4)}
    return {"copied": False, "seconds": seconds, "frames": metered.count, "flicker": flickers}


def profile_clip(store: Path, key: str, path: Path, spans: list[Span], every: float, matrix: str | None) -> None:
    """Writes the profiles of a clip's spans into a store."""
    Store(store).write_profiles(key, profile_file(path, spans, every=every, matrix=matrix))


def find_shots(store: Path, key: str, path: Path, matrix: str | None) -> None:
    """Writes the shots of a clip into a store."""
    Store(store).write_json("shots", key, {"cuts": [start for start, _ in shot_spans(path, matrix)[1:]]})


def copy(source: Path, output: Path) -> None:
    """Copies a clip, or a folder of frames, so that no half of it is seen."""
    if source.is_dir():
        temporary = output.with_name(f".{output.name}.partial")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(source, temporary)
        shutil.rmtree(output, ignore_errors=True)
        temporary.rename(output)
        return
    with replacing(output) as temporary:
        shutil.copyfile(source, temporary)


def flicker(means: Tensor) -> float:
    """How restless a clip is: mean CIEDE2000 of each frame's mean Lab colour to that half-way between its neighbours.

    A steady fade has none; brightness that jumps to and fro has. Means `[T, 3]`; 0 for fewer than three frames.
    """
    if len(means) < 3:
        return 0.0
    expected = (means[:-2] + means[2:]) / 2
    return float(ciede2000(means[1:-1].T[:, None], expected.T[:, None]).mean())


class _Metered:
    """A reader that notes each frame's span and mean colour, before and after its LUT, as it passes."""

    info: VideoInfo

    def __init__(self, reader: VideoReader, spans: Sequence[Span], luts: Sequence[Lut]) -> None:
        self.info = reader.info
        self.count = 0
        self._reader, self._spans, self._luts = reader, spans, luts
        self._span_of: dict[int, int] = {}
        self._means: list[list[Tensor]] = [[] for _ in spans]  # [2, 3] each: before and after

    def __enter__(self) -> _Metered:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._reader:
            span = span_at(self._spans, frame.time)
            assert span is not None  # the spans leave no gap
            self._span_of[frame.index] = span
            self._means[span].append(self._mean(frame.image, self._luts[span]))
            self.count += 1
            yield frame

    def lut_of(self, index: int) -> Lut:
        return self._luts[self._span_of.pop(index)]

    def flicker(self) -> tuple[float, float]:
        """Before and after, weighted by the frames of each span; across a change of LUT it is not measured."""
        parts = [torch.stack(means) for means in self._means if means]  # [T, 2, 3]
        total = sum(len(part) for part in parts)
        values = [sum(len(part) * flicker(part[:, i]) for part in parts) / max(1, total) for i in (0, 1)]
        return values[0], values[1]

    @staticmethod
    def _mean(image: Tensor, lut: Lut) -> Tensor:
        step = max(1, max(image.shape[-2:]) // METERED)
        sample = image[:, ::step, ::step].contiguous()
        both = torch.stack([sample, lut(sample)])
        return srgb_to_lab(both).mean(dim=(-2, -1)).double()
