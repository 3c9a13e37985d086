"""The paired protocol on made photographs and LUTs, and on the real ones where they are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lutgrade.data.pairs import PairedProtocol, changed, film_fifth, graded_pair, load_photo
from lutgrade.errors import InputError
from lutgrade.lut import Lut


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for i, size in enumerate([(40, 60), (70, 50), (64, 64), (256, 384), (30, 90)]):
        pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"photo{i}.png")
    return folder


@pytest.fixture
def luts(tmp_path: Path) -> Path:
    folder = tmp_path / "luts"
    folder.mkdir()
    for i in range(7):
        Lut.from_function(lambda x, i=i: x ** (1 + 0.1 * i), 5).save(folder / f"lut{i}.cube")
    return folder


def test_a_sample_is_as_the_protocol_says(photos: Path, luts: Path) -> None:
    sample = next(iter(PairedProtocol(photos, luts, per_photo=2)))
    photo, lut = load_photo(photos / "photo0.png"), Lut.load(luts / "lut0.cube")
    assert sample.name == "photo0/lut0"
    assert sample.frames.shape == sample.reference.shape == sample.target.shape == (1, 3, 256, 230)
    assert torch.equal(sample.frames[0], photo[:, :, 0:230])
    for image, columns in ((sample.target, photo[:, :, 0:230]), (sample.reference, photo[:, :, 154:384])):
        assert torch.equal(image[0], (lut(columns) * 255).round() / 255)
    torch.testing.assert_close(sample.lut, lut.table)


def test_everything_is_in_steps_of_8_bits(photos: Path, luts: Path) -> None:
    for sample in PairedProtocol(photos, luts, per_photo=1):
        for image in (sample.frames, sample.reference, sample.target):
            assert image.min() >= 0
            assert image.max() <= 1
            torch.testing.assert_close(image * 255, (image * 255).round(), rtol=0, atol=1e-4)


def test_a_photograph_of_the_right_size_is_not_resampled(photos: Path) -> None:
    pixels = np.asarray(Image.open(photos / "photo3.png"))
    torch.testing.assert_close(load_photo(photos / "photo3.png") * 255, torch.tensor(pixels).permute(2, 0, 1).float())


def test_values_outside_the_cube_are_clamped() -> None:
    sample = graded_pair(torch.rand(3, 256, 384), Lut.from_function(lambda x: 1.5 * x - 0.2, 5))
    assert sample.target is not None
    assert sample.target.min() == 0
    assert sample.target.max() == 1


def test_the_pairing_is_the_stated_one_and_uses_everything(photos: Path, luts: Path) -> None:
    protocol = PairedProtocol(photos, luts, per_photo=3)
    names = [(photo.stem, lut.stem) for photo, lut in protocol.pairs]
    assert len(protocol) == len(names) == 15
    assert names[:6] == [
        ("photo0", "lut0"), ("photo0", "lut2"), ("photo0", "lut4"),
        ("photo1", "lut1"), ("photo1", "lut3"), ("photo1", "lut5"),
    ]  # fmt: skip
    assert len(set(names)) == 15
    assert len({lut for _, lut in names}) == 7
    assert [sample.name for sample in protocol] == ["/".join(pair) for pair in names]


def test_a_broken_photograph_is_left_out_and_moves_no_other_pair(photos: Path, luts: Path) -> None:
    whole = {sample.name for sample in PairedProtocol(photos, luts, per_photo=2)}
    (photos / "photo2.png").write_bytes((photos / "photo2.png").read_bytes()[:100])
    protocol = PairedProtocol(photos, luts, per_photo=2)
    with pytest.warns(UserWarning, match=r"1 unreadable photographs left out: photo2\.png"):
        rest = {sample.name for sample in protocol}
    assert rest == {name for name in whole if not name.startswith("photo2/")}
    assert list(protocol.skipped) == [photos / "photo2.png"]


def test_a_shaper_or_a_domain_is_baked_into_the_samples_table() -> None:
    photo = torch.rand(3, 256, 384, generator=torch.Generator().manual_seed(0))
    lut = Lut(Lut.identity(9).table, domain=torch.tensor([[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]]))
    sample = graded_pair(photo, lut)
    assert sample.lut is not None
    torch.testing.assert_close(Lut(sample.lut)(photo), lut(photo), rtol=0, atol=1e-5)


def test_pairs_made_harder() -> None:
    photo = torch.rand(3, 16, 24, generator=torch.Generator().manual_seed(0)).repeat_interleave(16, 1)
    photo = (photo.repeat_interleave(16, 2) * 255).round() / 255
    pair = graded_pair(photo, Lut.identity(9))
    apart, shrunk, jpeg = (changed(pair, change) for change in ("apart", "shrunk", "jpeg"))
    assert torch.equal(apart.frames[0], photo[:, :, :154])
    assert torch.equal(apart.reference[0], photo[:, :, 230:])
    assert apart.target is not None
    assert torch.equal(apart.target, apart.frames)
    assert shrunk.reference.shape == (1, 3, 161, 145)
    difference = (jpeg.reference - pair.reference).abs()
    assert 0 < difference.mean() < 0.03
    assert torch.equal(jpeg.frames, pair.frames)
    with pytest.raises(InputError, match="not 'blurred'"):
        changed(pair, "blurred")


def test_bad_folders_are_refused(photos: Path, luts: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        PairedProtocol(tmp_path / "none", luts)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no LUTs in"):
        PairedProtocol(photos, tmp_path / "empty")
    with pytest.raises(InputError, match="at least one"):
        PairedProtocol(photos, luts, per_photo=0)


def test_the_film_fifth(luts: Path) -> None:
    assert [path.name for path in film_fifth(luts)] == ["lut0.cube", "lut5.cube"]


def test_the_real_benchmark_uses_every_photograph_and_every_lut(data_dir: Path) -> None:
    film = film_fifth(data_dir / "luts" / "film")
    for luts in (data_dir / "luts" / "val", film):
        protocol = PairedProtocol(data_dir / "photos" / "val", luts)
        used = Counter(lut for _, lut in protocol.pairs)
        assert len(protocol) == 2 * 60
        assert set(used) == set(protocol.luts)
        assert max(used.values()) <= 1.5 * min(used.values()) + 2
