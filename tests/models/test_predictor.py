"""Our predictor: the anchor it starts from, and training on one batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lutgrade.lut import random_look
from lutgrade.models.predictor import LutPredictor, histogram
from lutgrade.objectives.supervised import Supervised
from models.learned import graded_sample, pictures, train, warm, without_gradient


@pytest.fixture(scope="module")
def tables() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.stack([random_look(generator).lut(9).table for _ in range(40)])


def predictor(tables: Tensor, **options: int) -> LutPredictor:
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


def test_half_precision_gives_nearly_the_same(tables: Tensor) -> None:
    model, content, reference = predictor(tables).eval(), pictures(0), pictures(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(content, reference).table
    assert half.dtype == torch.float32
    assert (half - model(content, reference).table).abs().max() < 0.02
