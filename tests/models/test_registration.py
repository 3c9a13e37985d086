"""Overlaps: crops of one photograph are laid over each other whatever their grade, and those of others are not."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from lutgrade.data.pairs import load_photo
from lutgrade.lut import looks
from lutgrade.models.registration import overlap

COUNT = 1000


def photograph(name: str) -> Tensor:
    """One of scikit-image's, `[3, H, W]`."""
    import skimage.data

    return torch.from_numpy(getattr(skimage.data, name)()).permute(2, 0, 1).float() / 255


@pytest.fixture(scope="module")
def astronaut() -> Tensor:
    return photograph("astronaut")


def turned(image: Tensor, degrees: float, scale: float) -> Tensor:
    """The image turned about its middle and magnified."""
    angle = torch.tensor(degrees).deg2rad()
    sine, cosine = float(angle.sin()) / scale, float(angle.cos()) / scale
    theta = torch.tensor([[[cosine, -sine, 0.0], [sine, cosine, 0.0]]])
    grid = affine_grid(theta, [1, *image.shape], align_corners=False)
    return grid_sample(image[None], grid, mode="bicubic", align_corners=False)[0].clamp(0, 1)


@pytest.mark.parametrize("look", ["teal_and_orange", "bleach_bypass"])
def test_overlapping_halves_tell_the_grade_of_their_colours(astronaut: Tensor, look: str) -> None:
    lut = looks()[look].lut(17)
    found = overlap(astronaut[:, :, :310], lut(astronaut)[:, :, 205:], COUNT)
    assert found is not None
    colors, graded = found
    assert colors.shape == graded.shape == (COUNT, 3)
    expected = lut(colors.T[None, :, None])[0, :, 0].T
    assert (graded - expected).abs().median() < 1 / 255


def test_an_overlap_that_is_turned_and_magnified_is_found(astronaut: Tensor) -> None:
    found = overlap(astronaut, turned(astronaut, 10, 1.4), COUNT)
    assert found is not None
    assert (found[0] - found[1]).abs().median() < 3 / 255


def test_an_overlap_of_another_size_and_shape_is_found(astronaut: Tensor) -> None:
    stretched = interpolate(astronaut[None], (700, 600), mode="bicubic", antialias=True)[0].clamp(0, 1)
    found = overlap(astronaut, stretched[:, 200:], COUNT)
    assert found is not None
    assert (found[0] - found[1]).abs().median() < 3 / 255


def test_nothing_is_found_where_nothing_is_shared(astronaut: Tensor) -> None:
    assert overlap(astronaut, photograph("coffee"), COUNT) is None
    assert overlap(astronaut, torch.full((3, 64, 64), 0.5), COUNT) is None
    assert overlap(astronaut[:, :1, :1], astronaut, COUNT) is None


def test_nothing_is_found_in_another_photograph(data_dir: Path) -> None:
    photographs = [load_photo(path) for path in sorted((data_dir / "photos" / "val").glob("*.jpg"))[:16]]
    assert not any(overlap(*pair, COUNT) for pair in itertools.pairwise(photographs))


def test_the_pixels_are_the_same_each_time(astronaut: Tensor) -> None:
    first, second = (overlap(astronaut, astronaut[:, 100:], COUNT) for _ in range(2))
    assert first is not None
    assert second is not None
    assert torch.equal(torch.stack(first), torch.stack(second))
