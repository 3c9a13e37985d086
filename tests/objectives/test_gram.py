"""Gram matrices, lightness and total variation against their definitions, and the objective that weighs them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from lutgrade.color.spaces import lab_to_srgb, srgb_to_lab
from lutgrade.models.direct import LutParameter
from lutgrade.models.encoders import SmallEncoder
from lutgrade.objectives.gram import ColorStyle, gram, gram_distance, lightness_distance, total_variation
from lutgrade.protocols import Sample
from models.learned import pictures, warm


def test_the_gram_matrix_is_its_sum() -> None:
    features = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    matrices = gram(features)
    for i in range(3):
        for j in range(3):
            expected = (features[:, i] * features[:, j]).mean((1, 2))
            torch.testing.assert_close(matrices[:, i, j], expected)


def test_the_distance_is_that_of_the_paper_relative_to_no_features() -> None:
    a, b = (torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))

    def papers(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:  # Eq. 4, with sums over the places
        raw = [f.flatten(2) @ f.flatten(2).mT for f in (first, second)]
        return (raw[0] - raw[1]).square().sum() / (4 * 3**2 * 20**2)

    expected = papers(a, b) / papers(torch.zeros_like(b), b)
    torch.testing.assert_close(gram_distance([gram(a)], [gram(b)]), expected)


def test_the_distance_knows_no_scale_and_layers_count_alike() -> None:
    a, b = (gram(torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed))) for seed in (0, 1))
    once = gram_distance([a], [b])
    torch.testing.assert_close(gram_distance([a, 1e4 * a], [b, 1e4 * b]), once)
    assert gram_distance([a], [torch.zeros_like(a)]).isfinite()


def test_a_gram_matrix_does_not_know_where_things_are() -> None:
    features = torch.rand(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(gram(features.flip(-1)), gram(features))


def test_lightness_ignores_chrominance() -> None:
    grey = torch.full((1, 3, 4, 4), 0.5)
    lighter = torch.full((1, 3, 4, 4), 0.6)
    assert lightness_distance(grey, grey) == 0
    torch.testing.assert_close(lightness_distance(lighter, grey), torch.tensor(0.0991**2), rtol=0.02, atol=0)
    lab = srgb_to_lab(0.4 + 0.2 * pictures(0, 1))
    turned = lab_to_srgb(lab * torch.tensor([1.0, -1.0, 0.5])[:, None, None])
    assert lightness_distance(turned, lab_to_srgb(lab)) < 1e-10


def test_total_variation_counts_steps() -> None:
    image = torch.zeros(1, 3, 4, 4)
    image[..., 2:] = 0.5
    torch.testing.assert_close(total_variation(image), torch.tensor(0.5 * 4 * 3 / image.numel()))
    assert total_variation(torch.full((1, 3, 1, 1), 0.3)) == 0


def test_only_weighted_parts_are_computed_and_they_sum_to_the_loss() -> None:
    objective = ColorStyle(
        SmallEncoder((8, 8, 16, 16), seed=0, frozen=True), layers=(0, 1), content=2.0, style=3.0, regularity=0.5
    )
    content = pictures(0, 1)
    parts = objective(LutParameter(5), Sample(content[:, None], warm(content)[:, None]))
    assert set(parts) == {"loss", "content", "style", "regularity"}
    torch.testing.assert_close(parts["loss"], 2 * parts["content"] + 3 * parts["style"] + 0.5 * parts["regularity"])
    assert parts["content"] < 1e-12  # the identity
    assert parts["style"] > 0


def test_the_style_of_the_reference_itself_is_no_loss() -> None:
    objective = ColorStyle(SmallEncoder((8, 8, 16, 16), seed=0, frozen=True), content=1.0, style=1.0)
    content = pictures(0, 1)
    parts = objective(LutParameter(5), Sample(content[:, None], content[:, None]))
    assert parts["loss"].item() == pytest.approx(0, abs=1e-8)


class Counting(nn.Module):
    """A picture as its own features; counts how often it is asked."""

    read = seen = 0

    def initialise(self) -> None:
        self.read += 1

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        self.seen += 1
        return [image]


def test_weights_are_read_once_on_the_first_call() -> None:
    features = Counting()
    objective = ColorStyle(features, layers=(0,))
    assert features.read == 0
    content = pictures(0, 1)
    for _ in range(2):
        objective(LutParameter(3), Sample(content[:, None], content[:, None]))
    assert features.read == 1


def test_a_reference_is_looked_at_once_and_another_anew() -> None:
    features = Counting()
    objective = ColorStyle(features, layers=(0,), content=0.0, regularity=0.0)
    content = pictures(0, 1)[:, None]
    first = Sample(content, warm(content))
    parts = [objective(LutParameter(3), first) for _ in range(3)]
    assert features.seen == 3 + 1
    assert parts[2]["style"] == parts[0]["style"]
    other = objective(LutParameter(3), Sample(content, content))
    assert features.seen == 4 + 2
    assert other["style"].item() == pytest.approx(0, abs=1e-8)


def test_free_pixels_are_held_in_range() -> None:
    class Picture(nn.Module):
        def forward(self, content: torch.Tensor, reference: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
            return lambda image: image + 0.5

    content = torch.full((1, 1, 3, 4, 4), 0.7)
    parts = ColorStyle(Counting(), layers=(0,))(Picture(), Sample(content, content))
    torch.testing.assert_close(parts["regularity"], torch.tensor(0.04))
