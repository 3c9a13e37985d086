"""Barycentres: known solutions, and the laws that the issue of order and doubling rests on."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.consistency.barycentre import (
    gaussian_barycentre,
    linear_map,
    pooled,
    quantile_barycentre,
    with_quantiles,
)

seeds = st.integers(0, 2**31)


def gaussians(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    means = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    roots = 0.2 * torch.randn(count, 3, 3, generator=generator, dtype=torch.float64)
    return means, roots @ roots.mT + 0.002 * torch.eye(3, dtype=torch.float64)


def even(count: int) -> torch.Tensor:
    return torch.full((count,), 1 / count, dtype=torch.float64)


def test_covariances_that_commute_average_in_their_deviations() -> None:
    deviations = torch.tensor([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]], dtype=torch.float64)
    _, covariance = gaussian_barycentre(torch.zeros(2, 3).double(), torch.diag_embed(deviations**2), even(2))
    torch.testing.assert_close(covariance, torch.diag(deviations.mean(0) ** 2), atol=1e-4, rtol=0)


@settings(max_examples=10, deadline=None)
@given(seeds, st.integers(2, 5))
def test_permuting_and_doubling_change_nothing(seed: int, count: int) -> None:
    means, covariances = gaussians(seed, count)
    mean, covariance = gaussian_barycentre(means, covariances, even(count))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    permuted = gaussian_barycentre(means[order], covariances[order], even(count))
    doubled = gaussian_barycentre(means.repeat(2, 1), covariances.repeat(2, 1, 1), even(2 * count))
    for other in (permuted, doubled):
        torch.testing.assert_close(other[0], mean)
        torch.testing.assert_close(other[1], covariance, atol=1e-7, rtol=1e-4)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_the_barycentre_of_one_is_itself(seed: int) -> None:
    means, covariances = gaussians(seed, 1)
    mean, covariance = gaussian_barycentre(means, covariances, even(1))
    torch.testing.assert_close(mean, means[0])
    torch.testing.assert_close(covariance, covariances[0], atol=1e-6, rtol=1e-3)


def test_the_fixed_point_is_reached() -> None:
    """The maps from the barycentre to its members average to the identity."""
    from lutgrade.models.matching import linear_transport

    means, covariances = gaussians(7, 4)
    _, covariance = gaussian_barycentre(means, covariances, even(4))
    maps = linear_transport(covariance.expand(4, 3, 3), covariances, 1e6)
    torch.testing.assert_close(maps.mean(0), torch.eye(3, dtype=torch.float64), atol=2e-3, rtol=0)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 5))
def test_quantile_maps_are_monotone(seed: int, count: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    quantiles = torch.rand(count, 3, 21, generator=generator, dtype=torch.float64).sort(dim=-1).values
    average = quantile_barycentre(quantiles, even(count))
    assert bool((average.diff(dim=1) >= 0).all())
    colors = torch.rand(3, 500, generator=generator, dtype=torch.float64)
    given_ = with_quantiles(colors, average)
    for axis in range(3):
        order = colors[axis].argsort()
        assert bool((given_[axis][order].diff() >= 0).all())
    levels = torch.linspace(0, 1, 21, dtype=torch.float64)
    torch.testing.assert_close(torch.quantile(given_, levels, dim=1).T, average, atol=0.05, rtol=0)


def test_a_linear_map_gives_the_moments() -> None:
    means, covariances = gaussians(3, 1)
    colors = torch.rand(3, 4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = linear_map(colors, means[0], covariances[0], 1e6)(colors)
    torch.testing.assert_close(moved.mean(1), means[0])
    torch.testing.assert_close(torch.cov(moved, correction=0), covariances[0], atol=1e-4, rtol=1e-2)


def test_pooling_does_not_hang_on_the_order_and_counts_by_weight() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 3, 512, generator=generator, dtype=torch.float64)
    weights = torch.tensor([0.75, 0.25], dtype=torch.float64)
    pool = pooled([a, b], weights, 256)
    torch.testing.assert_close(pooled([b, a], weights.flip(0), 256), pool)
    torch.testing.assert_close(pooled([a, b, b, a], weights[[0, 1, 1, 0]] / 2, 256), pool)
    low, high = torch.zeros(3, 100).double(), torch.ones(3, 100).double()
    assert float(pooled([low, high], weights, 400).mean()) == 0.25
