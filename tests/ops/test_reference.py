"""The definition, against values worked out by hand and against the laws of interpolation."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.ops.reference import apply_lut_reference

INTERPOLATIONS = ("trilinear", "tetrahedral")
interpolations = pytest.mark.parametrize("interpolation", INTERPOLATIONS)


def pixel(*rgb: float) -> Tensor:
    return torch.tensor(rgb, dtype=torch.float64).reshape(1, 3, 1, 1)


def test_trilinear_weighs_the_eight_corners() -> None:
    table = torch.zeros(3, 2, 2, 2, dtype=torch.float64)
    table[0, 1, 0, 1] = 1.0  # blue 1, green 0, red 1
    table[1, 0, 1, 1] = 1.0  # blue 0, green 1, red 1
    out = apply_lut_reference(pixel(0.25, 0.5, 0.75), table)
    assert out.flatten().tolist() == [0.25 * 0.5 * 0.75, 0.25 * 0.5 * 0.25, 0.0]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_tetrahedral_walks_from_black_to_white_along_the_largest_fraction_first(order: tuple[int, ...]) -> None:
    table = torch.rand(3, 2, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rgb = [0.0, 0.0, 0.0]
    for axis, fraction in zip(order, (0.75, 0.5, 0.125), strict=True):
        rgb[axis] = fraction
    corner, expected = [0, 0, 0], table[:, 0, 0, 0] * 0.25
    for axis, weight in zip(order, (0.25, 0.375, 0.125), strict=True):
        corner[axis] = 1
        red, green, blue = corner
        expected = expected + weight * table[:, blue, green, red]
    torch.testing.assert_close(apply_lut_reference(pixel(*rgb), table, "tetrahedral").flatten(), expected)


@interpolations
def test_gradients_are_those_of_finite_differences(interpolation: str) -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(2, 3, 3, 4, dtype=torch.float64, generator=generator).requires_grad_()
    table = torch.rand(2, 3, 4, 4, 4, dtype=torch.float64, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(lambda i, t: apply_lut_reference(i, t, interpolation), (image, table))


@interpolations
@settings(max_examples=30, deadline=None)
@given(size=st.integers(2, 9), seed=st.integers(0, 2**31), weight=st.floats(-2, 3))
def test_it_is_linear_in_the_table(interpolation: str, size: int, seed: int, weight: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, 3, 4, 5, dtype=torch.float64, generator=generator) * 1.4 - 0.2
    a, b = torch.rand(2, 3, size, size, size, dtype=torch.float64, generator=generator)
    mixed = apply_lut_reference(image, a + weight * b, interpolation)
    parts = [apply_lut_reference(image, t, interpolation) for t in (a, b)]
    torch.testing.assert_close(mixed, parts[0] + weight * parts[1])


@interpolations
def test_the_two_agree_where_the_table_is_affine(interpolation: str) -> None:
    generator = torch.Generator().manual_seed(2)
    nodes = torch.linspace(0, 1, 5, dtype=torch.float64)
    blue, green, red = torch.meshgrid(nodes, nodes, nodes, indexing="ij")
    matrix = torch.rand(3, 3, dtype=torch.float64, generator=generator)
    table = torch.einsum("ij,jbgr->ibgr", matrix, torch.stack([red, green, blue]))
    image = torch.rand(1, 3, 8, 8, dtype=torch.float64, generator=generator)
    expected = torch.einsum("ij,bjhw->bihw", matrix, image)
    torch.testing.assert_close(apply_lut_reference(image, table, interpolation), expected)
