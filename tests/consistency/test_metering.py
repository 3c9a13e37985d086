"""What is measured while a clip is rendered, against the file that was written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lutgrade.consistency.encoding import SDR
from lutgrade.consistency.metering import Meter
from lutgrade.consistency.profiles import WHOLE, Span, profile_file
from lutgrade.consistency.store import Store, profile_key
from lutgrade.consistency.tasks import RenderJob, render_clip
from lutgrade.lut import Lut
from lutgrade.rendering import render
from lutgrade.video import open_video, open_writer
from video.video_clips import make_clip

HALVES: tuple[Span, ...] = ((float("-inf"), 0.4), (0.4, float("inf")))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", size=(320, 180), count=20)


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    return Lut.from_function(lambda x: 0.9 * x**1.2 + 0.03, 17).save(tmp_path / "look.cube")


def job(clip: Path, cube: Path, spans: tuple[Span, ...] = (WHOLE,)) -> RenderJob:
    output, store = clip.with_name("out.mp4"), clip.with_name("store")
    store.mkdir()
    cubes = (cube,) * len(spans)
    return RenderJob(clip, output, spans, cubes, 17, "tetrahedral", None, store=store, every=0.2)


def stored(job: RenderJob) -> object:
    key = profile_key(job.output, list(job.spans), job.every, job.matrix, job.encoding)
    return Store(job.store or Path()).read_profiles(key, SDR)


def test_the_profile_is_that_of_the_file(clip: Path, cube: Path) -> None:
    work = job(clip, cube)
    result = render_clip(work)
    assert result["frames"] == 20
    found = stored(work)
    assert isinstance(found, dict)
    expected = profile_file(work.output, every=0.2)
    assert found[0].seen == expected.seen == 4
    torch.testing.assert_close(found[0].mean, expected.mean, rtol=0, atol=0.3)
    torch.testing.assert_close(found[0].deviation, expected.deviation, rtol=0, atol=0.3)


def test_several_spans_are_measured_anew(clip: Path, cube: Path) -> None:
    work = job(clip, cube, HALVES)
    assert render_clip(work)["flicker"]["before"] >= 0
    assert stored(work) is None


def test_a_file_that_shows_something_else_is_measured_anew(clip: Path) -> None:
    """Such as one whose colour tags got lost."""
    lut = Lut.from_function(lambda x: 0.9 * x**1.2 + 0.03, 17)
    meter = Meter([WHOLE], [lut], SDR, 0.2)
    output = clip.with_name("out.mp4")
    with open_video(clip) as reader, open_writer(output, like=reader) as writer:
        render(reader, writer, meter.lut_of, before=meter.before, after=meter.after)
    assert meter.profile_of(output, None) is not None
    assert meter.profile_of(clip, None) is None


def test_flicker_is_that_of_the_frames(clip: Path) -> None:
    """On every way that a frame goes: code values, or RGB where there is more than a LUT."""
    identity = Lut.identity(17)
    values = []
    for grade in (identity, lambda image, interpolation: image):
        meter = Meter([WHOLE], [identity], SDR, 0.2)
        with open_video(clip) as reader, open_writer(clip.with_name("out.mp4"), like=reader) as writer:
            render(reader, writer, lambda _, grade=grade: grade, before=meter.before, after=meter.after)
        values.append(meter.flicker())
    assert values[0][0] == pytest.approx(values[0][1], abs=0.02)
    assert values[1] == pytest.approx(values[0], abs=0.02)
