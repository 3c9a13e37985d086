"""Retouching files by a prompt: clips and cubes, users' own looks, and the command."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clips import decode, packets, scene, write_clip
from lutgrade.cli import run
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table, looks
from lutgrade.models.retouch import Retoucher
from lutgrade.retouching import embedding, library, retouch

SEPIA = "brown toned sepia photograph"


@pytest.fixture(scope="module")
def retoucher() -> Retoucher:
    return Retoucher({name: looks()[name] for name in ("sepia", "low_key", "winter_cold", "golden_hour")})


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", scene(1, 6), audio=True, metadata={"title": "A walk"})


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    return Lut.from_function(lambda x: x**1.3, 9, title="grade").save(tmp_path / "grade.cube")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of one look of a user's: everything to the colour of jade."""
    folder = tmp_path / "mine"
    folder.mkdir()
    Lut(identity_table(5) * torch.tensor([0.2, 0.9, 0.6])[:, None, None, None]).save(folder / "jade.cube")
    (folder / "looks.yaml").write_text(
        "jade_palace: {file: jade.cube, description: Jade porcelain over everything.}\n", encoding="utf-8"
    )
    return folder


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Runs the command, which must exit with 2 and one line; returns the line."""
    assert run([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_clip_takes_the_look_and_keeps_the_rest(clip: Path, retoucher: Retoucher, tmp_path: Path) -> None:
    result = retouch(clip, SEPIA, tmp_path / "out.mp4", retoucher=retoucher)
    assert result.chosen.look.name == "sepia"
    before, after = decode(clip), decode(result.path)
    assert before.shape == after.shape
    expected = looks()["sepia"].lut(33)(torch.from_numpy(before).permute(0, 3, 1, 2) / 255.0)
    difference = np.abs(after.astype(float) - expected.permute(0, 2, 3, 1).numpy() * 255)
    assert difference.mean() < 4  # two rounds of lossy coding at 4:2:0
    assert packets(clip, "audio") == packets(result.path, "audio")


def test_strength_goes_from_nothing_to_the_look(clip: Path, retoucher: Retoucher, tmp_path: Path) -> None:
    means = []
    for strength in (0.0, 0.5, 1.0):
        result = retouch(clip, SEPIA, tmp_path / f"{strength}.mp4", strength=strength, retoucher=retoucher)
        means.append(decode(result.path).mean((0, 1, 2)))
    assert np.abs(means[0] - decode(clip).mean((0, 1, 2))).max() < 1
    assert np.abs((means[0] + means[2]) / 2 - means[1]).max() < 2


def test_a_cube_holds_the_grade_and_then_the_look(cube: Path, retoucher: Retoucher, tmp_path: Path) -> None:
    result = retouch(cube, SEPIA, strength=0.6, retoucher=retoucher)
    assert result.path == tmp_path / "grade_retouched.cube"
    image = torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(0))
    look = looks()["sepia"].lut(33).blend(0.6)
    composed = Lut.load(result.path)
    assert composed.size == 33
    torch.testing.assert_close(composed(image), look(Lut.load(cube)(image)), atol=0.01, rtol=0)


def test_the_second_best_can_be_taken(cube: Path, retoucher: Retoucher, tmp_path: Path) -> None:
    ranking = retoucher.rank("warm and brown")
    result = retouch(cube, "warm and brown", tmp_path / "second.cube", pick=2, retoucher=retoucher)
    assert result.chosen == ranking[1]
    with pytest.raises(InputError, match="pick is from 1 to 4"):
        retouch(cube, "warm and brown", tmp_path / "fifth.cube", pick=5, retoucher=retoucher)


def test_a_clip_is_graded_to_a_reference_first(clip: Path, retoucher: Retoucher, tmp_path: Path) -> None:
    Image.fromarray(scene(3, 1)[0]).save(tmp_path / "look.png")
    result = retouch(
        clip, SEPIA, tmp_path / "out.mp4", reference=tmp_path / "look.png", model="mkl", retoucher=retoucher
    )
    graded = decode(result.path).astype(float)
    assert "by `mkl` at strength 1, then the look sepia at 1." in (tmp_path / "out_report.md").read_text()
    lut = Lut.load(tmp_path / "out.cube")
    grey = lut(torch.rand(3, 8, 8)).flatten(1)
    assert (grey[0] >= grey[2] - 1e-3).all()  # sepia comes after the grade
    assert (graded[..., 0].mean() - graded[..., 2].mean()) > 10


def test_without_clip_words_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its weights nor the libraries that read them need to be there."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert embedding() is None


def test_own_looks_come_beside_the_library(own: Path, cube: Path) -> None:
    together = library(own)
    assert set(together) == {*looks(), "jade_palace"}
    assert library(own / "looks.yaml").keys() == together.keys()
    assert library() == looks()
    assert Retoucher(together).rank("a jade palace")[0].look.name == "jade_palace"


def test_bad_input_is_said(clip: Path, cube: Path, retoucher: Retoucher, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="strength is from 0 to 4"):
        retouch(cube, SEPIA, strength=9, retoucher=retoucher)
    with pytest.raises(InputError, match="is a LUT, which cannot be graded"):
        retouch(cube, SEPIA, reference=clip, retoucher=retoucher)
    with pytest.raises(InputError, match="give --reference"):
        retouch(clip, SEPIA, model="mkl", retoucher=retoucher)
    for content in (clip, cube):
        with pytest.raises(InputError, match="never overwritten"):
            retouch(content, SEPIA, content, overwrite=True, retoucher=retoucher)
    with pytest.raises(InputError, match=r"is a clip, and .*look\.cube is a LUT"):
        retouch(clip, SEPIA, tmp_path / "look.cube", retoucher=retoucher)
    with pytest.raises(InputError, match=r"is a LUT, and .*out\.mp4 is none"):
        retouch(cube, SEPIA, tmp_path / "out.mp4", retoucher=retoucher)
    with pytest.raises(InputError, match="device 'nowhere' cannot be used"):
        retouch(clip, SEPIA, device="nowhere", retoucher=retoucher)
    retouch(cube, SEPIA, retoucher=retoucher)
    with pytest.raises(InputError, match=r"exists; give another --output, or --overwrite"):
        retouch(cube, SEPIA, retoucher=retoucher)
    retouch(cube, SEPIA, overwrite=True, retoucher=retoucher)
    assert not list(tmp_path.glob(".*"))


def test_the_command_lists_and_writes_nothing(
    cube: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [cube, "--prompt", "jade, please", "--looks", own, "--top", 3, "--list"]
    assert run([str(argument) for argument in arguments]) == 2  # not without the subcommand
    capsys.readouterr()
    assert run(["retouch", *map(str, arguments)]) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert len(lines) == 4
    assert lines[1].startswith(" 1 ")
    assert "jade_palace" in lines[1]
    assert "ranked by" in shown.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grade.cube", "mine"]


def test_words_that_are_not_known_are_told(cube: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["retouch", str(cube), "-p", "warm, more contrsat", "--list"]) == 0
    assert "note    'contrsat' is not known; did you mean contrast?" in capsys.readouterr().err


def test_the_command_reads_another_matrix_than_the_clip_names(clip: Path, tmp_path: Path) -> None:
    written = []
    for matrix in ("bt601", "bt709"):
        target = tmp_path / f"{matrix}.mp4"
        assert run(["retouch", str(clip), "-p", SEPIA, "--matrix", matrix, "-o", str(target)]) == 0
        written.append(decode(target).astype(float))
    assert np.abs(written[0] - written[1]).mean() > 0.3


def test_a_users_lut_keeps_its_nodes(cube: Path, tmp_path: Path) -> None:
    steep = Lut.from_function(lambda x: (x > 0.5).to(x), 65).save(tmp_path / "steep.cube")
    (tmp_path / "looks.yaml").write_text(f"steep: {{file: {steep.name}, description: A poster.}}", encoding="utf-8")
    own = Retoucher({"steep": library(tmp_path)["steep"]})
    result = retouch(cube, "a poster", tmp_path / "out.cube", retoucher=own)
    assert (result.lut.size, Lut.load(result.path).size) == (65, 65)


def test_the_command_writes(cube: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.cube"
    assert run(["retouch", str(cube), "-p", SEPIA, "--strength", "0.5", "-o", str(target)]) == 0
    assert f"wrote   {target}" in capsys.readouterr().out
    assert Lut.load(target).size == 33


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "cannot be read as YAML"),
        ("x: {file: none.cube, description: A look.}", "none.cube does not exist"),
        ("x: {file: bad.cube, description: A look.}", "bad.cube"),
        ("x: {file: bad.cube}", "description: expected"),
        (None, "holds no looks.yaml"),
    ],
)
def test_a_bad_folder_of_looks_is_one_line(
    cube: Path, tmp_path: Path, text: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "bad.cube").write_text("not a cube", encoding="utf-8")
    if text is not None:
        (folder / "looks.yaml").write_text(text, encoding="utf-8")
    assert message in fails(capsys, "retouch", cube, "-p", "warm", "--looks", folder)


def test_nothing_is_ranked_before_the_input_is_found_good(
    clip: Path, cube: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken.mp4").touch()
    Image.fromarray(scene(3, 1)[0]).save(tmp_path / "look.png")
    cases = {
        "strength is from 0 to 4": [clip, "--strength", 9],
        "taken.mp4 exists": [clip, "-o", tmp_path / "taken.mp4"],
        "none.png: no such file": [clip, "-r", tmp_path / "none.png"],
        "no model or checkpoint folder 'mkll'": [clip, "-r", tmp_path / "look.png", "--model", "mkll"],
        "there is no folder": [cube, "-o", tmp_path / "no" / "out.cube"],
        "the file is empty": [tmp_path / "taken.mp4"],
    }
    for message, arguments in cases.items():
        assert run(["retouch", *map(str, arguments), "-p", "warm"]) == 2
        shown = capsys.readouterr()
        assert message in shown.err
        assert not shown.out


def test_bad_arguments_are_one_line(cube: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "absent.mp4: no such file" in fails(capsys, "retouch", tmp_path / "absent.mp4", "-p", "warm")
    assert "Missing option" in fails(capsys, "retouch", cube)
    assert "the prompt is empty" in fails(capsys, "retouch", cube, "-p", " ")
    assert "weights not found" in fails(capsys, "retouch", cube, "-p", "warm", "--clip", tmp_path / "no clip")
    assert "no such folder of looks" in fails(capsys, "retouch", cube, "-p", "warm", "--looks", tmp_path / "none")
