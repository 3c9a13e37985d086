"""HaldCLUT pictures, against FFmpeg's."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from lutgrade import Lut
from lutgrade.errors import InputError
from lutgrade.lut import identity_table
from lutgrade.lut.hald import read_hald, write_hald


def random_lut(size: int) -> Lut:
    return Lut(torch.rand(3, size, size, size, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("size", [4, 16, 25])
def test_round_trip(suffix: str, bits: int, size: int, tmp_path: Path) -> None:
    lut = random_lut(size)
    path = write_hald(lut, tmp_path / f"look{suffix}", bits=bits)
    again = read_hald(path)
    torch.testing.assert_close(again.table, lut.table, atol=0.5001 / (2**bits - 1), rtol=0)
    assert again.title == "look"
    side = round(size**1.5)
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (side, side, 3)
    assert picture.dtype.itemsize * 8 == bits


def test_the_identity_is_ffmpegs(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    graph = av.filter.Graph()
    source, sink = graph.add("haldclutsrc", "level=4"), graph.add("buffersink")
    source.link_to(sink)
    graph.configure()
    theirs = sink.pull().to_ndarray(format="rgb24")
    path = write_hald(Lut.identity(16), tmp_path / "a.png", bits=8)
    picture = cv2.imread(str(path))[..., ::-1]
    assert np.abs(picture.astype(int) - theirs).max() <= 1  # FFmpeg rounds down
    cv2.imwrite(str(path), theirs[..., ::-1])
    torch.testing.assert_close(read_hald(path).table, identity_table(16), atol=1.01 / 255, rtol=0)


def test_sizes_without_a_level_are_resampled_to_level_8(tmp_path: Path) -> None:
    lut = Lut(identity_table(33).square())
    image = torch.rand(3, 9, 9, generator=torch.Generator().manual_seed(1))
    again = read_hald(write_hald(lut, tmp_path / "a.png"))
    assert again.size == 64
    torch.testing.assert_close(again(image), lut(image), atol=1e-3, rtol=0)
    assert read_hald(write_hald(lut, tmp_path / "a.png", level=6)).size == 36


def test_values_are_clipped(tmp_path: Path) -> None:
    again = read_hald(write_hald(Lut(identity_table(4) * 3 - 1), tmp_path / "a.png"))
    torch.testing.assert_close(again.table, (identity_table(4) * 3 - 1).clamp(0, 1), atol=1e-5, rtol=0)


def test_greyscale_and_alpha_are_taken(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    cv2.imwrite(str(tmp_path / "alpha.png"), np.dstack([grey, grey, grey, grey]))
    for name in ("grey", "alpha"):
        table = read_hald(tmp_path / f"{name}.png").table * 255
        assert table[:, 3, 3, 3].round().tolist() == [63, 63, 63]


@pytest.mark.parametrize("shape", [(8, 27, 3), (10, 10, 3), (1, 1, 3)])
def test_pictures_of_another_shape_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match=f"{shape[1]} x {shape[0]} pixels are no HaldCLUT.* 8, 27, 64"):
        read_hald(tmp_path / "a.png")


def test_a_picture_cut_short_is_refused(tmp_path: Path) -> None:
    path = write_hald(random_lut(16), tmp_path / "a.png")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match="not a picture"):
        read_hald(path)


@pytest.mark.parametrize("options", [{"bits": 12}, {"level": 1}, {"level": 17}])
def test_options_that_no_haldclut_has(options: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        write_hald(Lut.identity(4), tmp_path / "a.png", **options)
