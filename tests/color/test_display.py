"""The display rendering: its anchors, its range, and that it neither folds nor turns colours."""

from __future__ import annotations

import pytest
import torch

from lutgrade.color.display import scene_to_display
from lutgrade.color.log import LOG_ENCODINGS, decode_log, encode_log, log_to_display
from lutgrade.color.spaces import srgb_to_hsv, srgb_to_linear

every_encoding = pytest.mark.parametrize("name", LOG_ENCODINGS)


def cube(size: int) -> torch.Tensor:
    """Every corner and node of the code cube, `[3, size, size * size]`."""
    nodes = torch.linspace(0, 1, size, dtype=torch.float64)
    return torch.stack(torch.meshgrid(nodes, nodes, nodes, indexing="ij")).flatten(2)


@every_encoding
def test_anchors(name: str) -> None:
    scene = torch.tensor([0.18, 1.0], dtype=torch.float64).expand(3, 1, 2)
    grey, white = log_to_display(encode_log(scene, name), name)[:, 0].unbind(-1)
    torch.testing.assert_close(grey, torch.full_like(grey, 0.4366), atol=1e-4, rtol=0)
    torch.testing.assert_close(white, torch.full_like(white, 0.843), atol=1e-3, rtol=0)


@every_encoding
def test_the_whole_code_cube_lands_in_the_display(name: str, device: torch.device) -> None:
    display = log_to_display(cube(17).to(device), name)
    assert display.min() >= 0
    assert display.max() <= 1
    assert display.max() > 0.99


@every_encoding
def test_smooth_over_the_code_cube(name: str) -> None:
    """No step between neighbouring 10-bit codes is worth more than a few 8-bit ones, out of gamut included."""
    nodes = cube(9)
    for axis in range(3):
        step = torch.zeros(3, 1, 1, dtype=torch.float64)
        step[axis] = 1 / 1023
        change = log_to_display(nodes + step, name) - log_to_display(nodes, name)
        assert change.abs().max() < 6 / 255


@every_encoding
def test_greys_increase(name: str) -> None:
    ramp = torch.linspace(0, 1, 1024, dtype=torch.float64).expand(3, 1, 1024)
    display = log_to_display(ramp, name)
    assert (display.diff() >= 0).all()
    assert (display[..., ramp[0, 0] > 0.2].diff() > 0).all()
    torch.testing.assert_close(display[0], display[2], atol=1e-9, rtol=0)


def test_brighter_light_is_never_darker() -> None:
    colour = torch.tensor([0.9, 0.2, -0.1], dtype=torch.float64)[:, None, None]
    stops = torch.linspace(-8, 8, 200, dtype=torch.float64)
    assert (scene_to_display(colour * 2**stops).diff() >= 0).all()


def test_hue_is_kept_and_bright_colours_turn_white() -> None:
    colours = torch.rand(3, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for stops in (-3, 0, 3):
        shown = srgb_to_linear(scene_to_display(colours * 2**stops))
        turn = (srgb_to_hsv(shown)[0] - srgb_to_hsv(colours)[0]).abs()
        assert torch.minimum(turn, 1 - turn).max() < 1e-6
    blue = torch.tensor([0.02, 0.05, 1.0], dtype=torch.float64)[:, None, None]
    assert scene_to_display(blue * 2**12).min() > 0.95


def test_out_of_gamut_colours_keep_their_differences() -> None:
    """S-Gamut3's greens from Rec.709's border outwards: all inside the display, none equal."""
    encoded = torch.stack([torch.linspace(0.35, 0.1, 20), torch.full((20,), 0.55), torch.full((20,), 0.2)])
    encoded = encoded[:, None].double()
    assert decode_log(encoded, "slog3").min() < 0
    shown = log_to_display(encoded, "slog3")
    assert shown.min() > 0
    assert (shown[0].diff().abs() > 1e-5).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_at_special_colours(dtype: torch.dtype, device: torch.device) -> None:
    special = [(0, 0, 0), (0.18, 0.18, 0.18), (1, 1, 1), (-0.1, -0.2, -0.1), (0, 0, -3), (1e-9, 0, -1), (400, 0, -9)]
    scene = torch.tensor(special, dtype=dtype, device=device).T[:, None].requires_grad_()
    shown = scene_to_display(scene)
    assert shown.isfinite().all()
    (gradient,) = torch.autograd.grad(shown.sum(), scene)
    assert gradient.isfinite().all()


def test_gradcheck() -> None:
    scene = torch.tensor([[0.3, 0.2, 0.9], [0.05, 0.8, -0.1]], dtype=torch.float64).T[:, None].contiguous()
    assert torch.autograd.gradcheck(scene_to_display, scene.requires_grad_())
