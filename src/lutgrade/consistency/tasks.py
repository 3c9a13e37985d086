"""What is done to each clip, in whatever process: its colours taken, its shots found, its LUTs applied."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lutgrade.consistency.encoding import ENCODINGS, SDR
from lutgrade.consistency.metering import Meter
from lutgrade.consistency.profiles import EVERY, Span, profile_spans, shot_spans
from lutgrade.consistency.store import Store, profile_key
from lutgrade.files import replacing, temporary_beside
from lutgrade.lut import Lut
from lutgrade.rendering import render
from lutgrade.video import open_video, open_writer
from lutgrade.video.stills import is_image


@dataclass(frozen=True)
class RenderJob:
    """A clip, where it goes, and the LUT file of each of its spans (None leaves a span as it is).

    `store` takes the profile of what was written, of a frame every so many seconds; None takes none.
    """

    source: Path
    output: Path
    spans: tuple[Span, ...]
    cubes: tuple[Path | None, ...]
    size: int
    interpolation: str
    matrix: str | None
    encoding: str = SDR.name
    store: Path | None = None
    every: float = EVERY


def render_clip(job: RenderJob) -> dict[str, Any]:
    """Grades a clip; a clip that no LUT changes is copied byte by byte instead.

    Returns:
        `copied`; `seconds` of decode, grade and encode; `frames`; `flicker` before and after (`flicker`).
    """
    if not any(job.cubes):
        copy(job.source, job.output)
        return {"copied": True, "seconds": {}, "frames": None, "flicker": None}
    encoding = ENCODINGS[job.encoding]
    luts = [Lut.identity(job.size) if cube is None else Lut.load(cube) for cube in job.cubes]
    with (
        _replacing_folder(job.output) if job.source.is_dir() else nullcontext(job.output) as output,
        open_video(job.source, matrix=job.matrix) as reader,
        open_writer(output, like=reader) as writer,
    ):
        meter = Meter(job.spans, luts, encoding, job.every)
        seconds = render(
            reader, writer, meter.lut_of, interpolation=job.interpolation, before=meter.before, after=meter.after
        )
    _store_profile(job, meter)
    before, after = meter.flicker()
    flickers = {"before": round(before, 4), "after": round(after, 4)}
    return {"copied": False, "seconds": seconds, "frames": meter.count, "flicker": flickers}


def _store_profile(job: RenderJob, meter: Meter) -> None:
    """Spares the file just written to be decoded again, where what was rendered is known to be in it."""
    if job.store is None or job.output.is_dir():
        return
    profile = meter.profile_of(job.output, job.matrix)
    if profile is not None:
        key = profile_key(job.output, list(job.spans), job.every, job.matrix, job.encoding)
        Store(job.store).write_profiles(key, {0: profile})


def profile_clip(
    store: Path, key: str, path: Path, spans: list[Span], every: float, matrix: str | None, encoding: str
) -> None:
    """Writes the profiles of a clip's spans into a store."""
    profiles = profile_spans(path, spans, every=every, matrix=matrix, encoding=ENCODINGS[encoding])
    Store(store).write_profiles(key, profiles)


def find_shots(store: Path, key: str, path: Path, matrix: str | None) -> None:
    """Writes the shots of a clip into a store."""
    Store(store).write_json("shots", key, {"cuts": [start for start, _ in shot_spans(path, matrix)[1:]]})


@contextmanager
def _replacing_folder(folder: Path) -> Iterator[Path]:
    """Yields where to make a folder of frames; it takes the place of the images in `folder`, and nothing else there."""
    temporary = temporary_beside(folder, folder=True)
    try:
        yield temporary
        if folder.is_dir():
            for image in filter(is_image, list(folder.iterdir())):
                image.unlink()
            shutil.copytree(temporary, folder, copy_function=os.replace, dirs_exist_ok=True)
        else:
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy(source: Path, output: Path) -> None:
    """Copies a clip, or a folder of frames, so that no half of it is seen."""
    if source.is_dir():
        with _replacing_folder(output) as folder:
            shutil.copytree(source, folder)
        return
    with replacing(output) as temporary:
        shutil.copyfile(source, temporary)
