"""Distances between clips: a metric's laws, and known cases."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lutgrade.consistency.distance import (
    Consistency,
    Pair,
    compare,
    distribution_difference,
    equal_cells,
    joined,
    mean_difference,
    signature,
)

seeds = st.integers(0, 2**31)


def colors(seed: int, count: int = 1024) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    middle, spread = torch.rand(2, 3, 1, generator=generator)
    return (middle + 0.2 * spread * torch.randn(3, count, generator=generator)).clamp(0, 1)


@settings(max_examples=15, deadline=None)
@given(seeds, seeds)
def test_distances_are_symmetric_and_zero_for_the_same_colours_in_any_order(a: int, b: int) -> None:
    x, y = signature(colors(a)), signature(colors(b))
    assert abs(distribution_difference(x, y) - distribution_difference(y, x)) < 1e-6
    shuffled = signature(colors(a)[:, torch.randperm(1024, generator=torch.Generator().manual_seed(b))])
    assert distribution_difference(x, shuffled) < 1e-4
    assert mean_difference(x, shuffled) < 1e-6


def test_a_shift_of_lightness_shows_in_both_distances_alike() -> None:
    grey = torch.rand(1, 1024, generator=torch.Generator().manual_seed(0)).expand(3, -1) * 0.4 + 0.3
    a, b = signature(grey), signature(grey + 0.1)
    assert abs(mean_difference(a, b) - distribution_difference(a, b)) < 0.5


def test_distributions_of_one_mean_are_told_apart() -> None:
    flat, wide = torch.full((3, 1024), 0.5), torch.full((3, 1024), 0.5)
    wide[:, ::2], wide[:, 1::2] = 0.3, 0.706  # one mean L
    a, b = signature(flat), signature(wide)
    assert mean_difference(a, b) < 1
    assert distribution_difference(a, b) > 10


def test_two_samples_of_one_distribution_lie_close() -> None:
    """Closer than so many colours drawn at random would, whose own scatter is several units."""
    cloud = colors(3, 65_536)
    a, b = signature(cloud[:, :16_384]), signature(cloud[:, -16_384:])
    assert distribution_difference(a, b) < 1.0


def test_cells_hold_equal_shares_and_keep_the_mean() -> None:
    cloud = torch.rand(1024, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cells = equal_cells(cloud, 5)
    assert cells.shape == (32, 3)
    torch.testing.assert_close(cells.mean(0), cloud.mean(0))


def test_all_pairs_are_compared_and_the_worst_is_named() -> None:
    named = [(name, signature(colors(seed))) for seed, name in enumerate("abc")]
    found = compare(named)
    assert [(pair.a, pair.b) for pair in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found.worst == max(found.pairs, key=lambda pair: pair.mean)
    assert not found.below(found.worst.mean)
    assert found.below(found.worst.mean + 0.01)


def test_nothing_to_compare_is_consistent() -> None:
    assert Consistency(()).worst is None
    assert Consistency(()).below(3)
    both = joined([Consistency((Pair("a", "b", 1.0, 2.0),)), Consistency((Pair("c", "d", 3.0, 4.0),))])
    assert (both.mean, both.distribution) == (2.0, 3.0)
