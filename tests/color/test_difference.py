"""CIEDE2000 on its published pairs, against colour-science, and its gradients."""

from __future__ import annotations

import colour
import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.color.difference import ciede2000, delta_e_76
from lutgrade.errors import InputError

# Table 1 of Sharma, Wu and Dalal (2005): L, a, b of the two colours, and their difference.
PAIRS = [
    (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
    (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
    (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
    (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
    (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
    (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
    (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
    (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
    (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
    (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
    (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
    (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
    (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
    (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
    (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
    (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
    (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
]


def random_lab(seed: int, shape: tuple[int, int] = (60, 60)) -> Tensor:
    lab = torch.rand(3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return lab * torch.tensor([100.0, 240, 240])[:, None, None] - torch.tensor([0.0, 120, 120])[:, None, None]


def published() -> tuple[Tensor, Tensor, Tensor]:
    table = torch.tensor(PAIRS, dtype=torch.float64).T
    return table[:3, None], table[3:6, None], table[6]


def test_the_34_published_pairs(device: torch.device) -> None:
    lab1, lab2, expected = published()
    got = ciede2000(lab1.to(device), lab2.to(device))[0].cpu()
    assert (got - expected).abs().max() < 1e-4
    got = ciede2000(lab2.to(device), lab1.to(device))[0].cpu()
    assert (got - expected).abs().max() < 1e-4


def test_float32_is_as_good_as_the_published_digits() -> None:
    lab1, lab2, expected = published()
    # Four of the pairs straddle the jump at opposite hues, which float32 may put on the other side.
    away = (ciede2000(lab1 + 1e-3, lab2)[0] - expected).abs() < 0.01
    got = ciede2000(lab1.float(), lab2.float())[0]
    assert away.sum() >= 28
    assert (got - expected)[away].abs().max() < 2e-4


def test_agrees_with_colour_science() -> None:
    lab1, lab2 = random_lab(0), random_lab(1)
    lab2[:, :30] = lab1[:, :30] + (lab2[:, :30] - lab1[:, :30]) * 0.05
    lab1[1:, 0], lab2[1:, 1] = 0, 0  # greys
    pair = lab1.movedim(0, -1).numpy(), lab2.movedim(0, -1).numpy()
    np.testing.assert_allclose(ciede2000(lab1, lab2), colour.delta_E(*pair, method="CIE 2000"), atol=1e-10)
    np.testing.assert_allclose(
        ciede2000(lab1, lab2, kL=2), colour.delta_E(*pair, method="CIE 2000", textiles=True), atol=1e-10
    )
    np.testing.assert_allclose(delta_e_76(lab1, lab2), colour.delta_E(*pair, method="CIE 1976"), atol=1e-10)


def test_symmetric_nonnegative_and_zero_on_the_diagonal() -> None:
    lab1, lab2 = random_lab(2), random_lab(3)
    there, back = ciede2000(lab1, lab2), ciede2000(lab2, lab1)
    torch.testing.assert_close(there, back, atol=1e-10, rtol=0)
    assert (there > 0).all()
    assert (ciede2000(lab1, lab1) == 0).all()


def test_parametric_factors_divide_their_own_term() -> None:
    grey1, grey2 = torch.tensor([40.0, 0, 0]), torch.tensor([60.0, 0, 0])
    one = ciede2000(grey1[:, None, None], grey2[:, None, None])
    half = ciede2000(grey1[:, None, None], grey2[:, None, None], kL=2, kC=7, kH=9)
    torch.testing.assert_close(half, one / 2)


def test_broadcasts_and_batches() -> None:
    lab = random_lab(4, (4, 5)).expand(2, 6, 3, 4, 5)
    assert ciede2000(lab, random_lab(5, (4, 5))).shape == (2, 6, 4, 5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("difference", [ciede2000, delta_e_76])
def test_gradients_are_finite_at_equal_and_grey_colours(difference, dtype: torch.dtype, device) -> None:
    special = [(0, 0, 0), (100, 0, 0), (50, 0, 0), (50, 20, -30), (50, 1e-12, 0), (50, 1e-30, -1e-30), (50, -20, 30)]
    colours = torch.tensor(special, dtype=dtype, device=device).T  # [3, N]
    count = colours.shape[1]
    lab1 = colours[:, :, None].expand(3, count, count).clone().requires_grad_()
    lab2 = colours[:, None, :].expand(3, count, count).clone().requires_grad_()
    result = difference(lab1, lab2)
    assert result.isfinite().all()
    for gradient in torch.autograd.grad(result.sum(), (lab1, lab2)):
        assert gradient.isfinite().all()


def test_gradcheck() -> None:
    lab1, lab2 = random_lab(6, (2, 3)), random_lab(7, (2, 3))
    lab2 = lab1 + 0.1 * (lab2 - lab1)
    assert torch.autograd.gradcheck(ciede2000, (lab1.requires_grad_(), lab2.requires_grad_()))


def test_descends_from_grey_to_a_colour() -> None:
    """A grey has no hue, yet the gradient has to lead away from it."""
    target = torch.tensor([60.0, 30, -40])[:, None, None]
    guess = torch.tensor([50.0, 0, 0])[:, None, None].requires_grad_()
    optimizer = torch.optim.Adam([guess], lr=1.0)
    for _ in range(150):
        optimizer.zero_grad()
        ciede2000(guess, target).sum().backward()
        optimizer.step()
    assert ciede2000(guess, target).item() < 0.5


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(InputError, match="3, H, W"):
        ciede2000(torch.zeros(5, 5, 3), torch.zeros(5, 5, 3))
