"""The data sets of tables: names, clips, and what a sample is made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lutgrade.data.pairs import PairedProtocol
from lutgrade.data.prepare import prepare
from lutgrade.errors import InputError
from lutgrade.evaluation.items import clips, graded_clips, packaged_pairs, paired, retouched
from lutgrade.lut import Lut


def picture(path: Path, seed: int, size: tuple[int, int] = (12, 20)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def clip_folder(tmp_path: Path) -> Path:
    for clip in range(2):
        for frame in range(4):
            picture(tmp_path / f"clips/c{clip}/{frame}.png", 10 * clip + frame)
    return tmp_path / "clips"


@pytest.fixture
def luts(tmp_path: Path) -> Path:
    (tmp_path / "luts").mkdir()
    for name, factor in (("a", 0.5), ("b", 0.8), ("c", 0.9)):
        Lut.from_function(lambda x, f=factor: x * f, 3).save(tmp_path / "luts" / f"{name}.cube")
    return tmp_path / "luts"


def test_the_items_of_the_paired_protocol_are_its_samples(tmp_path: Path, luts: Path) -> None:
    for i in range(3):
        picture(tmp_path / f"photos/{i}.png", i)
    items, protocol = paired(tmp_path / "photos", luts), list(PairedProtocol(tmp_path / "photos", luts))
    assert [item.name for item in items] == [sample.name for sample in protocol]
    assert [item.clip for item in items] == ["0", "0", "1", "1", "2", "2"]
    assert len({item.inputs for item in items}) == 6
    for item, sample in zip(items, protocol, strict=True):
        loaded = item.load()
        assert torch.equal(loaded.frames, sample.frames)
        assert torch.equal(loaded.reference, sample.reference)
        assert loaded.target is not None
        assert torch.equal(loaded.target, sample.target)  # type: ignore[arg-type]
    assert [item.name for item in paired(tmp_path / "photos", luts, fifth=True)] == ["0/a", "1/a", "2/a"]


def test_an_input_that_changed_has_another_digest(tmp_path: Path, luts: Path) -> None:
    picture(tmp_path / "photos/0.png", 0)
    before = paired(tmp_path / "photos", luts, per_photo=1)[0].inputs
    picture(tmp_path / "photos/0.png", 1)
    assert paired(tmp_path / "photos", luts, per_photo=1)[0].inputs != before


def test_packaged_pairs_need_no_data() -> None:
    items = packaged_pairs(graded_with=["bleach_bypass", "noir_in_colour"])
    assert len(items) == 8
    assert len({item.clip for item in items}) == 4
    sample = items[0].load()
    assert sample.frames.shape == sample.target.shape == (1, 3, 256, 230)  # type: ignore[union-attr]
    with pytest.raises(InputError, match="no look 'x'"):
        packaged_pairs(graded_with=["x"])


def test_clips_are_graded_to_each_of_a_few_references(tmp_path: Path, clip_folder: Path) -> None:
    for i in range(5):
        picture(tmp_path / f"photos/{i}.png", i)
    items = clips(clip_folder, tmp_path / "photos", take=2, frames=3, max_side=10)
    assert [item.name for item in items] == ["c0/0", "c0/2", "c1/0", "c1/2"]
    sample = items[0].load()
    assert sample.frames.shape == (3, 3, 6, 10)
    assert sample.reference.shape == (1, 3, 6, 10)
    assert sample.target is None


def test_the_name_of_a_folder_of_frames_is_whole(tmp_path: Path) -> None:
    for take in ("scene.1", "scene.2"):
        for frame in range(2):
            picture(tmp_path / f"clips/{take}/{frame}.png", frame)
    picture(tmp_path / "photos/a.b.png", 1)
    assert [item.name for item in clips(tmp_path / "clips", tmp_path / "photos")] == ["scene.1/a.b", "scene.2/a.b"]


def test_the_reference_of_a_graded_clip_is_its_last_graded_frame(clip_folder: Path, luts: Path) -> None:
    items = graded_clips(clip_folder, luts, per_clip=2, frames=3, size=8)
    assert [item.name for item in items] == ["c0/a", "c0/b", "c1/c", "c1/a"]
    sample = items[0].load()
    assert sample.target is not None
    assert sample.frames.shape == sample.target.shape == (3, 3, 8, 8)
    assert torch.equal(sample.reference, sample.target[-1:])
    torch.testing.assert_close(sample.target, sample.frames * 0.5, atol=1 / 255, rtol=0)


def test_retouched_photographs_have_a_reference_of_their_expert(tmp_path: Path) -> None:
    root, names = tmp_path / "fivek", [f"a{i:04}" for i in range(3)]
    for k, role in enumerate(("input", "expertA", "expertC")):
        for i, name in enumerate(names):
            picture(root / role / "JPG/480p" / f"{name}.jpg", 10 * k + i)
    (root / "test.txt").write_text("\n".join(names))
    prepare("fivek", root, tmp_path / "data")
    items = retouched(tmp_path / "data" / "manifest.jsonl", size=8)
    assert [item.name for item in items[:2]] == ["a0000/expertA", "a0001/expertA"]
    assert len(items) == 6
    for item in items:
        sample = item.load()
        assert sample.target is not None
        assert sample.reference.shape == sample.target.shape == (1, 3, 8, 8)
        assert not torch.equal(sample.reference, sample.target)
    assert [i.inputs for i in items] == [i.inputs for i in retouched(tmp_path / "data" / "manifest.jsonl", size=8)]


def test_a_missing_manifest_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"make it with python scripts/prepare_data.py davis --root"):
        retouched(tmp_path / "davis/data/manifest.jsonl")
