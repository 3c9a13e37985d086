"""Colours found again in the reference: by structure, by colour, and with a trust that follows."""

from __future__ import annotations

import torch
from torch import Tensor

from lutgrade.models.correspondence import Correspondence

PATCHES, WIDTH, HEADS = 16, 8, 2


def finder() -> Correspondence:
    """One that keeps what the first head found, whatever it is given."""
    torch.manual_seed(0)
    module = Correspondence(WIDTH, HEADS, PATCHES)
    with torch.no_grad():
        module.weigh[-1].bias.zero_()
        module.weigh[-1].bias[0] = 50.0
    return module


def scene() -> tuple[Tensor, Tensor]:
    """Features that tell patches apart, and their colours."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(1, PATCHES, WIDTH, generator=generator), torch.rand(1, PATCHES, 3, generator=generator)


def test_patches_of_one_structure_are_found_in_any_order_whatever_the_grade() -> None:
    module, (features, colors) = finder(), scene()
    with torch.no_grad():
        module.structure.fill_(6.0)  # sharp
        module.nearness.fill_(-20.0)  # colours do not count
        module.key.load_state_dict(module.query.state_dict())
    order = torch.randperm(PATCHES, generator=torch.Generator().manual_seed(2))
    graded = 1 - colors
    likeness = module.likeness(features, features[:, order])
    mapped, _ = module(features, colors, colors, colors, likeness, graded[:, order])
    torch.testing.assert_close(mapped, graded, rtol=0, atol=0.02)


def test_patches_without_structure_are_found_by_the_colour_that_they_are_thought_to_have() -> None:
    module, (_, colors) = finder(), scene()
    with torch.no_grad():
        module.nearness.fill_(8.0)
    same = torch.zeros(1, PATCHES, WIDTH)
    guess = (0.8 * colors + 0.05).requires_grad_()
    reference = 0.8 * colors.flip(1) + 0.05
    mapped, _ = module(same, colors, guess, colors, module.likeness(same, same), reference)
    torch.testing.assert_close(mapped, guess, rtol=0, atol=0.05)


def test_untrained_it_keeps_most_of_the_guess_and_weighs_as_much_as_the_prior_does() -> None:
    torch.manual_seed(0)
    module, (features, colors) = Correspondence(WIDTH, HEADS, PATCHES), scene()
    likeness = module.likeness(features, features)
    with torch.no_grad():
        low, _ = module(features, colors, torch.zeros_like(colors), colors, likeness, colors)
        high, precision = module(features, colors, torch.ones_like(colors), colors, likeness, colors)
    share = 2.718281828**2 / (2.718281828**2 + HEADS + 1)
    assert float((high - low).mean()) > 0.9 * share
    torch.testing.assert_close(precision.sum(1), torch.tensor([403.43]), rtol=1e-3, atol=0)
