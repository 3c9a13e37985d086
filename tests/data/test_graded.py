"""Training pairs: what they hold, that they follow from the seed alone, and that broken files do no harm."""

from __future__ import annotations

import dataclasses
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from clips import write_photo
from lutgrade.data.graded import GradedPairs, UngradedSample
from lutgrade.data.images import PhotoFolder
from lutgrade.data.luts import Looks, LutFiles, RandomLooks
from lutgrade.data.videos import ClipFolder
from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.ops import apply_lut

LUTS = {"random": RandomLooks(count=4, mixed=0.5)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for i in range(5):
        write_photo(tmp_path / "photos" / f"{i}.jpg", seed=i)
    return tmp_path / "photos"


def pairs(photos: Path, **options: object) -> GradedPairs:
    return GradedPairs(PhotoFolder(photos), **{"luts": LUTS, "size": 32, "lut_size": 9, "length": 40, **options})


def equal(one: UngradedSample, two: UngradedSample) -> bool:
    values = [(getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(one)]
    return all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in values)


def test_a_prepared_batch_holds_the_grade_of_its_pictures(photos: Path, device: torch.device) -> None:
    items = pairs(photos, pregrade=0.5)
    raw = items.collate([items[i] for i in range(4)])
    assert raw.frames.dtype == raw.reference.dtype == torch.uint8
    batch = items.prepare(raw, device, torch.Generator(device))
    assert batch.target is not None
    assert batch.lut is not None
    assert batch.frames.shape == batch.target.shape == batch.reference.shape == (4, 1, 3, 32, 32)
    assert batch.lut.shape == (4, 3, 9, 9, 9)
    assert batch.lut.device.type == batch.frames.device.type == device.type
    for images in (batch.frames, batch.reference, batch.target):
        steps = images * 255
        torch.testing.assert_close(steps, steps.round())
        assert 0 <= images.min() <= images.max() <= 1
    expected = apply_lut(batch.frames[:, 0], batch.lut)
    assert (batch.target[:, 0] - expected).abs().max() <= 0.5001 / 255


def test_without_luts_the_reference_is_as_it_was_and_there_is_no_target(photos: Path) -> None:
    items = pairs(photos, luts={}, reference="different")
    raw = items.collate([items[0], items[1]])
    batch = items.prepare(raw, "cpu")
    torch.testing.assert_close(batch.reference, raw.reference.float() / 255)
    assert batch.target is batch.lut is None


def test_the_pregrade_is_common_to_content_and_reference(photos: Path, tmp_path: Path) -> None:
    Lut(identity_table(9).flip(0)).save(tmp_path / "swap.cube")  # red and blue change places
    luts = {"swap": LutFiles(tmp_path)}
    plain, graded = pairs(photos, luts=luts), pairs(photos, luts=luts, pregrade=1.0)
    one, two = (items.prepare(items.collate([items[3]]), "cpu") for items in (plain, graded))
    strength = float(graded[3].weights[0, 1])
    assert 0 < strength < 1
    mixed = torch.lerp(one.frames, one.frames.flip(2), strength)
    assert (two.frames - mixed).abs().max() < 1.01 / 255
    assert two.target is not None
    torch.testing.assert_close(two.target, two.frames.flip(2), atol=1.01 / 255, rtol=0)


def test_same_image_crops_one_picture_and_different_two(photos: Path) -> None:
    for i in range(5):  # every photograph of one colour
        Image.new("RGB", (64, 48), (i * 50, 0, 0)).save(photos / f"{i}.jpg", quality=100)
    same = [pairs(photos, reference="same_image")[i] for i in range(20)]
    assert all((s.frames.float().mean() - s.reference.float().mean()).abs() < 1 for s in same)
    different = [pairs(photos, reference="different")[i] for i in range(40)]
    changed = [(s.frames.float().mean() - s.reference.float().mean()).abs() > 5 for s in different]
    assert 0.6 < np.mean(changed) < 0.95  # four of five draws
    both = [pairs(photos, reference={"same_image": 1, "different": 1})[i] for i in range(40)]
    assert 0.2 < np.mean([(s.frames.float().mean() - s.reference.float().mean()).abs() > 5 for s in both]) < 0.6


def test_same_clip_takes_two_frames(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    for t in range(20):
        Image.new("RGB", (40, 40), (t * 12, 0, 0)).save(tmp_path / "clip" / f"{t:02}.png")
    items = GradedPairs(ClipFolder(tmp_path), reference="same_clip", size=16)
    frames = {(int(s.frames.max()), int(s.reference.max())) for s in (items[i] for i in range(12))}
    assert len(frames) > 8
    with pytest.raises(InputError, match="same_clip"):
        GradedPairs(PhotoFolder(tmp_path), reference="same_clip")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), index=st.integers(0, 999_999))
