"""LUT components: they hold the LUTs they came from, and the likeliest LUT follows what it is told."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lutgrade.errors import InputError
from lutgrade.lut import Lut, identity_table
from lutgrade.models.basis import ResidualBasis


def tables(count: int = 40, size: int = 5) -> Tensor:
    """LUTs of three degrees of freedom: a gain for each channel."""
    gains = 1 + 0.2 * torch.randn(count, 3, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    return gains * identity_table(size)


def fitted(components: int = 3) -> ResidualBasis:
    basis = ResidualBasis(5, components)
    basis.fit(tables())
    return basis


def test_as_many_components_as_degrees_hold_everything() -> None:
    basis = ResidualBasis(5, 3)
    assert basis.fit(tables()) == pytest.approx(1, abs=1e-5)
    first = tables()[:1]
    residual = (first - identity_table(5) - basis.mean).flatten(1)
    design = basis.components.flatten(1)
    coefficients = residual @ torch.linalg.pinv(design)
    torch.testing.assert_close(basis(coefficients), first, rtol=0, atol=1e-5)


def test_coefficients_of_the_training_luts_have_unit_scale() -> None:
    basis = fitted()
    residuals = (tables() - identity_table(5) - basis.mean).flatten(1)
    coefficients = residuals @ torch.linalg.pinv(basis.components.flatten(1))
    torch.testing.assert_close(coefficients.std(0, correction=0), torch.ones(3), rtol=1e-3, atol=1e-3)


def test_an_empty_basis_is_the_identity() -> None:
    torch.testing.assert_close(ResidualBasis(5, 3)(torch.randn(2, 3)), identity_table(5).expand(2, -1, -1, -1, -1))


def test_values_at_colours_are_those_of_the_luts() -> None:
    basis = fitted()
    colors = torch.rand(2, 3, 7, generator=torch.Generator().manual_seed(1))
    mean, components = basis.at(colors)
    for b in range(2):
        image = colors[b].view(3, 1, 7)
        torch.testing.assert_close(mean[b], Lut(basis.mean)(image)[:, 0])
        for k in range(3):
            torch.testing.assert_close(components[b, k], Lut(basis.components[k])(image)[:, 0])


def test_the_likeliest_lut_follows_a_trusted_map_and_ignores_an_untrusted_one() -> None:
    basis = fitted()
    colors = torch.rand(1, 3, 50, generator=torch.Generator().manual_seed(2))
    gains = torch.tensor([1.2, 0.9, 0.8])[:, None]
    sure = basis(basis.likeliest(colors, gains * colors, torch.tensor(1e6)))
    torch.testing.assert_close(sure[0], gains[..., None, None] * identity_table(5), rtol=0, atol=1e-3)
    doubtful = basis.likeliest(colors, gains * colors, torch.tensor(1e-6))
    assert doubtful.abs().max() < 1e-4


def test_too_few_or_other_tables_are_refused() -> None:
    for wrong in (tables(3), tables(size=9)):
        with pytest.raises(InputError, match="a basis of 3 components of size 5"):
            ResidualBasis(5, 3).fit(wrong)
