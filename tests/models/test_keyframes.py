"""Key frames by Lab histogram: the pair of VCG Eq. 1, whole or frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.color.spaces import srgb_to_lab
from lutgrade.data.pairs import load_photo
from lutgrade.errors import InputError
from lutgrade.lut import Lut
from lutgrade.models.keyframes import KeyframeSelector, LabHistogram, LabHistogramSelector, layouts


def scene(seed: int, color: tuple[float, float, float], height: int = 20, width: int = 30) -> Tensor:
    """A frame of colours around one."""
    noise = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))
    return (torch.tensor(color)[:, None, None] + 0.1 * (noise - 0.5)).clamp(0, 1)


RED, GREEN, BLUE, GREY = (0.8, 0.2, 0.1), (0.2, 0.7, 0.3), (0.1, 0.2, 0.8), (0.5, 0.5, 0.5)


def test_picks_the_pair_of_one_colour() -> None:
    frames = torch.stack([scene(0, RED), scene(1, GREEN), scene(2, GREY)])
    references = torch.stack([scene(3, BLUE, 16, 16), scene(4, GREEN, 16, 16)])
    assert LabHistogramSelector()(frames, references) == (1, 1)


def test_of_equal_pairs_the_first_is_taken() -> None:
    frames = torch.stack([scene(0, RED), scene(1, GREEN), scene(1, GREEN)])
    assert LabHistogramSelector()(frames, frames[1:]) == (1, 0)
    a = torch.eye(3)
    assert KeyframeSelector.most_similar(a[[2, 0, 0]], a[[1, 0, 0]]) == (1, 1, 1.0)


def test_long_clips_are_compared_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.nn.functional.normalize(torch.randn(k, 8, generator=generator), dim=1) for k in (23, 5))
    a[[4, 17]] = b[3]
    whole = KeyframeSelector.most_similar(a, b)
    assert whole[:2] == (4, 3)
    for rows in (1, 2, 5, 22, 23):
        monkeypatch.setattr("lutgrade.models.keyframes.ROWS", rows)
        assert KeyframeSelector.most_similar(a, b)[:2] == (4, 3)


def test_pairs_that_differ_by_rounding_are_equal() -> None:
    a = torch.tensor([[1.0, 0.0], [1 - 1e-7, 0.0], [1.0, 0.0]])
    assert KeyframeSelector.most_similar(a[[1, 0]], a[:1])[:2] == (0, 0)
    assert KeyframeSelector.most_similar(torch.tensor([[0.999, 0.0], [1.0, 0.0]]), a[:1])[:2] == (1, 0)


def test_images_are_encoded_in_batches() -> None:
    sizes: list[int] = []

    def encode(images: Tensor) -> Tensor:
        sizes.append(len(images))
        return images.mean((2, 3))

    assert KeyframeSelector(encode).features(torch.rand(37, 3, 4, 4)).shape == (37, 3)
    assert sizes == [16, 16, 5]


def test_one_frame_and_one_reference() -> None:
    assert LabHistogramSelector()(scene(0, RED)[None], scene(1, BLUE)[None]) == (0, 0)


def test_frames_can_be_encoded_as_they_come() -> None:
    selector = LabHistogramSelector(bins=8)
    frames = torch.stack([scene(i, color) for i, color in enumerate((RED, GREEN, BLUE))])
    one_by_one = torch.cat([selector.features(frame[None]) for frame in frames])
    assert torch.equal(one_by_one, selector.features(frames))
    assert one_by_one.shape == (3, 512)
    torch.testing.assert_close(one_by_one.norm(dim=1), torch.ones(3))


def test_the_histogram_holds_every_pixel_in_its_bin() -> None:
    """At bin centres nothing is shared, so numpy's histogram of the same colours is the answer."""
    image = scene(0, GREEN, 40, 40)
    lab = srgb_to_lab(image.double()).flatten(1).numpy()
    bins = 16
    edges = [(0, 100), (-110, 110), (-110, 110)]
    hard, _ = np.histogramdd(lab.T, bins=bins, range=edges)
    soft = (LabHistogram(bins)(image[None])[0] ** 2).reshape(bins, bins, bins).numpy()
    assert soft.sum() == pytest.approx(1, abs=1e-5)
    for axis in range(3):  # soft binning moves each pixel by less than a bin, and by none on average
        others = tuple(a for a in range(3) if a != axis)
        low, high = edges[axis]
        centres = low + (np.arange(bins) + 0.5) * (high - low) / bins
        assert (soft.sum(others) * centres).sum() == pytest.approx(lab[axis].mean(), abs=0.01 * (high - low) / bins)
    assert np.minimum(soft, hard / hard.sum()).sum() > 0.4


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_the_choice_is_the_largest_cosine_of_all_pairs(seed: int, t: int, n: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    frames, references = torch.rand(t, 3, 4, 4, generator=generator), torch.rand(n, 3, 5, 3, generator=generator)

    def encode(images: Tensor) -> Tensor:
        return torch.stack([images.mean((2, 3)), images.amax((2, 3))], dim=2).flatten(1) - 0.5

    chosen = KeyframeSelector(encode)(frames, references)
    cosine = torch.cosine_similarity(encode(frames)[:, None], encode(references)[None], dim=2)
    assert cosine[chosen] >= cosine.max() - 1e-5


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="images"):
        LabHistogramSelector()(torch.rand(3, 4, 4), torch.rand(1, 3, 4, 4))
    with pytest.raises(InputError, match="images"):
        LabHistogramSelector()(torch.rand(0, 3, 4, 4), torch.rand(1, 3, 4, 4))
    with pytest.raises(InputError, match="2 bins"):
        LabHistogram(bins=1)


def test_layouts_see_through_a_grade_and_tell_views_apart() -> None:
    import skimage.data

    image = torch.from_numpy(skimage.data.astronaut()).permute(2, 0, 1)[None] / 255
    graded = 0.8 * image**1.7 + 0.1
    rows = layouts(torch.cat([image, graded, image.flip(-1)]))
    assert rows.shape == (3, 576)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(3))
    assert rows[0] @ rows[1] > 0.99
    assert rows[0] @ rows[2] < 0.8


def test_photographs_are_told_apart_and_known_again_after_a_grade(data_dir: Path) -> None:
    """What `lutgrade.analysis.SAME_VIEW`, 0.8, rests on: 1,770 pairs of photographs, and 600 grades."""
    photographs = torch.stack([load_photo(path) for path in sorted((data_dir / "photos" / "val").glob("*.jpg"))])
    rows = layouts(photographs)
    assert (rows @ rows.T).fill_diagonal_(0).max() < 0.75
    graded = [layouts(Lut.load(path)(photographs)) for path in sorted((data_dir / "luts" / "val").glob("*.cube"))]
    again = (torch.stack(graded) * rows).sum(-1)
    assert (again >= 0.8).float().mean() > 0.98
