"""PQ, HLG, BT.2020, ICtCp, Jzazbz and Delta E ITP against colour-science, and their round trips."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import colour
import numpy as np
import pytest
import torch
from torch import Tensor

from lutgrade.color import hdr


@pytest.fixture(scope="module")
def codes() -> Tensor:
    """Random code values over all of [0, 1], with a neutral ramp from end to end, `[3, 32, 32]` float64."""
    codes = torch.rand(3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    codes[:, 0] = torch.linspace(0, 1, 32, dtype=torch.float64)
    return codes


@pytest.fixture(scope="module")
def light(codes: Tensor) -> Tensor:
    return hdr.pq_to_light(codes)


def last(image: Tensor) -> np.ndarray:
    return np.ascontiguousarray(image.movedim(-3, -1).numpy())


def close(ours: Tensor, theirs: np.ndarray, atol: float, rtol: float = 1e-9) -> None:
    np.testing.assert_allclose(last(ours), theirs, rtol=rtol, atol=atol)


def test_pq_is_st_2084(codes: Tensor) -> None:
    close(hdr.pq_to_light(codes), colour.models.eotf_ST2084(last(codes)), 1e-9)
    light = hdr.pq_to_light(codes)
    close(hdr.light_to_pq(light), colour.models.eotf_inverse_ST2084(last(light)), 1e-12)


def test_pq_has_its_published_levels() -> None:
    # BT.2408-7 table 1 and ST 2084 annex: 100 cd/m^2 is 10-bit full-range code 520, 1000 is 769.
    levels = torch.tensor([0.0, 100.0, 1000.0, 10000.0], dtype=torch.float64).expand(3, 1, 4)
    assert (hdr.light_to_pq(levels)[0, 0] * 1023).round().tolist() == [0, 520, 769, 1023]


def test_hlg_is_bt_2100(codes: Tensor) -> None:
    close(hdr.hlg_to_scene(codes), colour.models.oetf_inverse_BT2100_HLG(last(codes)), 1e-12)
    close(hdr.hlg_to_light(codes), colour.models.eotf_BT2100_HLG(last(codes)), 1e-8)


@pytest.mark.parametrize("peak", [400.0, 1000.0, 2000.0])
def test_hlg_on_other_displays(codes: Tensor, peak: float) -> None:
    close(hdr.hlg_to_light(codes, peak), colour.models.eotf_BT2100_HLG(last(codes), L_W=peak), 1e-8)
    white = torch.ones(3, 1, 1, dtype=torch.float64)
    torch.testing.assert_close(hdr.hlg_to_light(white, peak), peak * white, rtol=1e-7, atol=0)


def test_ictcp_is_bt_2100(light: Tensor) -> None:
    theirs = colour.RGB_to_ICtCp(last(light), method="ITU-R BT.2100-2 PQ")
    close(hdr.light_to_ictcp(light), theirs, 1e-12)


def test_jzazbz_is_that_of_its_authors(light: Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a note on units
        theirs = colour.XYZ_to_Jzazbz(last(hdr.light_to_xyz(light)))
    close(hdr.light_to_jzazbz(light), theirs, 1e-9)


def test_bt_2020_is_that_of_the_standard(light: Tensor) -> None:
    space = colour.RGB_COLOURSPACES["ITU-R BT.2020"].copy()
    space.use_derived_transformation_matrices(True)
    close(hdr.light_to_xyz(light), last(light) @ space.matrix_RGB_to_XYZ.T, 1e-8)


def test_greys_are_neutral() -> None:
    greys = torch.logspace(-2, 4, 25, dtype=torch.float64).expand(3, 1, 25)
    assert hdr.light_to_ictcp(greys)[1:].abs().max() < 1e-12
    assert hdr.light_to_jzazbz(greys)[1:].abs().max() < 3e-4  # its matrices are rounded for D65


ROUND_TRIPS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], float]] = {
    "pq": (hdr.pq_to_light, hdr.light_to_pq, 1e-9),
    "hlg scene": (hdr.hlg_to_scene, hdr.scene_to_hlg, 1e-9),
    "hlg": (hdr.hlg_to_light, hdr.light_to_hlg, 1e-9),
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_code_values_come_back(codes: Tensor, name: str) -> None:
    decode, encode, tolerance = ROUND_TRIPS[name]
    error = (encode(decode(codes)) - codes).abs()
    assert error[codes > 1e-6].max() < tolerance
    assert error.max() < 1e-6  # black of PQ


@pytest.mark.parametrize("space", ["ictcp", "jzazbz", "xyz"])
def test_colour_spaces_come_back(light: Tensor, space: str) -> None:
    there, back = getattr(hdr, f"light_to_{space}"), getattr(hdr, f"{space}_to_light")
    codes = hdr.light_to_pq(light)
    # Near black one code value is far less light than the arithmetic resolves, so codes are what is compared.
    error = (hdr.light_to_pq(back(there(light))) - codes).abs()
    assert error[codes.expand_as(error) > 0.01].max() < 1e-8
    assert error.max() < 2e-5


def test_delta_e_itp_is_bt_2124(light: Tensor) -> None:
    first, second = hdr.light_to_ictcp(light), hdr.light_to_ictcp(light.flip(-1))
    np.testing.assert_allclose(
        hdr.delta_e_itp(first, second).numpy(), colour.difference.delta_E_ITP(last(first), last(second)), atol=1e-9
    )


def test_what_is_out_of_range_is_clamped_and_finite() -> None:
    wild = torch.tensor([-1.0, 0.0, 2.0, 1e5], dtype=torch.float64).expand(3, 1, 4)
    for function in (hdr.pq_to_light, hdr.light_to_pq, hdr.hlg_to_light, hdr.light_to_hlg, hdr.light_to_ictcp):
        assert function(wild).isfinite().all()
    assert hdr.light_to_pq(wild).aminmax() == (pytest.approx(0, abs=1e-6), 1)


@pytest.mark.parametrize("code", [16, 18])
def test_single_precision_is_enough_for_10_bits(codes: Tensor, code: int) -> None:
    transfer = hdr.HDR_TRANSFERS[code]
    error = transfer.encode(transfer.decode(codes.float())) - codes.float()
    assert error.abs().max() < 0.1 / 1023
