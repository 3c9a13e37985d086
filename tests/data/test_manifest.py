"""Manifests: what is written is read, and every change on disk shows."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clips import scene, write_clip, write_photo
from lutgrade.data import ClipFolder, PhotoFolder, manifest
from lutgrade.data.manifest import Entry, Record, build, files_of, read_manifest, verify, write_manifest
from lutgrade.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    write_photo(folder / "a.jpg")
    write_photo(folder / "b.jpg", seed=1)
    write_clip(folder / "c.mp4", scene(0, 5), rate=30)
    return folder


def entries(root: Path) -> list[Entry]:
    kinds = {".jpg": "image", ".mp4": "video"}
    return [Entry(p.name, "train", kinds[p.suffix], p.stem) for p in sorted(root.iterdir(), reverse=True)]


def test_a_record_has_size_hash_and_frame_rate(root: Path) -> None:
    records, broken = build(root, entries(root))
    assert [r.path for r in records] == ["a.jpg", "b.jpg", "c.mp4"]
    assert not broken
    content = (root / "a.jpg").read_bytes()
    assert records[0].size == len(content)
    assert records[0].hash == hashlib.blake2b(content, digest_size=16).hexdigest()
    assert [r.fps for r in records] == [None, None, 30.0]


def test_broken_files_are_left_out_with_the_reason(root: Path) -> None:
    (root / "a.jpg").write_bytes(b"no picture")
    (root / "b.jpg").write_bytes(b"")
    (root / "c.mp4").write_bytes(b"no video")
    records, broken = build(root, [*entries(root), Entry("d.jpg", "train", "image", "d")])
    assert records == []
    assert set(broken) == {"a.jpg", "b.jpg", "c.mp4", "d.jpg"}
    assert broken["b.jpg"] == "the file is empty"
    assert broken["d.jpg"] == "No such file or directory"
    assert str(root) not in broken["a.jpg"]


def test_unchanged_files_are_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = build(root, entries(root))
    write_photo(root / "b.jpg", seed=2, quality=60)
    read = []
    original = manifest.file_hash
    monkeypatch.setattr(manifest, "file_hash", lambda path: read.append(path.name) or original(path))
    second, _ = build(root, entries(root), first)
    assert read == ["b.jpg"]
    assert [r.hash for r in second] == [first[0].hash, original(root / "b.jpg"), first[2].hash]


def test_every_change_shows(root: Path) -> None:
    records, _ = build(root, entries(root))
    assert verify(root, records) == verify(root, records, full=True) == []
    os.utime(root / "c.mp4", (1, 1))  # another time, the same content
    assert verify(root, records) == []
    flipped = bytearray((root / "a.jpg").read_bytes())
    flipped[-10] ^= 1
    before = (root / "a.jpg").stat()
    (root / "a.jpg").write_bytes(flipped)
    assert verify(root, records) == ["a.jpg: its content is not that of the manifest"]
    os.utime(root / "a.jpg", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert verify(root, records) == []  # size and time are the same: only a full check sees it
    assert verify(root, records, full=True) == ["a.jpg: its content is not that of the manifest"]
    (root / "b.jpg").write_bytes(b"short")
    (root / "c.mp4").unlink()
    assert [line.partition(":")[0] for line in verify(root, records)] == ["b.jpg", "c.mp4"]
    assert verify(root, records)[1] == "c.mp4: missing"


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
sizes = st.integers(0, 2**60)
made = st.builds(
    Record, texts, texts, texts, texts, st.none() | st.floats(1, 240), size=sizes, mtime_ns=sizes, hash=texts
)


@given(st.lists(made))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, records: list[Record]) -> None:
    path = tmp_path_factory.getbasetemp() / "law.jsonl"
    write_manifest(path, records)
    assert read_manifest(path) == records


def test_files_are_found_by_split_and_role(tmp_path: Path, root: Path) -> None:
    records, _ = build(root, entries(root))
    path = tmp_path / manifest.MANIFEST
    write_manifest(path, records)
    assert [p for p, _ in files_of(path, role="image")] == [root / "a.jpg", root / "b.jpg"]
    with pytest.raises(InputError, match="no files of split val and role image; it holds train/image, train/video"):
        files_of(path, split="val", role="image")


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    with pytest.raises(InputError, match=r"there is no .*: make it with python scripts/prepare_data\.py"):
        read_manifest(path)
    write_manifest(path, [Record("a", "train", "image", "a")])
    for line in ("{", '{"path": "b", "colour": 3}', '["b"]'):
        path.write_text(path.read_text().splitlines()[0] + "\n" + line + "\n")
        with pytest.raises(InputError, match="line 2"):
            read_manifest(path)


@pytest.mark.parametrize("pictures", [PhotoFolder, ClipFolder])
def test_pictures_of_a_manifest_that_is_not_there_say_how_to_make_it(tmp_path: Path, pictures: type) -> None:
    with pytest.raises(InputError, match=r"make it with python scripts/prepare_data\.py davis --root <folder>"):
        pictures(tmp_path / "davis/data/manifest.jsonl")
