"""Irregularity: none where the order of colours is kept, and some for what folds, clips, bends or stretches too far."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.lut import identity_table
from lutgrade.lut.regularity import MAX_GAIN, bends, beyond, falls, folds, irregularity


def affine(matrix: Tensor, size: int = 5) -> Tensor:
    """The table `[1, 3, S, S, S]` of a linear map around mid grey."""
    nodes = identity_table(size)
    return (torch.einsum("ij,jbgr->ibgr", matrix, nodes - 0.5) + 0.5)[None]


def test_the_identity_and_a_shift_are_regular() -> None:
    identity = identity_table(9)[None]
    assert irregularity(identity) == pytest.approx(0, abs=1e-9)
    assert folds(identity + 0.2) + falls(identity + 0.2) + bends(identity + 0.2) == pytest.approx(0, abs=1e-9)


@given(seed=st.integers(0, 10_000), largest=st.floats(0.1, MAX_GAIN))
@settings(max_examples=25, deadline=None)
def test_a_map_that_only_stretches_does_not_fold(seed: int, largest: float) -> None:
    matrix = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed))
    matrix = matrix @ matrix.T  # symmetric positive: as between two Gaussians
    matrix = matrix * largest / torch.linalg.eigvalsh(matrix)[-1]
    assert folds(affine(matrix)) < 1e-9
    assert bends(affine(matrix)) < 1e-9


@pytest.mark.parametrize(
    "matrix",
    [
        -torch.eye(3),  # a negative
        (MAX_GAIN + 1) * torch.eye(3),
        torch.eye(3) - torch.ones(3, 3) / 2,  # greys are turned over, and each channel rises along its own axis
        torch.eye(3)[[1, 0, 2]],  # red and green trade places
    ],
)
def test_what_trades_places_or_stretches_too_far_counts(matrix: Tensor) -> None:
    assert folds(affine(matrix)) > 0.01


def test_a_channel_that_falls_towards_white_counts() -> None:
    matrix = torch.eye(3)
    assert falls(affine(matrix)) == 0
    matrix[2, 0], matrix[2, 1] = -0.8, -0.8  # blue falls by the red and the green of greys
    torch.testing.assert_close(falls(affine(matrix)), torch.tensor(0.6**2 / 3))


def test_a_dip_of_the_greys_alone_counts() -> None:
    table = identity_table(9)[None].clone()
    table[:, :, 5, 5, 5] -= 0.3
    assert folds(table) > 1e-4


def test_beyond_counts_only_what_is_cut_off() -> None:
    assert beyond(torch.tensor([0.0, 0.5, 1.0])) == 0
    torch.testing.assert_close(beyond(torch.tensor([-0.1, 0.5, 1.2])), torch.tensor((0.01 + 0.04) / 3))


def test_bends_do_not_depend_on_the_grid_where_a_slope_changes_everywhere() -> None:
    fine, coarse = (bends(identity_table(size)[None] ** 2) * (size - 1) ** 2 for size in (17, 9))
    torch.testing.assert_close(fine, coarse)  # a change of slope a cell is in proportion to the cell


def test_the_smallest_tables_can_be_judged() -> None:
    assert irregularity(identity_table(2)[None]) == 0
    assert irregularity(1 - identity_table(2)[None]) > 1
