"""Our predictor: the anchor it starts from, and training on one batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from lutgrade.errors import InputError
from lutgrade.lut import random_look
from lutgrade.models.predictor import LutPredictor, histogram
from lutgrade.models.unbalanced import UnbalancedMKL
from lutgrade.objectives.supervised import Supervised
from models.learned import graded_sample, pictures, train, warm, without_gradient


@pytest.fixture(scope="module")
def tables() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.stack([random_look(generator).lut(9).table for _ in range(40)])


def photographs() -> tuple[Tensor, Tensor]:
    """Two of scikit-image's, `[1, 3, 200, 300]`."""
    import skimage.data

    images = (
        torch.from_numpy(image).permute(2, 0, 1)[None] / 255
        for image in (skimage.data.chelsea(), skimage.data.coffee())
    )
    return tuple(interpolate(image, (200, 300), mode="bilinear", antialias=True) for image in images)


def predictor(tables: Tensor, **options: float) -> LutPredictor:
    torch.manual_seed(0)
    model = LutPredictor(**{"size": 9, "components": 24, "grid": 4, "width": 16, "layers": 1, "heads": 2} | options)
    assert model.basis.fit(tables) > 0.95
    return model


def test_untrained_it_follows_the_matcher_among_the_luts_it_knows(tables: Tensor) -> None:
    """From the same picture, graded, the linear map among the LUTs known is half of the grade."""
    content = pictures(0, 4)
    target = warm(content)
    graded = predictor(tables, rounds=1).eval()(content, target)(content)
    assert (graded - target).square().mean() < 0.5 * (content - target).square().mean()


def test_each_pair_of_a_batch_is_its_own(tables: Tensor) -> None:
    model, content, reference = predictor(tables).eval(), pictures(0, 3), pictures(1, 3)
    together = model(content, reference).table
    for i in range(3):
        alone = model(content[i : i + 1], reference[i : i + 1]).table
        torch.testing.assert_close(together[i], alone[0], rtol=0, atol=1e-4)


def test_a_histogram_by_hand() -> None:
    image = torch.zeros(1, 3, 1, 4)
    image[0, 2, 0, 3] = 1.0  # three black pixels and a blue one
    expected = torch.zeros(512)
    expected[0], expected[7] = 0.75**0.5, 0.25**0.5
    torch.testing.assert_close(histogram(image)[0], expected)


def test_a_gradient_reaches_every_parameter(tables: Tensor) -> None:
    model, batch = predictor(tables), graded_sample()
    for last in (model.head[-1], model.correspondence.weigh[-1]):
        torch.nn.init.normal_(last.weight, std=0.1)
    assert without_gradient(model, lambda: Supervised()(model, batch)["loss"]) == []


def test_learns_one_batch(tables: Tensor) -> None:
    losses = train(predictor(tables), Supervised(), graded_sample(), steps=40, learning_rate=1e-2)
    assert losses[-1] < 0.35 * losses[0]


def test_pixels_of_an_overlap_tell_more_than_patches(tables: Tensor) -> None:
    """Of three pairs the first two show one scene; something covers a part of the second; the third is another's."""
    patches, pixels = predictor(tables).eval(), predictor(tables, pixels=512).eval()
    scene, other = photographs()
    content, reference = scene.repeat(3, 1, 1, 1)[..., :200], warm(scene.repeat(3, 1, 1, 1))[..., 100:]
    reference[1, :, :60, :60] = torch.tensor([0.0, 1.0, 0.0])[:, None, None]
    reference[2] = warm(other[0])[..., 100:]
    target = warm(content)
    without, with_pixels = (
        (model(content, reference)(content) - target).square().mean((1, 2, 3)) for model in (patches, pixels)
    )
    assert (with_pixels[:2] < 0.1 * without[:2]).all()
    assert with_pixels[0] < 1e-3
    torch.testing.assert_close(with_pixels[2], without[2], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shared", [True, False])
def test_images_of_any_precision_are_taken_as_they_are(tables: Tensor, dtype: torch.dtype, shared: bool) -> None:
    """The pixels of an overlap, and what is followed where there is none, are as exact as the images."""
    scene, other = (photograph.to(dtype) for photograph in photographs())
    model = predictor(tables, pixels=256, follow=0.5).eval()
    model.correspondence.weigh[-1].bias.data[-1] = -8.0  # no patch is trusted
    pair = scene[..., :200], warm(scene if shared else other)[..., 100:]
    table = model(*pair).table
    assert table.dtype == torch.float32
    torch.testing.assert_close(table, model(*(image.float() for image in pair)).table, rtol=0, atol=1e-6)


def test_pixels_are_left_out_in_training(tables: Tensor) -> None:
    scene, _ = photographs()
    pair = scene[..., :200], warm(scene)[..., 100:]
    patches, pixels = predictor(tables).train(), predictor(tables, pixels=512).train()
    assert torch.equal(patches(*pair).table, pixels(*pair).table)


def test_a_reference_in_which_nothing_is_found_is_followed(tables: Tensor) -> None:
    scene, other = photographs()
    content, reference = scene, warm(other)
    plain, following = predictor(tables), predictor(tables, follow=0.5)
    for model in (plain, following):
        model.correspondence.weigh[-1].bias.data[-1] = -8.0  # no patch is trusted
    matched = UnbalancedMKL(size=9)(content, reference).table
    expected = plain.eval()(content, reference).table.lerp(matched, 0.5)
    torch.testing.assert_close(following.eval()(content, reference).table, expected)
    following.correspondence.weigh[-1].bias.data[-1] = 8.0
    plain.correspondence.weigh[-1].bias.data[-1] = 8.0
    assert torch.equal(following(content, reference).table, plain(content, reference).table)


def test_a_pair_that_is_laid_over_does_not_change_how_far_another_follows(tables: Tensor) -> None:
    scene, other = photographs()
    model = predictor(tables, pixels=512, follow=0.5).eval()
    model.correspondence.weigh[-1].bias.data[-1] = 3.0  # patches of the other pair are trusted, more or less
    content, reference = scene.repeat(2, 1, 1, 1), warm(torch.cat([scene, other]))
    together, alone = model(content, reference).table[1], model(content[1:], reference[1:]).table[0]
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4)


def test_no_round_is_refused() -> None:
    with pytest.raises(InputError, match="at least one round, not 0"):
        LutPredictor(rounds=0)


def test_half_precision_gives_nearly_the_same(tables: Tensor) -> None:
    model, content, reference = predictor(tables).eval(), pictures(0), pictures(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(content, reference).table
    assert half.dtype == torch.float32
    assert (half - model(content, reference).table).abs().max() < 0.02
