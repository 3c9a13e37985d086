"""The command lines that are printed, run by the system's ffmpeg: the same pictures and sound within rounding."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.finishing import FinishedGrade
from lutgrade.lut import Lut
from lutgrade.rendering import render
from lutgrade.video import Frame, open_video, open_writer
from lutgrade.video.effect_text import parse_effects
from lutgrade.video.effects import Effects
from lutgrade.video.encoding import choose_encoding
from lutgrade.video.ffmpeg_lines import Cubes, grade_line, join_line
from lutgrade.video.joining import JoinClip, join
from video.video_clips import decoded, make_clip, moving_gradient, planes_of

FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="no ffmpeg command on this machine")

EFFECTS = {
    "none": "",
    "color": "white-balance=5000, levels=0.03/0.96, curves=0/0.05 0.5/0.55 1/0.97, curves.b=0/0 1/0.9",
    "opacity": "levels=0.03/0.96, opacity=0.6",
    "vignette": "vignette=0.7",
    "all": "levels=0.03/0.96, vignette=0.7, opacity=0.6",
}
# Of a pixel format: code values that a plane may be off by at most and on average, then the same with FFmpeg's 8-bit
# vignette. At 8 bits both sides dither, each in its own way; at 10 bits, what FFmpeg truncates shows.
TOLERANCES = {
    "gbrp10le": ((6, 1.0), (10, 3.5)),
    "yuv444p": ((3, 0.7), (3, 0.7)),
    "yuv420p": ((4, 0.9), (4, 0.9)),
    "yuv420p10le": ((8, 1.8), (8, 2.0)),
}
CASES = [(pixel_format, name) for pixel_format in TOLERANCES for name in ("none", "color", "all")]
CASES += [("gbrp10le", "opacity"), ("gbrp10le", "vignette")]


def look(red: float) -> Lut:
    return Lut.from_function(
        lambda x: (1.1 * x - 0.02).clamp(0, 1) ** torch.tensor([red, 1.0, 1.15])[:, None, None], 33
    )


@pytest.fixture
def cubes(tmp_path: Path) -> tuple[Path, Path]:
    """Two LUTs, in files with names that FFmpeg's graphs have to be kept from reading."""
    return look(0.9).save(tmp_path / "it's 1:2, [a];b.cube"), look(1.2).save(tmp_path / "other.cube")


def later(index: int, width: int, height: int) -> np.ndarray:
    return moving_gradient(index + 11, width, height)[::-1].copy()


def run(line: str) -> None:
    done = subprocess.run([*shlex.split(line), "-y", "-nostdin"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stderr[-2000:]}"


def assert_same_pictures(ours: Path, theirs: Path, pixel_format: str, *, vignette: bool) -> None:
    a, b = ([planes_of(frame) for frame in decoded(path)] for path in (ours, theirs))
    assert len(a) == len(b)
    largest, mean = TOLERANCES[pixel_format][vignette]
    for index, planes in enumerate(zip(a, b, strict=True)):
        for ours_plane, theirs_plane in zip(*planes, strict=True):
            error = np.abs(ours_plane - theirs_plane)
            assert error.max() <= largest, f"frame {index}"
            assert error.mean() <= mean, f"frame {index}"


def samples(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray().astype(np.int64) for frame in container.decode(audio=0)], axis=1)


def graded_by(cubes: Cubes, effects: Effects) -> Callable[[int], FinishedGrade]:
    """The grade of a frame's index, at 25 frames a second."""
    grades = [(s, FinishedGrade.of(Lut.load(cube) if cube else Lut.identity(), effects)) for s, cube in cubes]
    return lambda index: [grade for start, grade in grades if start <= index / 25][-1]


@needs_ffmpeg
@pytest.mark.parametrize(("pixel_format", "name"), CASES)
def test_a_graded_clip(tmp_path: Path, cubes: tuple[Path, Path], pixel_format: str, name: str) -> None:
    effects = parse_effects(EFFECTS[name])
    clip = make_clip(tmp_path / "a clip.mkv", codec="ffv1", pixel_format=pixel_format, size=(96, 64), count=3)
    ours, theirs = tmp_path / "ours.mkv", tmp_path / "theirs.mkv"
    with open_video(clip) as reader, open_writer(ours, like=reader) as writer:
        render(reader, writer, graded_by([(0, cubes[0])], effects))
        encoding = choose_encoding(reader.info, lambda _: True, (96, 64))
        run(grade_line(reader.info, theirs, encoding, [(0, cubes[0])], effects))
    assert_same_pictures(ours, theirs, pixel_format, vignette=effects.vignette is not None)


