"""Black-body whites against colour-science, and the gains made from them."""

from __future__ import annotations

import colour
import numpy as np
import torch

from lutgrade.color.temperature import D65_MIRED, light_gains, planckian_xyz


def test_planckian_xyz_agrees_with_colour_science() -> None:
    kelvin = torch.tensor([1000.0, 2856, 4000, 6504, 10000, 15000], dtype=torch.float64)
    xyz = planckian_xyz(1e6 / kelvin)  # [3, N]
    uv = [colour.temperature.CCT_to_uv_Krystek1985(t) for t in kelvin.tolist()]
    expected = colour.xy_to_XYZ(colour.UCS_uv_to_xy(np.array(uv)))
    np.testing.assert_allclose(xyz.T, expected, rtol=1e-10)


def test_close_to_the_planckian_locus() -> None:
    for kelvin in (2000.0, 5000.0, 12000.0):
        x, y, z = planckian_xyz(torch.tensor([1e6 / kelvin], dtype=torch.float64))[:, 0].tolist()
        uv = colour.UCS_to_uv(colour.XYZ_to_UCS([x, y, z]))
        assert np.abs(uv - colour.temperature.CCT_to_uv_Planck1900(np.array([kelvin]))[0]).max() < 2e-4


def test_no_shift_is_a_gain_of_exactly_1() -> None:
    for dtype in (torch.float32, torch.float64):
        assert (light_gains(torch.zeros(5, dtype=dtype)) == 1).all()


def test_gains_are_monotone_and_keep_the_luminance_of_white() -> None:
    gains = light_gains(torch.linspace(-80, 80, 33, dtype=torch.float64))[..., 0, 0]  # [33, 3]
    assert (gains > 0).all()
    assert (gains[:, 0].diff() > 0).all()  # red
    assert (gains[:, 2].diff() < 0).all()  # blue
    luminance = gains @ torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
    assert (luminance - 1).abs().max() < 3e-3


def test_out_of_range_shifts_stay_finite() -> None:
    gains = light_gains(torch.tensor([-10 * D65_MIRED, 1e5]))
    assert gains.isfinite().all()
