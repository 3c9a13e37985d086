"""Where a match may write: refused in a line before any work, whatever the folder and the names are."""

from __future__ import annotations

from pathlib import Path

import pytest

from lutgrade.consistency.outputs import MatchOutputs
from lutgrade.errors import InputError


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in" / name for name in ("a.mp4", "b.mp4")]
    for path in paths:
        path.write_text(path.name)
    return paths


def refused(clips: list[Path], folder: Path, why: str, *, overwrite: bool = True) -> None:
    with pytest.raises(InputError, match=why) as refusal:
        MatchOutputs.plan(clips, folder, overwrite=overwrite)
    assert "\n" not in str(refusal.value)


def test_names_are_too_long_before_any_work(tmp_path: Path) -> None:
    for length, fits in ((255, False), (254, False), (251, True)):
        clip = tmp_path / f"{'x' * (length - 4)}.mp4"
        if fits:
            assert MatchOutputs.plan([clip], tmp_path / "out", overwrite=False).names == (clip.name,)
        else:
            refused([clip], tmp_path / "out", r"x_01\.cube: the name takes \d+ bytes, and 255 are the most")


def test_folders_that_lead_nowhere(clips: list[Path], tmp_path: Path) -> None:
    for name, target in (("loop", "loop"), ("dangling", "none")):
        (tmp_path / name).symlink_to(tmp_path / target)
        refused(clips, tmp_path / name, f"{name} is a file; the output folder needs another name")
    MatchOutputs.plan(clips, tmp_path / ("y" * 300), overwrite=False)  # what is wrong shows when it is made


def test_a_clip_that_leads_nowhere_is_planned_for(clips: list[Path], tmp_path: Path) -> None:
    """It fails alone, when it is opened."""
    loop = tmp_path / "in" / "loop.mp4"
    loop.symlink_to(loop)
    names = MatchOutputs.plan([*clips, loop], tmp_path / "out", overwrite=False).names
    assert names == ("a.mp4", "b.mp4", "loop.mp4")


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_to_the_clip_is_the_clip(clips: list[Path], tmp_path: Path, link: object) -> None:
    out = tmp_path / "out"
    out.mkdir()
    link(out / "a.mp4", clips[0])
    refused(clips, out, r"out/a\.mp4 is .*in/a\.mp4 itself, by a link")


def test_a_dangling_link_is_somebodys(clips: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.mp4").symlink_to(tmp_path / "none")
    refused(clips, out, r"a\.mp4 exists", overwrite=False)
    MatchOutputs.plan(clips, out, overwrite=True)


@pytest.mark.parametrize("name", ["a.mp4", "match_sheet.png", "match_report.html", "match_report.json"])
def test_folders_in_the_place_of_files(clips: list[Path], tmp_path: Path, name: str) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    refused(clips, tmp_path / "out", f"{name} is a folder; give another")


def test_a_lut_whose_name_something_else_took_is_left(clips: list[Path], tmp_path: Path) -> None:
    outputs = MatchOutputs.plan(clips, tmp_path / "out", overwrite=False)
    (tmp_path / "out").mkdir()
    outputs.claim(["a.cube", "b.cube"])
    (tmp_path / "out" / "a.cube").mkdir()
    (tmp_path / "out" / "b.cube").write_text("lut")
    outputs.forget_cubes([])
    assert not list((tmp_path / "out" / "a.cube").iterdir())
    assert not (tmp_path / "out" / "b.cube").exists()


def test_luts_of_names_that_differ_in_case_are_apart(tmp_path: Path) -> None:
    outputs = MatchOutputs(tmp_path, ("A.mp4", "a.mov", "b.mp4"))
    assert [outputs.cube(clip, 0, 1).name for clip in range(3)] == ["A.mp4.cube", "a.mov.cube", "b.cube"]
