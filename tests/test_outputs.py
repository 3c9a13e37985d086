"""Where results go, and that nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from lutgrade.errors import InputError
from lutgrade.evaluation.cache import file_digest
from lutgrade.outputs import Outputs, remove_unchanged


def test_everything_lies_beside_the_graded_file(tmp_path: Path) -> None:
    outputs = Outputs.beside(tmp_path / "clip.v2.mp4")
    assert [p.name for p in outputs.files()] == [
        "clip.v2_graded.mp4",
        "clip.v2_graded.cube",
        "clip.v2_graded_sheet.png",
        "clip.v2_graded_report.md",
        "clip.v2_graded_report.json",
    ]
    assert list(Outputs.beside(tmp_path / "a.mov", extras=False).files()) == [tmp_path / "a_graded.mov"]


def test_the_folder_one_is_in_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    monkeypatch.chdir(frames)
    assert Outputs.beside(Path(), extras=False).graded == tmp_path / "frames_graded"


def test_an_input_is_never_replaced(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"x")
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    for target in (clip, link):
        with pytest.raises(InputError, match="is an input"):
            Outputs(target).check([clip], overwrite=True)


def test_an_earlier_result_is_replaced_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match="--overwrite"):
        Outputs(tmp_path / "out.mp4").check([], overwrite=False)
    Outputs(tmp_path / "out.mp4").check([], overwrite=True)


@pytest.mark.parametrize("path", ["missing/out.mp4", "."])
def test_what_cannot_be_written_is_said_before_any_work(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match="cannot write"):
        Outputs(tmp_path / path).check([], overwrite=True)


@pytest.mark.parametrize("part", ["cube", "sheet"])
def test_parts_of_no_known_format_are_refused_before_any_work(tmp_path: Path, part: str) -> None:
    with pytest.raises(InputError, match=r"a\.txt: .*\.png"):
        Outputs(tmp_path / "a.mp4", **{part: tmp_path / "a.txt"}).check([], overwrite=True)


def test_one_path_for_two_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two outputs"):
        Outputs(tmp_path / "a.png", sheet=tmp_path / "a.png").check([], overwrite=True)


def test_cubes_are_numbered_only_where_there_are_several(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "a.mp4", cube=tmp_path / "a.cube")
    assert outputs.cube_of(0, 1) == tmp_path / "a.cube"
    assert outputs.cube_of(9, 12) == tmp_path / "a_shot010.cube"
    assert Outputs(tmp_path / "a.mp4").cube_of(0, 2) is None


def test_the_cubes_of_an_earlier_run_are_not_replaced_unasked(tmp_path: Path) -> None:
    outputs = Outputs.beside(tmp_path / "clip.mp4")
    (tmp_path / "clip_graded_shotgun.cube").touch()  # another's
    outputs.check([], overwrite=False)
    (tmp_path / "clip_graded_shot002.cube").touch()
    with pytest.raises(InputError, match=r"clip_graded_shot002\.cube exists"):
        outputs.check([], overwrite=False)
    outputs.check([], overwrite=True)


def test_cubes_that_an_earlier_run_left_are_known_by_its_report(tmp_path: Path) -> None:
    outputs = Outputs.beside(tmp_path / "clip.mp4")
    assert outputs.report is not None
    assert outputs.earlier_cubes() == {}
    report = outputs.report.with_suffix(".json")
    for text in ("", "[]", "{}", '{"cubes": ["a.cube"]}', '{"cubes": {"../a.cube": "x"}}'):
        report.write_text(text)
        assert outputs.earlier_cubes() == {}
    report.write_text('{"cubes": {"clip_graded_shot002.cube": "x"}}')
    assert outputs.earlier_cubes() == {tmp_path / "clip_graded_shot002.cube": "x"}


def test_only_what_is_unchanged_is_removed(tmp_path: Path) -> None:
    ours, changed = tmp_path / "ours.cube", tmp_path / "changed.cube"
    for path in (ours, changed):
        path.write_text(path.name)
    known = {path: file_digest(path) for path in (ours, changed)} | {tmp_path / "gone.cube": "x"}
    changed.write_text("by hand")
    remove_unchanged(known)
    assert list(tmp_path.iterdir()) == [changed]
