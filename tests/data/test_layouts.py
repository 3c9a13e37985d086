"""The layouts of the data sets, on trees made here and on real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lutgrade.data.layouts import LAYOUTS, Found, find
from lutgrade.errors import InputError


def make(root: Path, *files: str) -> Path:
    """Empty files; a layout only looks at names."""
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))


def kinds(found: Found) -> Counter[tuple[str, str]]:
    return Counter((entry.split, entry.role) for entry in found.entries)


def test_condensed_movies_as_videos(tmp_path: Path) -> None:
    make(tmp_path, "videos/2011/one.mkv", "videos/2012/two.mp4", "videos/2012/other.mkv", "videos/2012/notes.txt")
    write(tmp_path / "metadata/clips.csv", "title,videoid,imdbid", "A,one,tt1", "B,two,tt2", "C,three,tt2")
    write(tmp_path / "metadata/split.csv", "imdbid,split", "tt1,train", "tt2,test")
    found = find("condensed_movies", tmp_path)
    splits = {entry.path: entry.split for entry in found.entries}
    assert splits == {
        "videos/2011/one.mkv": "train",
        "videos/2012/two.mp4": "test",
        "videos/2012/other.mkv": "unlisted",
    }
    assert found.missing == [f"{tmp_path}/videos/<year>/three.mkv"]


def test_condensed_movies_without_or_with_foreign_tables(tmp_path: Path) -> None:
    make(tmp_path, "videos/2011/one.mkv")
    found = find("condensed_movies", tmp_path)
    assert kinds(found) == {("all", "video"): 1}
    assert [line.partition(" ")[0] for line in found.missing] == [
        f"{tmp_path}/metadata/clips.csv",
        f"{tmp_path}/metadata/split.csv",
    ]
    write(tmp_path / "metadata/clips.csv", "title,videoid", "A,one")
    with pytest.raises(InputError, match=r"clips\.csv: no column imdbid"):
        find("condensed_movies", tmp_path)


def test_condensed_movies_as_frames(tmp_path: Path) -> None:
    make(tmp_path, "train/a/0.jpg", "train/a/1.jpg", "train/b/0.jpg", "test/c/0.jpg")
    found = find("condensed_movies", tmp_path)
    assert kinds(found) == {("train", "image"): 3, ("test", "image"): 1}
    assert {entry.item for entry in found.entries} == {"train/a", "train/b", "test/c"}


def test_fivek_keeps_the_lists_as_its_splits(tmp_path: Path) -> None:
    make(tmp_path, *(f"{role}/JPG/480p/a{i}.jpg" for role in ("input", "expertC", "expertA") for i in range(4)))
    write(tmp_path / "train_input.txt", "a0", "a1.jpg")
    write(tmp_path / "train_label.txt", "a2")
    write(tmp_path / "test.txt", "a9")
    found = find("fivek", tmp_path)
    splits = {(e.split, e.role, e.item) for e in found.entries if e.role == "expertA"}
    assert splits == {
        ("train_input", "expertA", "a0"),
        ("train_input", "expertA", "a1"),
        ("train_label", "expertA", "a2"),
        ("unlisted", "expertA", "a3"),
    }
    assert found.missing == [f"{tmp_path}/{role}/JPG/480p/a9.jpg" for role in ("input", "expertA", "expertC")]


def test_coco_says_how_many_images_lack(tmp_path: Path) -> None:
    make(tmp_path, "train2017/000000000009.jpg", "train2017/000000000025.jpg")
    found = find("coco", tmp_path)
    assert kinds(found) == {("train", "image"): 2}
    assert found.missing == [
        f"{tmp_path}/train2017 (2 of 118,287 images)",
        f"{tmp_path}/val2017 (0 of 5,000 images)",
    ]


def davis_tree(root: Path) -> Path:
    for clip in ("bear", "cows"):
        make(root, *(f"JPEGImages/480p/{clip}/{t:05}.jpg" for t in range(3)))
        make(root, *(f"Annotations/480p/{clip}/{t:05}.png" for t in range(3)))
    write(root / "ImageSets/2017/train.txt", "bear", "swan")
    write(root / "ImageSets/2017/val.txt", "cows")
    return root


@pytest.mark.parametrize("inside", ["", "DAVIS"])
def test_davis(tmp_path: Path, inside: str) -> None:
    davis_tree(tmp_path / inside)
    found = find("davis", tmp_path)
    assert found.root == tmp_path / inside
    assert kinds(found) == {(split, role): 3 for split in ("train", "val") for role in ("image", "mask")}
    assert {entry.fps for entry in found.entries} == {24.0}
    assert found.missing == [f"{tmp_path / inside}/JPEGImages/480p/swan"]


def test_youtube_vos_knows_its_frame_rate_from_the_names(tmp_path: Path) -> None:
    make(tmp_path, *(f"train/JPEGImages/aa/{t:05}.jpg" for t in range(0, 20, 5)), "train/Annotations/aa/00000.png")
    make(tmp_path, *(f"valid/JPEGImages/bb/{t:05}.jpg" for t in range(4)))
    found = find("youtube_vos", tmp_path)
    assert {(e.item, e.fps) for e in found.entries} == {("train/aa", 6.0), ("valid/bb", 30.0)}
    assert found.missing == [f"{tmp_path}/valid/Annotations/bb"]
    assert find("youtube_vos", tmp_path / "train").entries[0].split == "all"


def test_pst50_names_every_missing_picture_of_its_pairs(tmp_path: Path) -> None:
    paired = ("content_709", "content_log", "paired_gt", "paired_style")
    make(tmp_path, *(f"{folder}/{i}.png" for folder in paired for i in range(1, 51)))
    make(tmp_path, *(f"unpaired_style/{i}.png" for i in range(1, 52)), "video/3.mp4")
    found = find("pst50", tmp_path)
    assert kinds(found) == {("test", folder): 50 for folder in paired} | {
        ("test", "unpaired_style"): 51,
        ("test", "video"): 1,
    }
    assert not found.missing
    (tmp_path / "paired_gt/7.png").unlink()
    (tmp_path / "video/3.mp4").unlink()
    assert find("pst50", tmp_path).missing == [f"{tmp_path}/paired_gt/7.png", f"{tmp_path}/video"]


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_a_folder_of_another_layout_is_refused_with_what_was_looked_for(tmp_path: Path, name: str) -> None:
    make(tmp_path, "holiday/beach.jpg")
    with pytest.raises(InputError, match=f"nothing of the data set at {tmp_path}: looked for {tmp_path}"):
        find(name, tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find(name, tmp_path / "nowhere")


def test_a_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    davis_tree(tmp_path)
    (tmp_path / "ImageSets/2017/val.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"val\.txt: cannot be read as text"):
        find("davis", tmp_path)


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="known are coco, condensed_movies"):
        find("imagenet", tmp_path)


@pytest.mark.parametrize(
    ("name", "folder", "expected"),
    [
        ("davis", "davis", {("all", "image"): 82, ("all", "mask"): 82}),
        ("youtube_vos", "youtube-vos", {("all", "image"): 192}),
    ],
)
def test_real_trees(data_dir: Path, name: str, folder: str, expected: dict) -> None:
    assert kinds(find(name, data_dir / folder)) == expected


def test_every_layout_says_what_it_expects() -> None:
    functions: list[Callable] = list(LAYOUTS.values())
    assert all("/" in (function.__doc__ or "") for function in functions)
