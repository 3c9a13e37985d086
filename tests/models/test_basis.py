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


def test_coefficients_are_found_again_in_full_in_half_precision_too() -> None:
    basis, wanted = fitted(), torch.tensor([[0.5, -1.0, 0.3], [0.0, 0.2, 2.0]])
    torch.testing.assert_close(basis.coefficients(basis(wanted)), wanted, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(basis.coefficients(basis(wanted)), wanted, rtol=1e-4, atol=1e-4)


def test_an_empty_basis_is_the_identity() -> None:
    torch.testing.assert_close(ResidualBasis(5, 3)(torch.randn(2, 3)), identity_table(5).expand(2, -1, -1, -1, -1))


def colors_of(batch: int, count: int) -> Tensor:
    return torch.rand(batch, count, 3, generator=torch.Generator().manual_seed(1))


def test_values_at_colours_are_those_of_the_lut() -> None:
    basis, colors = fitted(), colors_of(2, 7)
    coefficients = torch.tensor([[0.5, -1.0, 0.3], [0.0, 0.2, 2.0]])
    values = basis.at(colors)(coefficients)
    for b, table in enumerate(basis(coefficients)):
        image = colors[b].T[:, None]  # [3, 1, N]
        torch.testing.assert_close(values[b].T, Lut(table)(image)[:, 0])


def test_the_likeliest_lut_follows_trusted_colours_and_the_prior_elsewhere() -> None:
    basis, colors = fitted(), colors_of(1, 50)
    gains, prior = torch.tensor([1.2, 0.9, 0.8]), torch.tensor([[0.3, -0.4, 1.0]])
    at = basis.at(colors)
    sure = basis(at.likeliest(gains * colors, torch.full((1, 50), 1e5), prior))
    torch.testing.assert_close(sure[0], gains[:, None, None, None] * identity_table(5), rtol=0, atol=1e-3)
    torch.testing.assert_close(at.likeliest(gains * colors, torch.zeros(1, 50), prior), prior)


def test_an_untrusted_colour_has_no_say() -> None:
    basis, colors = fitted(), colors_of(1, 50)
    mapped = 1.1 * colors
    precision = torch.full((1, 50), 1e3)
    precision[:, :5] = 0.0
    at, prior = basis.at(colors), torch.zeros(1, 3)
    wrong = mapped.clone()
    wrong[:, :5] = 0.0
    torch.testing.assert_close(at.likeliest(wrong, precision, prior), at.likeliest(mapped, precision, prior))


def test_too_few_or_other_tables_are_refused() -> None:
    for wrong in (tables(3), tables(size=9)):
        with pytest.raises(InputError, match="a basis of 3 components of size 5"):
            ResidualBasis(5, 3).fit(wrong)
