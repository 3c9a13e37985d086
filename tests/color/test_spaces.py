"""Colour spaces against colour-science in float64, their round trips, and gradients where they are delicate."""

from __future__ import annotations

from collections.abc import Callable

import colour
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lutgrade.color import spaces

Space = Callable[[Tensor], Tensor]

ROUND_TRIPS = [
    (spaces.srgb_to_linear, spaces.linear_to_srgb),
    (spaces.linear_to_xyz, spaces.xyz_to_linear),
    (spaces.xyz_to_lab, spaces.lab_to_xyz),
    (spaces.srgb_to_lab, spaces.lab_to_srgb),
    (spaces.linear_to_oklab, spaces.oklab_to_linear),
    (spaces.srgb_to_oklab, spaces.oklab_to_srgb),
    (spaces.srgb_to_hsv, spaces.hsv_to_srgb),
    (spaces.lab_to_lch, spaces.lch_to_lab),
]
ROUND_TRIP_IDS = [there.__name__ for there, _ in ROUND_TRIPS]


@pytest.fixture(scope="module")
def image() -> Tensor:
    """Random colours with the corners of the cube and greys among them, `[3, 40, 40]`."""
    image = torch.rand(3, 40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3).T  # [3, 8]
    image[:, 0, :8] = corners
    image[:, 1] = torch.linspace(0, 1, 40, dtype=torch.float64)
    return image


def special_colours() -> Tensor:
    """Black, white, greys, primaries, and colours a hair from grey and from black, `[3, 1, N]`."""
    grey = [(v, v, v) for v in (0.0, 1e-8, 0.04045, 0.5, 1.0)]
    primary = [(1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0), (1.0, 1.0, 0), (0, 1.0, 1.0), (1.0, 0, 1.0)]
    near = [(0.5, 0.5, 0.5 + 1e-7), (1e-12, 0, 0), (-0.1, 0.2, 1.3), (-1e-30, 1e-30, 0)]
    return torch.tensor(grey + primary + near).T[:, None]


def last(image: Tensor) -> np.ndarray:
    return image.movedim(-3, -1).numpy()


def colour_xyz(image: Tensor) -> np.ndarray:
    matrix = colour.normalised_primary_matrix(colour.RGB_COLOURSPACES["sRGB"].primaries, np.array([0.3127, 0.3290]))
    return colour.models.eotf_sRGB(last(image)) @ matrix.T


def test_linear_agrees_with_colour_science(image: Tensor) -> None:
    linear = spaces.srgb_to_linear(image)
    np.testing.assert_allclose(last(linear), colour.models.eotf_sRGB(last(image)), atol=1e-14)
    np.testing.assert_allclose(
        last(spaces.linear_to_srgb(image)), colour.models.eotf_inverse_sRGB(last(image)), atol=1e-8
    )


def test_lab_agrees_with_colour_science(image: Tensor) -> None:
    xyz = colour_xyz(image)
    np.testing.assert_allclose(last(spaces.linear_to_xyz(spaces.srgb_to_linear(image))), xyz, rtol=1e-13, atol=1e-15)
    lab = colour.XYZ_to_Lab(xyz, np.array([0.3127, 0.3290]))
    np.testing.assert_allclose(last(spaces.srgb_to_lab(image)), lab, atol=1e-11)
    np.testing.assert_allclose(
        last(spaces.lab_to_lch(torch.from_numpy(lab).movedim(-1, -3)))[2:],
        colour.models.Lab_to_LCHab(lab)[2:],
        rtol=1e-12,
    )


def test_hsv_agrees_with_colour_science(image: Tensor) -> None:
    np.testing.assert_allclose(last(spaces.srgb_to_hsv(image)), colour.RGB_to_HSV(last(image)), atol=1e-14)


def test_oklab_agrees_with_colour_science(image: Tensor) -> None:
    """To the digits of Ottosson's two published matrices, from XYZ (colour-science) and from linear sRGB."""
    expected = colour.XYZ_to_Oklab(colour_xyz(image))
    np.testing.assert_allclose(last(spaces.srgb_to_oklab(image)), expected, atol=3e-4)


