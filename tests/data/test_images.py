"""Photographs for training: decoded small, turned upright, in sRGB; what is broken is said."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from clips import write_photo
from lutgrade.data.images import PhotoFolder, decode, packaged_photos
from lutgrade.errors import InputError, LutgradeError


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_shorter_side_is_shrunk_to_what_is_asked_for(tmp_path: Path, suffix: str) -> None:
    path = write_photo(tmp_path / f"a{suffix}", size=(600, 800))
    assert decode(path).shape == (600, 800, 3)
    assert decode(path, 100).shape == (100, 133, 3)
    assert decode(path, 700).shape == (600, 800, 3)


def test_a_small_decode_is_the_large_one_shrunk(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg", size=(600, 800), quality=95)
    whole = np.asarray(Image.open(path).resize((133, 100), Image.Resampling.BOX), np.float32)
    assert np.abs(decode(path, 100).astype(np.float32) - whole).mean() < 1.5


def test_exif_orientation_is_applied_before_the_size_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    path = write_photo(tmp_path / "a.jpg", size=(300, 400), exif=exif)
    assert decode(path, 150).shape == (200, 150, 3)


def test_grey_cmyk_palette_and_deep_images_become_rgb(tmp_path: Path) -> None:
    image = Image.open(write_photo(tmp_path / "rgb.png"))
    image.convert("L").save(tmp_path / "grey.png")
    image.convert("CMYK").save(tmp_path / "cmyk.jpg")
    image.convert("P").save(tmp_path / "palette.png")
    Image.fromarray(np.full((20, 30), 32768, np.uint16)).save(tmp_path / "deep.png")
    for name in ("grey.png", "cmyk.jpg", "palette.png"):
        assert decode(tmp_path / name).shape == (96, 128, 3)
    assert np.unique(decode(tmp_path / "deep.png")).tolist() == [128]


def test_a_colour_profile_is_taken_to_srgb(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    plain = write_photo(tmp_path / "a.png")
    in_lab = ImageCms.profileToProfile(Image.open(plain), ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    assert in_lab is not None
    in_lab.save(tmp_path / "lab.tif")
    assert np.abs(decode(tmp_path / "lab.tif").astype(int) - decode(plain)).mean() < 2


def test_a_folder_is_read_at_any_depth_in_the_order_of_the_paths(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "a.png", "b/1.jpg"):
        write_photo(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    assert [p.relative_to(tmp_path).as_posix() for p in PhotoFolder(tmp_path).paths] == ["a.png", "b/1.jpg", "b/2.jpg"]


def test_the_splits_of_a_folder_are_disjoint_and_whole(tmp_path: Path) -> None:
    for i in range(11):
        write_photo(tmp_path / f"{i:02}.jpg", size=(8, 8))
    train, val = (PhotoFolder(tmp_path, split=split, every=5).paths for split in ("train", "val"))
    assert [p.stem for p in val] == ["00", "05", "10"]
    assert sorted([*train, *val]) == PhotoFolder(tmp_path).paths


@pytest.mark.parametrize("cache", [False, True])
def test_a_broken_file_is_an_error_when_it_is_read(tmp_path: Path, cache: bool) -> None:
    write_photo(tmp_path / "a.jpg")
    whole = write_photo(tmp_path / "b.jpg", seed=1).read_bytes()
    (tmp_path / "b.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.jpg").write_bytes(b"not a picture")
    photos = PhotoFolder(tmp_path, cache=cache)
    (one, two) = photos.read(0, [0.1, 0.9])
    assert one is two
    for index, name in ((1, "b.jpg"), (2, "c.jpg")):
        with pytest.raises(InputError, match=name):
            photos.read(index, [0.5])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        PhotoFolder(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no images"):
        PhotoFolder(tmp_path)


def test_packaged_photos_say_what_they_come_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(LutgradeError, match="come with scikit-image; install it with pip install"):
        packaged_photos()


def test_packaged_photos_need_no_data() -> None:
    pytest.importorskip("skimage")
    photos = packaged_photos(short_side=64)
    assert all(min(photos.read(i, [0.0])[0].shape[:2]) == 64 for i in range(len(photos)))
