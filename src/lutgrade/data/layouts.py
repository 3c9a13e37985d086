"""How the data sets that lutgrade knows lie on disk: which files belong to them, to which split, and what lacks.

Each layout is a function from a folder to what was found in it. A folder that is not of the layout at all is an
`InputError` that says which paths were looked for; single paths that lack are listed, and the rest is indexed.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lutgrade.data.manifest import Entry
from lutgrade.errors import InputError

IMAGES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
VIDEOS = {".mkv", ".mp4", ".webm", ".mov"}
DAVIS_RATE = 24.0
YOUTUBE_VOS_RATE = 30.0
COCO_IMAGES = {"train2017": 118_287, "val2017": 5_000}
PST50_PAIRS = 50
PST50_PAIRED = ("content_709", "content_log", "paired_gt", "paired_style")
PST50_FOLDERS = (*PST50_PAIRED, "unpaired_style", "video")


@dataclass
class Found:
    """What a layout found below `root`, and the exact paths that it lacks."""

    root: Path
    entries: list[Entry] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, path: Path, split: str, role: str, item: str, fps: float | None = None) -> None:
        self.entries.append(Entry(path.relative_to(self.root).as_posix(), split, role, item, fps))

    def lack(self, path: Path, why: str = "") -> None:
        self.missing.append(f"{path}{f' ({why})' if why else ''}")


Layout = Callable[[Path], Found]


def condensed_movies(root: Path) -> Found:
    """Condensed Movies: `videos/<year>/<videoid>.mkv` with `metadata/{clips,split}.csv`, or frames as
    `{train,val,test}/<clip>/*.jpg`."""
    if (root / "videos").is_dir():
        return _condensed_videos(root)
    found = Found(root)
    for split in ("train", "val", "test"):
        for clip in _folders(root / split):
            for image in _files(clip, IMAGES):
                found.add(image, split, "image", f"{split}/{clip.name}")
    return _checked(found, root / "videos/<year>/<videoid>.mkv", root / "train/<clip>/*.jpg")


def _condensed_videos(root: Path) -> Found:
    clips, splits = root / "metadata/clips.csv", root / "metadata/split.csv"
    found = Found(root)
    movie_of = _column(clips, "videoid", "imdbid") if clips.is_file() else {}
    split_of = _column(splits, "imdbid", "split") if splits.is_file() else {}
    for table in (clips, splits):
        if not table.is_file():
            found.lack(table, "the splits are not known without it; every clip is of the split 'all'")
    there = set()
    for year in _folders(root / "videos"):
        for video in _files(year, VIDEOS):
            there.add(video.stem)
            split = split_of.get(movie_of.get(video.stem, ""), "unlisted") if movie_of and split_of else "all"
            found.add(video, split, "video", video.stem)
    for clip in movie_of:
        if clip not in there:
            found.lack(root / f"videos/<year>/{clip}.mkv")
    return _checked(found, root / "videos/<year>/<videoid>.mkv")


def fivek(root: Path) -> Found:
    """Adobe FiveK at 480p: `input/JPG/480p`, `expert{A..E}/JPG/480p`, `{train_input,train_label,test}.txt`.

    The splits of papers differ; this one is what the three lists of the folder say.
    """
    found = Found(root)
    split_of = {}
    for name in ("train_input", "train_label", "test"):
        listed = root / f"{name}.txt"
        if not listed.is_file():
            found.lack(listed, "its photographs are of the split 'unlisted'")
            continue
        split_of.update({Path(line).stem: name for line in _lines(listed)})
    roles = ["input", *(f"expert{letter}" for letter in "ABCDE")]
    folders = {role: root / role / "JPG/480p" for role in roles}
    for role, folder in folders.items():
        there = set()
        for image in _files(folder, IMAGES):
            there.add(image.stem)
            found.add(image, split_of.get(image.stem, "unlisted"), role, image.stem)
        if there or role in ("input", "expertC"):
            for stem in split_of:
                if stem not in there:
                    found.lack(folder / f"{stem}.jpg")
    return _checked(found, folders["input"], folders["expertC"])


def coco(root: Path) -> Found:
    """COCO 2017: `train2017/*.jpg` and `val2017/*.jpg`."""
    found = Found(root)
    for folder, expected in COCO_IMAGES.items():
        images = _files(root / folder, IMAGES)
        for image in images:
            found.add(image, folder.removesuffix("2017"), "image", image.stem)
        if len(images) < expected:
            found.lack(root / folder, f"{len(images):,} of {expected:,} images")
    return _checked(found, *(root / folder for folder in COCO_IMAGES))


def davis(root: Path) -> Found:
    """DAVIS 2017: `JPEGImages/480p/<clip>/*.jpg`, `Annotations/480p/<clip>/*.png`, `ImageSets/2017/{train,val}.txt`."""
    root = root / "DAVIS" if (root / "DAVIS").is_dir() else root
    found = Found(root)
    split_of = {}
    for split in ("train", "val"):
        listed = root / f"ImageSets/2017/{split}.txt"
        if listed.is_file():
            split_of.update(dict.fromkeys(_lines(listed), split))
        else:
            found.lack(listed, "its clips are of the split 'all'")
    frames = root / "JPEGImages/480p"
    for clip in _folders(frames):
        _add_clip(found, clip, root / "Annotations/480p", split_of.get(clip.name, "all"), clip.name, DAVIS_RATE)
    for clip_name in split_of:
        if not (frames / clip_name).is_dir():
            found.lack(frames / clip_name)
    return _checked(found, frames / "<clip>/00000.jpg")


def youtube_vos(root: Path) -> Found:
    """YouTube-VOS: `{train,valid}/{JPEGImages,Annotations}/<clip>/`, or one part of it, `JPEGImages/<clip>/`.

    The frame rate follows from the names: the videos are at 30 a second, of which every fifth frame is given.
    """
    parts = {split: root / split for split in ("train", "valid", "test") if (root / split / "JPEGImages").is_dir()}
    whole = bool(parts)
    parts = parts or {"all": root}
    found = Found(root)
    for split, part in parts.items():
        for clip in _folders(part / "JPEGImages"):
            numbers = [int(p.stem) for p in _files(clip, IMAGES) if p.stem.isdigit()]
            step = min((b - a for a, b in itertools.pairwise(numbers)), default=1)
            item = f"{split}/{clip.name}" if whole else clip.name
            _add_clip(found, clip, part / "Annotations", split, item, YOUTUBE_VOS_RATE / max(step, 1))
    for split in ("train", "valid"):
        if whole and split not in parts:
            found.lack(root / split / "JPEGImages")
    return _checked(found, root / "train/JPEGImages/<clip>", root / "JPEGImages/<clip>")


def pst50(root: Path) -> Found:
    """PST50: `{content_709,content_log,paired_gt,paired_style}/1.png ... 50.png`, and whatever lies in
    `unpaired_style/` and `video/`."""
    found = Found(root)
    for folder in PST50_FOLDERS:
        files = {file.stem: file for file in _files(root / folder, IMAGES | VIDEOS)}
        for stem, file in files.items():
            found.add(file, "test", folder, stem)
        if not files:
            found.lack(root / folder)
        elif folder in PST50_PAIRED:
            for number in range(1, PST50_PAIRS + 1):
                if str(number) not in files:
                    found.lack(root / folder / f"{number}.png")
    return _checked(found, *(root / folder for folder in PST50_FOLDERS))


LAYOUTS: dict[str, Layout] = {
    "coco": coco,
    "condensed_movies": condensed_movies,
    "davis": davis,
    "fivek": fivek,
    "pst50": pst50,
    "youtube_vos": youtube_vos,
}


def find(name: str, root: Path) -> Found:
    """What a data set consists of.

    Args:
        name: a key of `LAYOUTS`.
        root: the folder it lies in.

    Raises:
        InputError: an unknown name, no such folder, or one that is not of the layout.
    """
    if name not in LAYOUTS:
        raise InputError(f"no data set {name!r}; known are {', '.join(LAYOUTS)}")
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the one that {name} was unpacked in")
    return LAYOUTS[name](root)


def _add_clip(found: Found, clip: Path, annotations: Path, split: str, item: str, fps: float) -> None:
    for image in _files(clip, IMAGES):
        found.add(image, split, "image", item, fps)
    masks = _files(annotations / clip.name, IMAGES)
    for mask in masks:
        found.add(mask, split, "mask", item, fps)
    if not masks:
        found.lack(annotations / clip.name)


def _checked(found: Found, *expected: Path) -> Found:
    """Refuses a folder in which nothing was found."""
    if not found.entries:
        raise InputError(f"nothing of the data set at {found.root}: looked for {' and '.join(map(str, expected))}")
    return found


def _column(path: Path, key: str, value: str) -> dict[str, str]:
    """Two columns of a CSV file as a mapping."""
    rows = csv.DictReader(io.StringIO(_text(path)))
    if lacking := {key, value} - set(rows.fieldnames or ()):
        raise InputError(f"{path}: no column {', '.join(sorted(lacking))}; is it the data set's own file?")
    return {row[key]: row[value] for row in rows}


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in _text(path).splitlines() if line.strip()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error})") from None


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _files(folder: Path, suffixes: set[str]) -> list[Path]:
    if not folder.is_dir():
        return []
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in visible if path.suffix.lower() in suffixes and path.is_file())
