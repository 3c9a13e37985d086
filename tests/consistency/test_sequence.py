"""Matched clips as one sequence: by the functions, by the command, and by the system's ffmpeg."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

import lutgrade
from lutgrade.cli import run
from lutgrade.color.adjust import temperature
from lutgrade.consistency.plan import Clip
from lutgrade.consistency.results import MatchReport
from lutgrade.consistency.sequence import Joining, command_lines, graded_sources, join_matched
from lutgrade.errors import InputError
from lutgrade.video.effect_text import parse_effects
from models.learned import pictures
from video.hdr_clips import hdr_codes, make_hdr_clip
from video.video_clips import decoded, make_clip, moving_gradient

NAMES = ("b", "a", "c")
QUICK = ["--method", "mkl", "--size", "9", "--workers", "1"]


def lit(warmer: float) -> object:
    def picture(index: int, width: int, height: int) -> np.ndarray:
        image = torch.from_numpy(0.2 + 0.6 * moving_gradient(index, width, height))
        return temperature(image, warmer).clamp(0, 1).numpy()

    return picture


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Three clips of 10 frames at 25 a second that are lit unlike, RGB without loss."""
    return [
        make_clip(
            tmp_path / f"{name}.mkv",
            codec="ffv1",
            pixel_format="gbrp10le",
            count=10,
            audio="pcm_s16le",
            picture=lit(warmer),  # type: ignore[arg-type]
        )
        for name, warmer in zip(NAMES, (0.0, 0.8, -0.8), strict=True)
    ]


@pytest.fixture
def report(clips: list[Path], tmp_path: Path) -> MatchReport:
    return lutgrade.match(clips, tmp_path / "out", method="mkl", size=9, workers=1)


def frames(path: Path) -> np.ndarray:
    return np.stack([frame.to_ndarray(format="rgb48le") for frame in decoded(path)]) / 65535


def test_the_sequence_is_the_matched_clips_faded(report: MatchReport, clips: list[Path]) -> None:
    output, plan = join_matched(report, clips, Joining(0.08))
    assert output == report.output_dir / "match_sequence.mkv"
    assert plan.frames == 10 + 10 + 10 - 4
    joined = frames(output)
    first, second, third = (frames(report.output_dir / f"{name}.mkv") for name in NAMES)
    cut = np.concatenate([first[:8], 0 * first[:2], second[2:8], 0 * first[:2], third[2:]])
    inside = cut.any((1, 2, 3))
    assert np.abs(joined - cut)[inside].max() < 1.1 / 1023  # the clips were rounded once before
    assert np.abs(joined[9] - (first[9] + second[1]) / 2).max() < 2.1 / 1023


def test_effects_are_on_the_sequence_alone(report: MatchReport, clips: list[Path]) -> None:
    graded = frames(report.output_dir / "b.mkv")
    joining = Joining(0, parse_effects("levels=0/1/0/0.5, vignette=0.4"))
    output, _ = join_matched(report, clips, joining)
    joined = frames(output)
    assert np.abs(joined[3, 24, 32] - 0.5 * graded[3, 24, 32]).max() < 2 / 1023
    assert (joined[3, 0, 0] < 0.5 * graded[3, 0, 0]).all()
    assert np.array_equal(frames(report.output_dir / "b.mkv"), graded)


def test_clips_keep_their_order_and_what_was_left_alone(clips: list[Path], tmp_path: Path) -> None:
    asked = [Clip(clips[0]), Clip(clips[1], exclude=True), Clip(clips[2])]
    report = lutgrade.match(asked, tmp_path / "out", method="mkl", size=9, workers=1)
    sources = graded_sources(report, clips)
    assert [source.path for source in sources] == clips
    assert [cube for _, cube in sources[1].cubes] == [None]
    output, _ = join_matched(report, clips, Joining(0))
    assert np.abs(frames(output)[10:20] - frames(clips[1])).max() < 1 / 1023


def test_a_file_of_somebody_else_is_kept(report: MatchReport, clips: list[Path]) -> None:
    other = report.output_dir / "match_sequence.mkv"
    other.write_bytes(b"mine")
    with pytest.raises(InputError, match=r"match_sequence.mkv exists"):
        join_matched(report, clips, Joining())
    assert other.read_bytes() == b"mine"
    join_matched(report, clips, Joining(0.08), overwrite=True)
    join_matched(report, clips, Joining(0.04))  # its own