def test_a_sample_follows_from_seed_and_index(tmp_path_factory: pytest.TempPathFactory, seed: int, index: int) -> None:
    folder = tmp_path_factory.getbasetemp() / "law"
    if not folder.is_dir():
        write_photo(folder / "0.jpg")
        write_photo(folder / "1.jpg", seed=1)
    first, again = (pairs(folder, seed=seed, length=10**6) for _ in range(2))
    again[(index * 7 + 1) % 10**6]  # what was read before does not matter
    assert equal(first[index], again[index])


def test_a_pass_takes_every_picture_once_and_the_next_in_another_order(photos: Path) -> None:
    names = [pairs(photos)[i].name.split(":")[1] for i in range(20)]
    passes = [names[i : i + 5] for i in range(0, 20, 5)]
    assert all(sorted(p) == [f"{i}.jpg" for i in range(5)] for p in passes)
    assert len({tuple(p) for p in passes}) > 1


@pytest.mark.filterwarnings("ignore:skipped")
def test_workers_change_nothing(photos: Path) -> None:
    (photos / "2.jpg").write_bytes(b"broken")
    items = pairs(photos)
    batches = [
        list(DataLoader(items, batch_size=4, num_workers=workers, collate_fn=items.collate)) for workers in (0, 2)
    ]
    assert all(equal(a, b) for a, b in zip(*batches, strict=True))


def test_a_broken_picture_is_replaced_counted_and_named_once(photos: Path) -> None:
    for name in ("1.jpg", "3.jpg"):
        (photos / name).write_bytes(b"broken")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        items = pairs(photos, length=10)
        loader = DataLoader(items, batch_size=5, num_workers=1, collate_fn=items.collate)
        for batch in loader:
            assert "1.jpg" not in batch.name
            items.prepare(batch, "cpu")
            items.prepare(batch, "cpu")
    assert {Path(path).name for path in items.skipped} == {"1.jpg", "3.jpg"}
    said = [str(w.message) for w in caught if "skipped" in str(w.message)]
    assert len(said) == 2
    assert any("1.jpg" in s for s in said)
    assert "2 of 5" in said[1]


def test_a_set_whose_every_file_is_broken_is_one_line(photos: Path) -> None:
    for path in photos.iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(InputError, match="none of the 5 pictures can be read; the first: ") as caught:
        pairs(photos)
    assert "\n" not in str(caught.value)


def test_crops_are_square_of_the_size_whatever_the_zoom(photos: Path) -> None:
    write_photo(photos / "tiny.jpg", size=(20, 200))
    for zoom in (None, (0.1, 0.2), (1.0, 1.0)):
        items = pairs(photos, zoom=zoom, size=48)
        assert {tuple(items[i].frames.shape) for i in range(12)} == {(1, 3, 48, 48)}


def test_it_can_be_sent_to_another_process(photos: Path) -> None:
    items = pairs(photos)
    items.bank.tables()  # type: ignore[union-attr]
    data = pickle.dumps(items)
    assert len(data) < 50_000  # the tables stay behind
    assert equal(pickle.loads(data)[7], items[7])


@pytest.mark.parametrize("reference", ["nearest", {"same_image": -1.0, "different": 2.0}, {}])
def test_a_reference_that_is_none_is_refused(photos: Path, reference: object) -> None:
    with pytest.raises(InputError, match="reference"):
        pairs(photos, reference=reference)


def test_real_photographs_with_real_luts(data_dir: Path) -> None:
    sources = {"creative": LutFiles(data_dir / "luts" / "train", split="val", mixed=1.0), "looks": Looks(split="val")}
    items = GradedPairs(PhotoFolder(data_dir / "photos" / "val"), sources, size=64, length=16, lut_size=17)
    batch = items.prepare(items.collate([items[i] for i in range(16)]), "cpu")
    assert batch.target is not None
    change = (batch.target - batch.frames).abs().mean(dim=(1, 2, 3, 4))
    assert (change > 0.01).float().mean() > 0.8  # the grades can be seen


def test_aligned_crops_share_scale_and_mirroring(tmp_path: Path) -> None:
    """On a ramp to the right, the slope of a crop tells its scale, and its sign whether it is mirrored."""
    ramp = np.broadcast_to(np.arange(0, 240, dtype=np.uint8)[None, :, None], (120, 240, 3))
    (tmp_path / "ramp").mkdir()
    Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / "ramp" / "0.png")
    plain = {"luts": None, "zoom": (0.3, 1.0)}

    def slopes(aligned: float) -> list[tuple[float, float]]:
        items = GradedPairs(PhotoFolder(tmp_path / "ramp"), size=32, length=12, aligned=aligned, **plain)
        samples = [items[i] for i in range(12)]
        return [(_slope(sample.frames), _slope(sample.reference)) for sample in samples]

    for here, there in slopes(1.0):
        assert here == pytest.approx(there, abs=0.15)
    assert len({here > 0 for here, _ in slopes(1.0)}) == 2
    assert max(abs(here - there) for here, there in slopes(0.0)) > 1


def _slope(crop: Tensor) -> float:
    row = crop[0, 0, 16].float()
    return float((row[-4] - row[3]) / (len(row) - 7))
