"""Bars are cut off whatever compression left in them, and of dark pictures no more than is uniform."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import pad

from lutgrade.models.bars import without_bars


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    """One of scikit-image's, `[3, 300, 451]`, nowhere dark at its edges."""
    import skimage.data

    return torch.from_numpy(skimage.data.chelsea()).permute(2, 0, 1) / 255


def barred(image: Tensor, rows: int, columns: int, level: float = 0.0) -> Tensor:
    return pad(image, (columns, columns, rows, rows), value=level)


def as_jpeg(image: Tensor, quality: int) -> Tensor:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255


@pytest.mark.parametrize(("rows", "columns"), [(50, 0), (0, 60), (24, 40), (1, 0), (0, 450)])
@pytest.mark.parametrize("level", [0.0, 16 / 255])
def test_letterbox_and_pillar_bars_are_cut_off(photograph: Tensor, rows: int, columns: int, level: float) -> None:
    assert torch.equal(without_bars(barred(photograph, rows, columns, level)), photograph)


def test_bars_of_a_compressed_picture_are_cut_off(photograph: Tensor) -> None:
    picture = without_bars(as_jpeg(barred(photograph, 52, 0), quality=60))
    assert 300 <= picture.shape[1] <= 316  # a block reaches over the edge
    assert picture.shape[2] == 451


def test_a_tinted_bar_is_one(photograph: Tensor) -> None:
    """Of a picture that was graded with its bars."""
    graded = photograph.clamp_min(0.1)
    tint = torch.tensor([0.02, 0.05, 0.09])[:, None, None].expand(3, 40, 451)
    assert torch.equal(without_bars(torch.cat([tint, graded, tint], dim=1)), graded)


def test_a_picture_without_bars_stays_as_it_is(photograph: Tensor) -> None:
    grey = torch.full((3, 20, 30), 0.5)
    white = barred(photograph, 40, 0, level=1.0)
    below = pad(photograph, (0, 0, 0, 60))  # dark ground
    for image in (photograph, grey, white, below, torch.zeros(3, 20, 30), torch.zeros(3, 1, 1), photograph * torch.nan):
        assert without_bars(image).shape == image.shape


def test_a_dark_vignette_and_a_night_keep_what_is_not_uniform(photograph: Tensor) -> None:
    rows = torch.linspace(-1, 1, 300)[:, None].square() + torch.linspace(-1, 1, 451).square()
    vignette = photograph * (1 - 0.6 * rows).clamp(0, 1)
    assert without_bars(vignette).shape == vignette.shape
    noise = 0.02 * torch.randn(3, 300, 451, generator=torch.Generator().manual_seed(0))
    night = photograph * 0.15
    night[:, :80] = night[:, -80:] = 0.03
    assert without_bars((night + noise).clamp(0, 1)).shape == night.shape


def test_a_candle_in_the_dark_is_not_cut_out() -> None:
    image = torch.zeros(3, 100, 200)
    image[:, 45:55, 97:103] = 0.8
    assert without_bars(image).shape == image.shape


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_no_more_is_taken_than_is_dark_on_both_sides(top: int, bottom: int, columns: int, seed: int) -> None:
    picture = 0.3 + 0.7 * torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(seed))
    image = pad(picture, (columns, columns, top, bottom))
    found = without_bars(image)
    bar = min(top, bottom)
    assert torch.equal(found, image[:, bar : image.shape[1] - bar, columns : image.shape[2] - columns])
