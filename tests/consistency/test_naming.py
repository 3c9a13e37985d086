"""Names in the output folder, and which clip a text means."""

from __future__ import annotations

from pathlib import Path

import pytest

from lutgrade.consistency.naming import clip_named, unique_names
from lutgrade.errors import InputError

CLIPS = [Path("x/a.mp4"), Path("x/b.mp4"), Path("y/b.mp4"), Path("x/c.mov"), Path("x/c.mp4")]


def test_names_are_unique() -> None:
    assert unique_names(CLIPS) == ("a.mp4", "b.mp4", "b_2.mp4", "c.mov", "c.mp4")


@pytest.mark.parametrize(
    ("text", "index"),
    [("x/a.mp4", 0), ("a.mp4", 0), ("a", 0), ("./y/../x/b.mp4", 1), ("y/b.mp4", 2), ("b_2.mp4", 2), ("c.mov", 3)],
)
def test_a_clip_is_meant_by_path_name_or_stem(text: str, index: int) -> None:
    assert clip_named(text, CLIPS) == index
    assert clip_named(str(Path.cwd() / CLIPS[index]), CLIPS) == index


@pytest.mark.parametrize(("text", "listed"), [("b.mp4", "x/b.mp4, y/b.mp4"), ("b", "x/b.mp4, y/b.mp4"), ("c", "c.mov")])
def test_what_may_be_several_is_refused(text: str, listed: str) -> None:
    with pytest.raises(InputError, match=rf"'{text}' may be any of .*{listed}.*; give the path"):
        clip_named(text, CLIPS)


def test_one_file_given_twice_is_no_riddle() -> None:
    twice = [Path("a.mp4"), Path("a.mp4")]
    assert (clip_named("a.mp4", twice), clip_named("a", twice), clip_named("a_2.mp4", twice)) == (0, 0, 1)


def test_no_such_clip() -> None:
    with pytest.raises(InputError, match=r"no clip 'z' among a\.mp4, b\.mp4"):
        clip_named("z", CLIPS)


def test_a_file_of_the_match_itself_is_not_replaced_by_a_clip() -> None:
    made = [Path(name) for name in ("match_sheet.png", "match_sequence.mp4", "match_sequence.mov")]
    assert unique_names(made) == ("match_sheet_2.png", "match_sequence_2.mp4", "match_sequence_2.mov")


def test_a_folder_is_called_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "frames" / "inside"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert unique_names([Path(".."), Path(), Path("../inside/..")]) == ("frames", "inside", "frames_2")


def test_names_that_some_disks_take_for_one_are_one() -> None:
    clips = [
        Path("x/A.mp4"),
        Path("y/a.MP4"),
        Path("x/\N{LATIN SMALL LETTER U WITH DIAERESIS}.mp4"),
        Path("x/u\u0308.mp4"),
    ]
    assert unique_names(clips) == ("A.mp4", "a_2.MP4", clips[2].name, "u\u0308_2.mp4")
    assert unique_names([Path("Match_Sheet.PNG")]) == ("Match_Sheet_2.PNG",)


def test_links_in_circles_are_names_too(tmp_path: Path) -> None:
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    assert clip_named("loop", [Path("a.mp4"), loop]) == 1