def test_there_is_no_sequence_without_a_clip(clips: list[Path], tmp_path: Path) -> None:
    clips[1].write_bytes(b"broken")
    report = lutgrade.match(clips, tmp_path / "out", method="mkl", size=9, workers=1)
    with pytest.raises(InputError, match=r"without a.mkv"):
        join_matched(report, clips, Joining())


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg command on this machine")
def test_the_commands_do_the_same(report: MatchReport, clips: list[Path]) -> None:
    joining = Joining(0.08, parse_effects("levels=0.02/0.98"))
    joined = join_matched(report, clips, joining)
    paths = [*(source.output for source in graded_sources(report, clips) if source.cubes[0][1]), joined[0]]
    lines = list(command_lines(report, clips, joining, joined))
    assert len(lines) == len(paths) >= 3
    for line, path in zip(lines, paths, strict=True):
        ours = frames(path)
        subprocess.run([*shlex.split(line), "-y", "-nostdin", "-v", "error"], check=True)
        assert np.abs(frames(path) - ours).max() < 1.5 / 255


def test_the_command_joins_and_prints(clips: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["match", *map(str, clips), "-o", str(tmp_path / "out"), *QUICK]
    assert run([*arguments, "--join", "crossfade=0.08", "--effects", "vignette=0.4", "--print-ffmpeg"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert f"joined  {tmp_path / 'out' / 'match_sequence.mkv'}" in printed
    assert printed[-1].startswith("ffmpeg -i ")
    assert "xfade=duration=0.08" in printed[-1]
    assert "vignette" in printed[-1]
    assert len(frames(tmp_path / "out" / "match_sequence.mkv")) == 26


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--join", "wipe"], "crossfade=SECONDS or cut"),
        (["--join", "crossfade=-1"], "crossfade=SECONDS or cut"),
        (["--join", "crossfade=2"], "too short"),
        (["--effects", "vignette=0.4"], "--join as well"),
        (["--join", "cut", "--effects", "blur=1"], "no effect is named"),
    ],
)
def test_what_cannot_be_joined_is_refused_before_any_work(
    clips: list[Path], tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["match", *map(str, clips), "-o", str(tmp_path / "out"), *QUICK, *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_kind_of_file_that_is_not_written_is_refused_before_any_work(
    clips: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sequence is of the first clip's kind."""
    gif = make_clip(tmp_path / "a.gif", codec="gif", pixel_format="bgr8", matrix=None, count=4)
    arguments = ["match", str(gif), str(clips[0]), "-o", str(tmp_path / "out"), *QUICK]
    assert run([*arguments, "--target", "first", "--join", "cut"]) == 2
    assert "choose .mp4, .mov or .mkv" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_sequence_of_somebody_else_is_found_before_any_work(
    clips: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "match_sequence.mkv").write_bytes(b"mine")
    assert run(["match", *map(str, clips), "-o", str(out), *QUICK, "--join", "cut"]) == 2
    assert "match_sequence.mkv exists" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["match_sequence.mkv"]


def hdr(path: Path, transfer: int, warmer: float) -> Path:
    picture = temperature(0.15 + 0.6 * pictures(3, 1, 48, 64)[0], warmer).clamp(0, 1)
    return make_hdr_clip(path, [hdr_codes(picture, transfer)] * 6, transfer)


def test_the_command_matches_and_joins_hdr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = [str(hdr(tmp_path / f"{name}.mkv", 16, warmer)) for name, warmer in (("a", 0.0), ("b", 1.0))]
    assert run(["match", *clips, "-o", str(tmp_path / "out"), "--join", "crossfade=0.08", "--print-ffmpeg"]) == 0
    printed = capsys.readouterr().out
    assert "Delta E ITP" in printed
    assert "-color_trc 16" in printed
    frame = decoded(tmp_path / "out" / "match_sequence.mkv")[-1]
    assert (frame.format.name, frame.color_trc, frame.color_primaries) == ("yuv420p10le", 16, 9)


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        (14, [], "is SDR"),
        (16, ["--protect-skin", "0.5"], "made for SDR"),
        (16, ["--join", "cut", "--effects", "vignette=0.4"], "effects are made for SDR"),
    ],
)
def test_the_command_never_takes_hdr_for_sdr(
    tmp_path: Path, other: int, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = [str(hdr(tmp_path / "a.mkv", 16, 0.0)), str(hdr(tmp_path / "b.mkv", other, 0.0))]
    assert run(["match", *clips, "-o", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