@needs_ffmpeg
def test_a_lut_for_every_shot_and_streams_that_are_copied(tmp_path: Path, cubes: tuple[Path, Path]) -> None:
    clip = make_clip(
        tmp_path / "a.mkv", codec="ffv1", pixel_format="gbrp10le", size=(96, 64), count=9, audio="pcm_s16le"
    )
    shots: Cubes = [(0, cubes[0]), (3 / 25, None), (6 / 25, cubes[1])]
    ours, theirs = tmp_path / "ours.mkv", tmp_path / "theirs.mkv"
    with open_video(clip) as reader, open_writer(ours, like=reader) as writer:
        render(reader, writer, graded_by(shots, Effects()))
        run(grade_line(reader.info, theirs, choose_encoding(reader.info, lambda _: True, (96, 64)), shots))
    assert_same_pictures(ours, theirs, "gbrp10le", vignette=False)
    assert np.array_equal(samples(ours), samples(theirs))


@needs_ffmpeg
@pytest.mark.parametrize(("pixel_format", "name"), [("gbrp10le", "none"), ("gbrp10le", "all"), ("yuv420p", "color")])
def test_a_joined_sequence(tmp_path: Path, cubes: tuple[Path, Path], pixel_format: str, name: str) -> None:
    effects = parse_effects(EFFECTS[name])
    options = {"codec": "ffv1", "pixel_format": pixel_format, "size": (96, 64), "audio": "pcm_s16le"}
    clips = [
        make_clip(tmp_path / "a.mkv", count=12, **options),
        make_clip(tmp_path / "b.mkv", count=15, picture=later, **options),
        make_clip(tmp_path / "c.mkv", count=11, **options),
    ]
    shots: list[Cubes] = [[(0, cubes[0])], [(0, cubes[1])], [(0, cubes[0]), (6 / 25, cubes[1])]]

    def grade(own: Cubes) -> Callable[[Frame], Tensor]:
        of = graded_by(own, effects)
        return lambda frame: of(frame.index)(frame.image)

    ours, theirs = tmp_path / "ours.mkv", tmp_path / "theirs.mkv"
    plan = join([JoinClip(clip, grade(own)) for clip, own in zip(clips, shots, strict=True)], ours, crossfade=0.2)
    run(join_line(plan, theirs, shots, effects))
    assert_same_pictures(ours, theirs, pixel_format, vignette=effects.vignette is not None)
    a, b = samples(ours), samples(theirs)
    assert a.shape == b.shape
    assert np.abs(a - b).max() <= 1


@needs_ffmpeg
@pytest.mark.parametrize("crossfade", [0, 0.12])
def test_unlike_clips_become_as_long_and_as_large(tmp_path: Path, crossfade: float) -> None:
    clips = [
        make_clip(tmp_path / "a.mp4", size=(64, 48), count=10, audio="aac"),
        make_clip(tmp_path / "b.mp4", size=(128, 72), rate=50, count=30),
        make_clip(tmp_path / "c.mp4", size=(30, 40), rate=12, count=6, matrix="bt601", audio="aac"),
    ]
    ours, theirs = tmp_path / "ours.mp4", tmp_path / "theirs.mp4"
    run(join_line(join([JoinClip(clip) for clip in clips], ours, crossfade=crossfade), theirs))
    a, b = (np.stack([frame.to_ndarray(format="rgb24") for frame in decoded(path)]) for path in (ours, theirs))
    assert a.shape == b.shape
    assert np.abs(a.astype(int) - b).mean() < 4  # two encoders' losses, and two scalers
    assert samples(ours).shape == samples(theirs).shape


@needs_ffmpeg
@pytest.mark.parametrize("counts", [(6, 1, 1, 6), (1, 1), (1,)])
def test_clips_of_one_frame(tmp_path: Path, counts: tuple[int, ...]) -> None:
    options = {"codec": "ffv1", "pixel_format": "gbrp10le", "rate": Fraction(24000, 1001)}
    clips = [make_clip(tmp_path / f"{i}.mkv", count=count, **options) for i, count in enumerate(counts)]
    ours, theirs = tmp_path / "ours.mkv", tmp_path / "theirs.mkv"
    run(join_line(join([JoinClip(clip) for clip in clips], ours, crossfade=0), theirs))
    assert_same_pictures(ours, theirs, "gbrp10le", vignette=False)
    assert [frame.pts for frame in decoded(ours)] == [frame.pts for frame in decoded(theirs)]


@needs_ffmpeg
def test_shots_and_sound_of_a_clock_that_begins_late(tmp_path: Path, cubes: tuple[Path, Path]) -> None:
    """The file's clock begins at 0.4 s with its sound, the pictures are a tenth of a second later."""
    clip = tmp_path / "late.mkv"
    whole = make_clip(tmp_path / "a.mkv", codec="ffv1", pixel_format="gbrp10le", size=(96, 64), audio="pcm_s16le")
    with av.open(str(whole)) as source, av.open(str(clip), "w") as output:
        streams = [output.add_stream_from_template(stream, opaque=True) for stream in source.streams]
        for packet in source.demux():
            if packet.size:
                shift = 500 if packet.stream_index == 0 else 400
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
    info = open_video(clip).info
    assert (info.start, info.origin) == (Fraction(1, 2), Fraction(2, 5))
    shots: Cubes = [(0, cubes[0]), (0.5 + 3 / 25, cubes[1])]
    effects = Effects()

    def grade(frame: Frame) -> Tensor:
        return graded_by([(0, cubes[0]), (3 / 25, cubes[1])], effects)(frame.index)(frame.image)

    ours, theirs, graded = (tmp_path / f"{name}.mkv" for name in ("ours", "theirs", "graded"))
    plan = join([JoinClip(clip, grade)], ours)
    run(join_line(plan, theirs, [shots]))
    run(grade_line(info, graded, plan.encoding, shots))
    assert_same_pictures(ours, theirs, "gbrp10le", vignette=False)
    assert_same_pictures(ours, graded, "gbrp10le", vignette=False)
    a, b = samples(ours), samples(theirs)
    assert a.shape == b.shape
    assert np.abs(a - b).max() <= 1
    assert np.abs(a[0, :4800] - samples(whole)[0, 4800:9600]).max() <= 1


