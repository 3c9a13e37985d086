"""Colour matrices against colour-science, and what they refuse."""

from __future__ import annotations

import colour
import numpy as np
import pytest
import torch

from lutgrade.color.matrix import (
    ACES_WHITE,
    D65,
    REC709_PRIMARIES,
    adaptation_matrix,
    apply_matrix,
    rgb_to_rgb_matrix,
    rgb_to_xyz_matrix,
    split_channels,
    white_xyz,
)
from lutgrade.errors import InputError


def test_rgb_to_xyz_agrees_with_colour_science() -> None:
    expected = colour.normalised_primary_matrix(np.array(REC709_PRIMARIES), np.array(D65))
    np.testing.assert_allclose(rgb_to_xyz_matrix(REC709_PRIMARIES, D65), expected, atol=1e-14)


def test_white_is_the_sum_of_the_primaries() -> None:
    matrix = np.array(rgb_to_xyz_matrix(REC709_PRIMARIES, D65))
    np.testing.assert_allclose(matrix.sum(axis=1), white_xyz(D65), atol=1e-15)


def test_adaptation_agrees_with_colour_science_and_takes_white_to_white() -> None:
    matrix = adaptation_matrix(ACES_WHITE, D65)
    expected = colour.adaptation.matrix_chromatic_adaptation_VonKries(
        white_xyz(ACES_WHITE), white_xyz(D65), transform="Bradford"
    )
    np.testing.assert_allclose(matrix, expected, atol=1e-7)  # its inverse of Bradford is rounded
    np.testing.assert_allclose(np.array(matrix) @ white_xyz(ACES_WHITE), white_xyz(D65), atol=1e-15)


def test_a_space_to_itself_is_the_identity() -> None:
    matrix = rgb_to_rgb_matrix(REC709_PRIMARIES, D65, REC709_PRIMARIES, D65)
    np.testing.assert_allclose(matrix, np.eye(3), atol=1e-15)


def test_apply_matrix_multiplies_channels(device: torch.device) -> None:
    matrix = [[1.0, 2, 3], [4, 5, 6], [7, 8, 10]]
    image = torch.rand(2, 4, 3, 5, 6, dtype=torch.float64, device=device)
    expected = torch.einsum("ij,...jhw->...ihw", torch.tensor(matrix, dtype=torch.float64, device=device), image)
    torch.testing.assert_close(apply_matrix(matrix, image), expected)


@pytest.mark.parametrize("shape", [(4, 5, 5), (3, 5), (2, 1, 5, 5)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="3, H, W"):
        split_channels(torch.zeros(shape))


def test_integers_are_refused() -> None:
    with pytest.raises(InputError, match="floating point"):
        split_channels(torch.zeros(3, 2, 2, dtype=torch.uint8))