@pytest.mark.parametrize(
    ("rgb", "oklab"),
    [
        ((1, 1, 1), (1, 0, 0)),
        ((1, 0, 0), (0.627955, 0.224863, 0.125846)),
        ((0, 0, 1), (0.452014, -0.032457, -0.311528)),
    ],
)
def test_oklab_of_known_colours(rgb: tuple[float, ...], oklab: tuple[float, ...]) -> None:
    """Values of the CSS Color 4 conversion of white, red and blue."""
    got = spaces.srgb_to_oklab(torch.tensor(rgb, dtype=torch.float64)[:, None, None]).flatten()
    torch.testing.assert_close(got, torch.tensor(oklab, dtype=torch.float64), atol=2e-6, rtol=0)


@pytest.mark.parametrize(("there", "back"), ROUND_TRIPS, ids=ROUND_TRIP_IDS)
def test_round_trips(there: Space, back: Space, image: Tensor, device: torch.device) -> None:
    exact = image.to(device)
    torch.testing.assert_close(back(there(exact)), exact, atol=1e-12, rtol=0)
    single = exact.float()
    torch.testing.assert_close(back(there(single)), single, atol=2e-5, rtol=0)


@pytest.mark.parametrize(("there", "back"), ROUND_TRIPS, ids=ROUND_TRIP_IDS)
def test_colours_outside_the_cube_come_back(there: Space, back: Space, image: Tensor) -> None:
    wide = image * 3 - 1
    if there is spaces.srgb_to_hsv:
        wide = wide + 0.3 * (wide.amax(0) < 0.1)  # all-negative colours have no HSV
    torch.testing.assert_close(back(there(wide)), wide, atol=1e-11, rtol=0)


@given(st.floats(0, 1))
def test_greys_are_neutral(value: float) -> None:
    grey = torch.full((3, 1, 1), value, dtype=torch.float64)
    lab, oklab = spaces.srgb_to_lab(grey), spaces.srgb_to_oklab(grey)
    assert lab[1:].abs().max() < 1e-12
    assert oklab[1:].abs().max() < 1e-7
    assert spaces.srgb_to_hsv(grey).flatten().tolist() == [0, 0, value]


def test_lightness_spans_0_to_100() -> None:
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64).expand(3, 1, 2)
    torch.testing.assert_close(
        spaces.srgb_to_lab(ends)[0, 0], torch.tensor([0.0, 100.0], dtype=torch.float64), atol=1e-12, rtol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("space", [f for pair in ROUND_TRIPS for f in pair], ids=lambda f: f.__name__)
def test_gradients_are_finite_everywhere(space: Space, dtype: torch.dtype, device: torch.device) -> None:
    image = special_colours().to(device, dtype).requires_grad_()
    result = space(image)
    assert result.isfinite().all()
    (gradient,) = torch.autograd.grad(result.square().sum() + result.sum(), image)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("space", [f for pair in ROUND_TRIPS for f in pair], ids=lambda f: f.__name__)
def test_gradcheck(space: Space) -> None:
    image = 0.1 + 0.8 * torch.rand(2, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(space, image.requires_grad_())


def test_the_linear_foot_keeps_its_gradient_at_black() -> None:
    image = torch.zeros(3, 1, 1, requires_grad=True)
    spaces.srgb_to_linear(image).sum().backward()
    torch.testing.assert_close(image.grad, torch.full((3, 1, 1), 1 / 12.92))


def test_compiles_without_a_graph_break() -> None:
    def there_and_back(image: Tensor) -> Tensor:
        for there, back in ROUND_TRIPS[3:7]:
            image = back(there(image))
        return image

    image = torch.rand(3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    compiled = torch.compile(there_and_back, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(image), there_and_back(image), atol=1e-12, rtol=0)


def test_autocast_leaves_the_precision_alone(image: Tensor) -> None:
    single = image.float()
    with torch.autocast("cpu", torch.bfloat16):
        inside = spaces.srgb_to_lab(single)
    torch.testing.assert_close(inside, spaces.srgb_to_lab(single), rtol=0, atol=0)
