"""`lutgrade grade` with models that were trained, parameters by hand, test-time training and selectors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from clips import scene, write_clip
from lutgrade.cli import run
from lutgrade.models.ncst import NEUTRAL

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "train.py"
TINY = [
    "experiment=ncst_small", "data=packaged", "data@valid=packaged_val", "data.size=32", "valid.size=32",
    "valid.length=2", "model.resolution=32", "model.encoder.channels=[8,8,16,16]", "model.hidden=16", "model.size=5",
    "data.lut_size=5", "valid.lut_size=5", "trainer=quick", "trainer.steps=2", "trainer.batch_size=2",
    "trainer.workers=0", "trainer.samples=null",
]  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The best checkpoint of a run of two steps, made by the script."""
    runs = tmp_path_factory.mktemp("runs")
    command = [sys.executable, str(SCRIPT), *TINY, f"paths.runs={runs}", "name=tiny"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return runs / "tiny" / "best"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", scene(1, 12))


@pytest.fixture
def still(tmp_path: Path) -> Path:
    path = tmp_path / "look.png"
    Image.fromarray(scene(3, 1)[0]).save(path)
    return path


def graded(*arguments: object) -> int:
    return run(["grade", *(str(argument) for argument in arguments)])


def test_a_model_from_the_training_script_grades_and_names_its_parameters(
    checkpoint: Path, clip: Path, still: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    by_hand = ("--set", "contrast=1.3", "--set", "hue=-0.02", "--set", "sharpness=1.5")
    assert graded(clip, "-r", still, "--model", checkpoint, *by_hand) == 0
    captured = capsys.readouterr()
    (line,) = [line for line in captured.out.splitlines() if line.startswith("shot 1 ")]
    words = line.split()[2:]
    printed = dict(zip(words[::2], map(float, words[1::2]), strict=True))
    assert set(printed) == set(NEUTRAL)
    assert (printed["contrast"], printed["hue"], printed["sharpness"]) == (1.3, -0.02, 1.5)
    assert captured.err.startswith("note    sharpness 1.500 is spatial")
    facts = json.loads(clip.with_name("clip_graded_report.json").read_text())
    assert facts["shots"][0]["parameters"] == pytest.approx(printed, abs=1e-3)
    assert facts["options"]["parameters"] == {"contrast": 1.3, "hue": -0.02, "sharpness": 1.5}
    assert "Set by hand: contrast, hue, sharpness" in clip.with_name("clip_graded_report.md").read_text()


def test_adapting_to_the_clip_is_repeatable_and_changes_the_grade(checkpoint: Path, clip: Path, still: Path) -> None:
    cubes = []
    for name, steps in (("plain", 0), ("once", 5), ("again", 5)):
        output = clip.with_name(f"{name}.mp4")
        assert graded(clip, "-r", still, "-o", output, "--model", checkpoint, "--adapt", steps) == 0
        cubes.append(output.with_suffix(".cube").read_text())
    assert cubes[0] != cubes[1]
    assert cubes[1] == cubes[2]
    assert "adapted to it for 5 steps" in clip.with_name("once_report.md").read_text()


def test_key_frames_can_be_found_by_another_selector(clip: Path, still: Path) -> None:
    assert graded(clip, "-r", still, "--model", "mkl", "--selector", "random") == 0
    assert json.loads(clip.with_name("clip_graded_report.json").read_text())["options"]["selector"] == "random"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "contrast=1.1"), "MKL has no named parameters, so contrast cannot be set"),
        (("--set", "contrst=1.1"), "did you mean contrast?"),
        (("--set", "contrast=9"), "contrast is from 0 to 2"),
        (("--set", "contrast"), "--set takes a name and a number, such as contrast=1.1, not 'contrast'"),
        (("--set", "contrast=much"), "not 'contrast=much'"),
        (("--adapt", "10"), "MKL cannot be adapted to a clip"),
        (("--adapt", "-10"), "steps, not -10"),
        (("--selector", "lab_histgram"), "did you mean lab_histogram"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    clip: Path, still: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(clip.parent.iterdir())
    assert graded(clip, "-r", still, "--model", "mkl", *arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert sorted(clip.parent.iterdir()) == before
