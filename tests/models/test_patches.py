"""Patches: their colours, that structure survives a grade, and that images see each other."""

from __future__ import annotations

import torch

from lutgrade.models.patches import PairContext, PatchEncoder
from models.learned import pictures


def encoder() -> PatchEncoder:
    torch.manual_seed(0)
    return PatchEncoder(width=16, grid=4).eval()


def image(seed: int) -> torch.Tensor:
    return torch.nn.functional.interpolate(pictures(seed, 2), (32, 32), mode="bilinear", antialias=True).clamp(0, 1)


def test_colours_are_means_of_the_patches_row_by_row() -> None:
    picture = image(0)
    features, colors = encoder()(picture)
    assert features.shape == (2, 16, 16)
    torch.testing.assert_close(colors[0, 6], picture[0, :, 8:16, 16:24].mean((1, 2)))


def test_a_flat_picture_is_finite() -> None:
    features, colors = encoder()(torch.zeros(1, 3, 32, 32))
    assert features.isfinite().all()
    assert not colors.any()


def test_the_normalised_half_of_the_input_is_the_same_after_a_gain() -> None:
    model, picture = encoder(), image(1)
    with torch.no_grad():
        model.layers[0].weight[:, :3] = 0  # only the normalised picture
        model.colors.weight.zero_()
    (before, _), (after, _) = model(picture), model(0.5 * picture + 0.2)
    assert (before - after).abs().mean() < 0.1 * before.std()


def test_each_image_knows_of_the_other_and_batches_do_not_mix() -> None:
    torch.manual_seed(0)
    context = PairContext(width=16, grid=4, layers=1, heads=2).eval()
    content, reference = torch.randn(2, 16, 16), torch.randn(2, 16, 16)
    here, there = context(content, reference)
    changed = reference.clone()
    changed[0] += torch.randn(16)
    other, _ = context(content, changed)
    assert (here[0] - other[0]).abs().max() > 1e-3
    torch.testing.assert_close(here[1], other[1])
    assert there.shape == reference.shape
