"""The command as users meet it: exit codes, one line for an error, nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lutgrade
from clips import packets, scene, write_clip
from lutgrade.cli import run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", scene(1, 12), audio=True)


@pytest.fixture
def still(tmp_path: Path) -> Path:
    path = tmp_path / "look.png"
    Image.fromarray(scene(3, 1)[0]).save(path)
    return path


def fails(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 2) -> str:
    """Runs the command, which must fail with one line on standard error; returns the line."""
    assert run([str(a) for a in arguments]) == code
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("lutgrade: ")
    return lines[0]


def test_grade_prints_where_everything_is(clip: Path, still: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grade", str(clip), "--reference", str(still)]) == 0
    out = capsys.readouterr().out
    for name in ("clip_graded.mp4", "clip_graded.cube", "clip_graded_sheet.png", "clip_graded_report.md"):
        assert str(clip.with_name(name)) in out
        assert clip.with_name(name).stat().st_size > 0


def test_each_part_can_be_put_elsewhere_or_left_out(clip: Path, still: Path, tmp_path: Path) -> None:
    assert run(["grade", str(clip), "-r", str(still), "-o", str(tmp_path / "a.mp4"), "--no-extras"]) == 0
    assert not (tmp_path / "a.cube").exists()
    assert (
        run(["grade", str(clip), "-r", str(still), "-o", str(tmp_path / "b.mp4"), "--cube", str(tmp_path / "x.cube")])
        == 0
    )
    assert (tmp_path / "x.cube").exists()
    assert not (tmp_path / "b.cube").exists()


def test_the_cube_that_was_written_can_be_applied(clip: Path, still: Path, tmp_path: Path) -> None:
    assert run(["grade", str(clip), "-r", str(still)]) == 0
    cube, output = clip.with_name("clip_graded.cube"), tmp_path / "applied.mp4"
    assert run(["apply", str(clip), str(cube), "-o", str(output)]) == 0
    assert packets(output, "video") == packets(clip.with_name("clip_graded.mp4"), "video")


def test_models_are_listed_with_the_default_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "(default)" in lines[0]
    assert any(line.startswith("reinhard ") for line in lines)
    assert [line.split()[0] for line in lines if "needs published weights" in line] == [
        "neural_style_paper",
        "neural_style_vgg",
    ]


BAD_MEDIA: dict[str, Callable[[Path, Path], None]] = {
    "missing": lambda path, clip: None,
    "empty": lambda path, clip: path.write_bytes(b"") and None,
    "garbage": lambda path, clip: path.write_bytes(bytes(range(256)) * 50) and None,
    "cut short": lambda path, clip: path.write_bytes(clip.read_bytes()[:-3000]) and None,
}


@pytest.mark.parametrize("kind", BAD_MEDIA)
@pytest.mark.parametrize("role", ["content", "reference"])
@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_bad_media_are_one_line(
    tmp_path: Path, clip: Path, still: Path, kind: str, role: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / f"bad{suffix}"
    BAD_MEDIA[kind](bad, clip if suffix == ".mp4" else still)
    if kind == "cut short" and suffix == ".png":
        bad.write_bytes(still.read_bytes()[: still.stat().st_size // 2])
    content, reference = (bad, still) if role == "content" else (clip, bad)
    before = sorted(tmp_path.iterdir())
    assert bad.name in fails(capsys, "grade", content, "-r", reference, "-o", tmp_path / f"out{content.suffix}")
    assert sorted(tmp_path.iterdir()) == before


def test_a_clip_of_sound_alone_is_refused(tmp_path: Path, still: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import av

    sound = tmp_path / "sound.m4a"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert "only sound" in fails(capsys, "grade", sound, "-r", still)


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "L", "LA", "P", "1", "I;16"])
def test_every_kind_of_still_is_graded(tmp_path: Path, still: Path, mode: str) -> None:
    image = Image.fromarray(scene(4, 1)[0])
    content = tmp_path / ("content.jpg" if mode == "CMYK" else "content.png")
    if mode == "I;16":
        Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257).save(content)
    else:
        image.convert(mode).save(content)
    assert run(["grade", str(content), "-r", str(still), "--no-extras"]) == 0
    graded = Image.open(content.with_name(f"content_graded{content.suffix}"))
    assert graded.size == image.size
    assert ("A" in graded.getbands()) == ("A" in mode)


@pytest.mark.parametrize("size", [(47, 63), (1, 1), (2, 200)])
def test_odd_sizes_are_graded(tmp_path: Path, still: Path, size: tuple[int, int]) -> None:
    content = write_clip(tmp_path / "odd.mkv", scene(2, 3, size), codec="ffv1", pixel_format="yuv444p")
    assert run(["grade", str(content), "-r", str(still)]) == 0
    assert content.with_name("odd_graded.mkv").exists()


def test_a_clip_of_one_frame_and_a_reference_of_one_colour(tmp_path: Path) -> None:
    content = write_clip(tmp_path / "one.mp4", scene(2, 1))
    flat = tmp_path / "flat.png"
    Image.new("RGB", (64, 48), (90, 120, 200)).save(flat)
    for model in ("mkl", "reinhard", "histogram", "sliced_ot"):
        assert run(["grade", str(content), "-r", str(flat), "--model", model, "--overwrite"]) == 0


def test_a_cube_that_is_cut_short_names_its_line(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cube = tmp_path / "short.cube"
    cube.write_text("LUT_3D_SIZE 2\n0 0 0\n1 1 1\n")
    line = fails(capsys, "apply", clip, cube, "-o", tmp_path / "out.mp4")
    assert "short.cube" in line
    assert not (tmp_path / "out.mp4").exists()


def test_an_unknown_model_offers_the_nearest(clip: Path, still: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "mkl" in fails(capsys, "grade", clip, "-r", still, "--model", "mlk")


@pytest.mark.parametrize(("option", "name"), [("--cube", "a.lut3"), ("--sheet", "a.gif")])
def test_a_format_that_is_not_written_is_refused_before_any_work(
    clip: Path, still: Path, option: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(clip.parent.iterdir())
    assert name in fails(capsys, "grade", clip, "-r", still, option, clip.with_name(name))
    assert sorted(clip.parent.iterdir()) == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_a_name_that_is_no_text_is_graded_and_reported(tmp_path: Path, clip: Path, still: Path) -> None:
    odd = clip.rename(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    assert run(["grade", str(odd), "-r", str(still), "--model", "mkl"]) == 0
    report = tmp_path / os.fsdecode(b"caf\xe9_graded_report.md")
    assert report.read_text(encoding="utf-8").startswith(r"# caf\udce9_graded.mp4")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"lutgrade {lutgrade.__version__}\n"


def test_an_unknown_option_is_one_line(clip: Path, still: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--strenght" in fails(capsys, "grade", clip, "-r", still, "--strenght", "1")


def test_a_missing_folder_for_the_output(
    clip: Path, still: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "there is no folder" in fails(capsys, "grade", clip, "-r", still, "-o", tmp_path / "no" / "out.mp4")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on file sizes")
def test_a_full_disk_is_a_failed_run_that_leaves_nothing(tmp_path: Path, still: Path) -> None:
    """A limit on the size of files stands for the disk: writing past it fails in the same way."""
    clip = write_clip(tmp_path / "big.mp4", scene(1, 40, (240, 320)), options={"crf": "1"})
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from lutgrade.cli import run; sys.exit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "grade", str(clip), "-r", str(still), "-o", str(tmp_path / "out.mp4")]
    command.append("--no-extras")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("lutgrade: ")
    assert str(tmp_path / "out.mp4") in last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["big.mp4", "look.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_run_that_is_stopped_leaves_nothing_half_written(tmp_path: Path, still: Path, stop: str) -> None:
    clip = write_clip(tmp_path / "long.mp4", scene(1, 400, (240, 320)), options={"preset": "ultrafast"})
    output = tmp_path / "out"
    output.mkdir()
    command = [sys.executable, "-m", "lutgrade", "grade", str(clip), "-r", str(still), "-o", str(output / "out.mp4")]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(getattr(signal, stop), signal.SIG_DFL),  # a background job may ignore it
    )
    deadline = time.monotonic() + 60
    while not list(output.iterdir()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)  # until the encoder has begun its temporary file
    assert process.poll() is None, "the run ended before it could be interrupted"
    os.kill(process.pid, getattr(signal, stop))
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert error.strip().splitlines()[-1].startswith("lutgrade: interrupted")
    assert not list(output.iterdir())


def test_verbose_gives_the_traceback_as_well(still: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grade", str(tmp_path / "none.mp4"), "-r", str(still), "--verbose"]) == 2
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.splitlines()[-1].startswith("lutgrade: ")
