"""Pairs of which either side is graded."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor

from clips import write_photo
from lutgrade.data import BothWays, GradedPairs, PhotoFolder, RandomLooks
from lutgrade.errors import InputError
from lutgrade.protocols import Sample

OPTIONS = {"luts": {"random": RandomLooks(count=4)}, "size": 16, "lut_size": 9, "length": 40}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> PhotoFolder:
    folder = tmp_path_factory.mktemp("photos")
    for i in range(3):
        write_photo(folder / f"{i}.jpg", seed=i)
    return PhotoFolder(folder)


def prepared(items: GradedPairs, count: int = 24) -> Sample:
    return items.prepare(items.collate([items[i] for i in range(count)]), "cpu", Generator().manual_seed(0))


def alike(a: Tensor | None, b: Tensor | None) -> Tensor:
    """Whether the samples of two batches are equal, `[B]`."""
    assert a is not None
    assert b is not None
    return (a == b).flatten(1).all(1)


@pytest.mark.parametrize("pregrade", [0.0, 0.5])
def test_the_grade_is_on_the_content_or_on_the_rest(photos: PhotoFolder, pregrade: float) -> None:
    one = prepared(GradedPairs(photos, **OPTIONS, pregrade=pregrade))  # type: ignore[arg-type]
    both = prepared(BothWays(photos, **OPTIONS, pregrade=pregrade))  # type: ignore[arg-type]
    kept = alike(both.frames, one.frames) & alike(both.target, one.target) & alike(both.reference, one.reference)
    swapped = alike(both.frames, one.target) & alike(both.target, one.frames)
    assert (kept ^ swapped).all()
    assert 4 < swapped.sum() < 20
    assert both.lut is None
    assert not alike(both.reference, one.reference)[swapped].any()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_none_or_all(photos: PhotoFolder, share: float) -> None:
    one = prepared(GradedPairs(photos, **OPTIONS))  # type: ignore[arg-type]
    both = prepared(BothWays(photos, graded_content=share, **OPTIONS))  # type: ignore[arg-type]
    assert alike(both.frames, one.target if share else one.frames).all()


def test_the_ungraded_reference_is_the_picture_itself(photos: PhotoFolder) -> None:
    items = BothWays(photos, graded_content=1.0, **OPTIONS)  # type: ignore[arg-type]
    raw = items.collate([items[i] for i in range(4)])
    assert torch.equal(items.prepare(raw, "cpu").reference, raw.reference / 255)


def test_what_cannot_work_is_refused(photos: PhotoFolder) -> None:
    with pytest.raises(InputError, match="give LUTs"):
        BothWays(photos, None, size=16)
    with pytest.raises(InputError, match="a share"):
        BothWays(photos, graded_content=2.0, **OPTIONS)  # type: ignore[arg-type]