@needs_ffmpeg
def test_alpha_and_the_shape_of_pixels(tmp_path: Path, cubes: tuple[Path, Path]) -> None:
    clip = tmp_path / "a.mkv"
    with av.open(str(clip), "w") as output:
        stream = output.add_stream("ffv1", rate=25, width=96, height=64)
        stream.pix_fmt = "gbrap10le"
        pixels = np.random.default_rng(0).integers(0, 65536, (64, 96, 4), np.uint16)
        for index in range(4):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgba64le").reformat(format="gbrap10le")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    effects = parse_effects(EFFECTS["all"])
    grade = FinishedGrade.of(Lut.load(cubes[0]), effects)
    ours, theirs = tmp_path / "ours.mkv", tmp_path / "theirs.mkv"
    plan = join([JoinClip(clip, lambda frame: grade(frame.image))] * 2, ours, crossfade=0.08)
    run(join_line(plan, theirs, [[(0, cubes[0])]] * 2, effects))
    assert_same_pictures(ours, theirs, "gbrp10le", vignette=True)
    wide = replace(open_video(clip).info, sample_aspect_ratio=Fraction(4, 3))
    assert "vignette=angle=0.7:aspect=4/3" in grade_line(wide, theirs, plan.encoding, effects=effects)


@needs_ffmpeg
def test_names_that_look_like_options_or_protocols(
    tmp_path: Path, cubes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, out in (("-y.mp4", "a:b.mp4"), ("a:c.mp4", "-n.mp4")):
        clip = make_clip(tmp_path / name, count=2).relative_to(tmp_path)
        info = open_video(clip).info
        cube = cubes[0].relative_to(tmp_path)
        run(grade_line(info, Path(out), choose_encoding(info, lambda _: True, (64, 48)), [(0, cube)]))
        assert len(decoded(tmp_path / out)) == 2


def test_a_cover_picture_is_not_taken_for_the_clip(tmp_path: Path) -> None:
    info = open_video(make_clip(tmp_path / "a.mp4", count=2)).info
    line = grade_line(info, tmp_path / "b.mp4", choose_encoding(info, lambda _: True, (64, 48)))
    assert "'[0:V]scale" in line  # FFmpeg's V is v without cover pictures


def test_hevc_is_tagged_as_the_writer_tags_it(tmp_path: Path) -> None:
    info = open_video(make_clip(tmp_path / "a.mp4", count=2)).info
    encoding = choose_encoding(info, lambda _: True, (64, 48), codec="hevc")
    assert "-tag:v hvc1" in grade_line(info, tmp_path / "b.mp4", encoding)
    assert "-tag:v" not in grade_line(info, tmp_path / "b.mkv", encoding)


@pytest.mark.parametrize("name", EFFECTS)
def test_a_line_can_be_pasted_into_a_shell(tmp_path: Path, cubes: tuple[Path, Path], name: str) -> None:
    clip = make_clip(tmp_path / "it's $HOME.mp4", count=3)
    info = open_video(clip).info
    output = tmp_path / "out put.mp4"
    line = grade_line(
        info, output, choose_encoding(info, lambda _: True, (64, 48)), [(0, cubes[0])], parse_effects(EFFECTS[name])
    )
    words = shlex.split(line)
    assert "\n" not in line
    assert words[0] == "ffmpeg"
    assert words[words.index("-i") + 1] == str(clip)
    assert words[-1] == str(output)
    assert words[words.index("-c:v") + 1] == "libx264"
    assert words[words.index("-colorspace") + 1] == "1"


def test_a_matrix_that_was_said_is_tagged_as_the_writer_tags_it(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", matrix=None, count=2)
    with open_video(clip, matrix="bt709") as reader, open_writer(tmp_path / "b.mp4", like=reader) as writer:
        for frame in reader:
            writer.write(frame)
        encoding = choose_encoding(reader.info, lambda _: True, (64, 48))
        words = shlex.split(grade_line(reader.info, tmp_path / "c.mp4", encoding))
    assert int(words[words.index("-colorspace") + 1]) == open_video(tmp_path / "b.mp4").info.matrix_code == 1
