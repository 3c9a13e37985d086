"""Camera log encodings against colour-science and OpenColorIO, and their names."""

from __future__ import annotations

from collections.abc import Callable

import colour
import numpy as np
import PyOpenColorIO as ocio
import pytest
import torch
from torch import Tensor

from lutgrade.color.log import LOG_ENCODINGS, decode_log, encode_log, log_encoding, log_to_display
from lutgrade.errors import InputError

models = colour.models

# Ours; colour-science's curve, encoding and decoding, and gamut.
PEERS: dict[str, tuple[Callable, Callable, str]] = {
    "acescct": (models.log_encoding_ACEScct, models.log_decoding_ACEScct, "ACEScct"),
    "slog3": (models.log_encoding_SLog3, models.log_decoding_SLog3, "S-Gamut3.Cine"),
    "slog3-sgamut3": (models.log_encoding_SLog3, models.log_decoding_SLog3, "S-Gamut3"),
    "logc3": (models.log_encoding_ARRILogC3, models.log_decoding_ARRILogC3, "ARRI Wide Gamut 3"),
    "logc4": (models.log_encoding_ARRILogC4, models.log_decoding_ARRILogC4, "ARRI Wide Gamut 4"),
    "vlog": (models.log_encoding_VLog, models.log_decoding_VLog, "V-Gamut"),
}
# Ours; OpenColorIO's transform to ACES2065-1, and how the maker adapts D65 to that space's white.
BUILTINS = {
    "acescct": ("ACEScct", "Bradford"),
    "slog3": ("SONY_SLOG3-SGAMUT3.CINE", "CAT02"),
    "slog3-sgamut3": ("SONY_SLOG3-SGAMUT3", "CAT02"),
    "logc3": ("ARRI_ALEXA-LOGC-EI800-AWG", "CAT02"),
    "logc4": ("ARRI_LOGC4", "CAT02"),
    "vlog": ("PANASONIC_VLOG-VGAMUT", "Bradford"),
}
every_encoding = pytest.mark.parametrize("name", PEERS)


@pytest.fixture(scope="module")
def codes() -> Tensor:
    """Random code values over all of [0, 1], with the ends and a neutral ramp, `[3, 32, 32]`."""
    codes = torch.rand(3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    codes[:, 0] = torch.linspace(0, 1, 32, dtype=torch.float64)
    return codes


def last(image: Tensor) -> np.ndarray:
    return np.ascontiguousarray(image.movedim(-3, -1).numpy())


def derived(gamut: str) -> colour.RGB_Colourspace:
    """A colour-science colour space with unrounded matrices."""
    space = colour.RGB_COLOURSPACES[gamut].copy()
    space.use_derived_transformation_matrices(True)
    return space


def test_every_encoding_has_a_peer() -> None:
    assert set(PEERS) == set(LOG_ENCODINGS)


@every_encoding
def test_curves_agree_with_colour_science(name: str, codes: Tensor) -> None:
    encode, decode, _ = PEERS[name]
    curve = LOG_ENCODINGS[name].curve
    light = decode(codes.numpy())
    np.testing.assert_allclose(curve.decode(codes).numpy(), light, rtol=1e-10, atol=1e-13)
    with np.errstate(invalid="ignore"):  # it takes the logarithm below the cut as well
        np.testing.assert_allclose(curve.encode(torch.from_numpy(light)).numpy(), encode(light), atol=1e-12)


@every_encoding
def test_decoding_agrees_with_colour_science(name: str, codes: Tensor) -> None:
    _, decode, gamut = PEERS[name]
    spaces = derived(gamut), derived("sRGB")
    expected = colour.RGB_to_RGB(decode(last(codes)), *spaces, chromatic_adaptation_transform="Bradford")
    np.testing.assert_allclose(last(decode_log(codes, name)), expected, rtol=1e-10, atol=1e-10)


@every_encoding
def test_decoding_agrees_with_opencolorio(name: str, codes: Tensor) -> None:
    """Its path runs through ACES2065-1, from which the same adaptation leads back to D65."""
    style, adaptation = BUILTINS[name]
    builtin = ocio.BuiltinTransform(style=f"{style}_to_ACES2065-1")
    pixels = last(codes.float())
    ocio.Config.CreateRaw().getProcessor(builtin).getDefaultCPUProcessor().applyRGB(pixels)
    to_rec709 = colour.matrix_RGB_to_RGB(derived("ACES2065-1"), derived("sRGB"), adaptation)
    expected = pixels.astype(np.float64) @ to_rec709.T
    np.testing.assert_allclose(last(decode_log(codes, name)), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@every_encoding
def test_round_trip(name: str, codes: Tensor, device: torch.device) -> None:
    codes = codes.to(device)
    torch.testing.assert_close(encode_log(decode_log(codes, name), name), codes, atol=1e-11, rtol=0)


@every_encoding
def test_neutral_stays_neutral_and_grey_is_18_percent(name: str) -> None:
    grey = torch.full((3, 1, 1), 0.18, dtype=torch.float64)
    encoded = encode_log(grey, name)
    assert encoded.max() - encoded.min() < 1e-12
    expected = PEERS[name][0](0.18)
    assert abs(encoded[0].item() - expected) < 1e-12


@every_encoding
def test_curves_increase(name: str) -> None:
    curve = LOG_ENCODINGS[name].curve
    assert (curve.decode(torch.linspace(-0.1, 1.1, 4097, dtype=torch.float64)).diff() > 0).all()
    assert (curve.encode(torch.linspace(-0.05, 1.0, 4097, dtype=torch.float64)).diff() > 0).all()


@every_encoding
def test_gradients(name: str, codes: Tensor) -> None:
    few = codes[:, 5:7, :3].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda image: decode_log(image, name), few)
    image = codes.float().requires_grad_()
    log_to_display(image, name).sum().backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()


@pytest.mark.parametrize(
    ("spelled", "name"), [("S-Log3", "slog3"), ("ACEScct", "acescct"), ("LogC 4", "logc4"), ("V-Log", "vlog")]
)
def test_spelling_does_not_matter(spelled: str, name: str) -> None:
    assert log_encoding(spelled) is LOG_ENCODINGS[name]


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean slog3"):
        log_encoding("slog2")
    with pytest.raises(InputError, match="known are acescct"):
        decode_log(torch.zeros(3, 1, 1), "bolex")
