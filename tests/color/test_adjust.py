"""The adjustments: exact at neutral, batched, differentiable, and each doing what its name says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import PyOpenColorIO as ocio
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from torch import Tensor

from lutgrade.color import adjust
from lutgrade.color.spaces import srgb_to_hsv, srgb_to_lab, srgb_to_linear
from lutgrade.errors import InputError

Adjustment = Callable[[Tensor, adjust.Amount], Tensor]

# adjustment, neutral amount, lowest and highest of its range
ADJUSTMENTS: list[tuple[Adjustment, float, float, float]] = [
    (adjust.brightness, 1, 0, 2),
    (adjust.contrast, 1, 0, 2),
    (adjust.gamma, 1, 0.2, 5),
    (adjust.hue, 0, -0.5, 0.5),
    (adjust.saturation, 1, 0, 2),
    (adjust.temperature, 0, -1, 1),
    (adjust.sharpness, 1, 0, 2),
    (adjust.exposure, 0, -2.5, 2.5),
    (adjust.vibrance, 0, -1, 2),
    (adjust.warmth, 0, -1, 1),
]
every_adjustment = pytest.mark.parametrize(
    ("adjustment", "neutral", "low", "high"), ADJUSTMENTS, ids=[entry[0].__name__ for entry in ADJUSTMENTS]
)


def colours(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    image = torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))
    image[..., 0, 0], image[..., 0, 1], image[..., 1, 1] = 0, 1, 0.5
    return image


def pixel(*rgb: float) -> Tensor:
    return torch.tensor(rgb, dtype=torch.float64)[:, None, None]


@every_adjustment
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_neutral_is_the_exact_identity(
    adjustment: Adjustment, neutral: float, low: float, high: float, dtype: torch.dtype, device: torch.device
) -> None:
    image = colours(2, 3, 33, 31, dtype=dtype).to(device)
    assert torch.equal(adjustment(image, neutral), image)
    assert torch.equal(adjustment(image, torch.full((2,), neutral)), image)
    assert torch.equal(adjustment(image[0], neutral), image[0])


@every_adjustment
def test_batched_amounts_equal_a_loop(
    adjustment: Adjustment, neutral: float, low: float, high: float, device: torch.device
) -> None:
    image = colours(3, 3, 6, 5, dtype=torch.float64).to(device)
    amounts = torch.tensor([low, neutral, (neutral + high) / 2], dtype=torch.float64, device=device)
    batched = adjustment(image, amounts)
    for i, amount in enumerate(amounts.tolist()):
        torch.testing.assert_close(batched[i], adjustment(image[i], amount))
    torch.testing.assert_close(adjustment(image[0], amounts), adjustment(image[:1].expand(3, 3, 6, 5), amounts))
    clips = image[:, None].expand(3, 2, 3, 6, 5)  # [B, T, 3, H, W]
    torch.testing.assert_close(adjustment(clips, amounts)[:, 1], batched)


@every_adjustment
def test_gradcheck(adjustment: Adjustment, neutral: float, low: float, high: float) -> None:
    image = (0.1 + 0.8 * colours(2, 3, 4, 3, seed=3, dtype=torch.float64)).requires_grad_()
    image.data[..., 0, 0] += torch.tensor([0.05, 0.02, 0.0], dtype=torch.float64)  # off the creases at grey
    image.data[..., 0, 1] -= torch.tensor([0.05, 0.02, 0.0], dtype=torch.float64)
    image.data[..., 1, 1] -= torch.tensor([0.05, 0.02, 0.0], dtype=torch.float64)
    amount = torch.tensor([neutral, 0.6 * neutral + 0.4 * high], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(adjustment, (image, amount))


@every_adjustment
def test_gradients_are_finite_at_special_colours_and_move_from_neutral(
    adjustment: Adjustment, neutral: float, low: float, high: float
) -> None:
    image = colours(1, 3, 5, 5).requires_grad_()
    for value in (low, neutral, high):
        amount = torch.tensor([value], dtype=torch.float32, requires_grad=True)
        gradients = torch.autograd.grad(adjustment(image, amount).square().sum(), (image, amount))
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert value != neutral or gradients[1].abs().item() > 1e-3


@every_adjustment
def test_what_is_pointwise_is_pointwise(adjustment: Adjustment, neutral: float, low: float, high: float) -> None:
    image = colours(1, 3, 6, 8, dtype=torch.float64)
    amount = (neutral + high) / 2
    flipped = adjustment(image.flatten(2)[:, :, None, torch.arange(47, -1, -1)], amount)
    same = torch.allclose(flipped.flatten(2).flip(-1), adjustment(image, amount).flatten(2))
    assert same == (adjustment is not adjust.sharpness)


@pytest.mark.parametrize("adjustment", [adjust.brightness, adjust.exposure, adjust.contrast, adjust.gamma])
@given(data=st.data())
@settings(max_examples=25)
def test_tone_adjustments_keep_the_order_of_values(adjustment: Adjustment, data: st.DataObject) -> None:
    _, _, low, high = next(entry for entry in ADJUSTMENTS if entry[0] is adjustment)
    amount = data.draw(st.floats(max(low, 0.01) if low >= 0 else low, high))
    ramp = torch.linspace(0, 1, 257, dtype=torch.float64).expand(3, 1, 257)
    assert (adjustment(ramp, amount).diff() > 0).all()


@pytest.mark.parametrize(
    ("adjustment", "enhance"),
    [(adjust.brightness, ImageEnhance.Brightness), (adjust.sharpness, ImageEnhance.Sharpness)],
)
@pytest.mark.parametrize("amount", [0.0, 0.4, 1.7])
def test_agrees_with_pillow(adjustment: Adjustment, enhance: type, amount: float) -> None:
    """Pillow's enhancements are the origin of torchvision's; it rounds the blur and the blend."""
    codes = (colours(3, 24, 32) * 255).round().to(torch.uint8)
    expected = np.asarray(enhance(Image.fromarray(codes.movedim(0, -1).numpy())).enhance(amount))
    got = (adjustment(codes / 255, amount).clamp(0, 1) * 255).movedim(0, -1).numpy()
    assert np.abs(got - expected).max() <= 1.5


def test_contrast_with_the_mean_luma_as_pivot_agrees_with_pillow() -> None:
    codes = (colours(3, 24, 32) * 255).round().to(torch.uint8)
    picture = Image.fromarray(codes.movedim(0, -1).numpy())
    pivot = np.asarray(picture.convert("L")).mean() / 255
    expected = np.asarray(ImageEnhance.Contrast(picture).enhance(1.6))
    got = adjust.contrast((codes / 255)[None], 1.6, torch.tensor([pivot])).clamp(0, 1)[0]
    assert np.abs((got * 255).movedim(0, -1).numpy() - expected).max() <= 1.5


def test_contrast_leaves_its_pivot() -> None:
    image = torch.stack([pixel(0.5, 0.5, 0.5), pixel(0.3, 0.3, 0.3)])
    torch.testing.assert_close(adjust.contrast(image, 1.8, torch.tensor([0.5, 0.3])), image)


def test_hue_turns_primaries_round() -> None:
    torch.testing.assert_close(adjust.hue(pixel(1, 0, 0), 1 / 3), pixel(0, 1, 0))
    torch.testing.assert_close(adjust.hue(pixel(0.2, 0.8, 0.2), -1 / 3), pixel(0.8, 0.2, 0.2))
    image = colours(3, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(adjust.hue(image, -0.5), adjust.hue(image, 0.5))


def test_saturation_0_is_grey_of_equal_luma() -> None:
    grey = adjust.saturation(pixel(0.9, 0.2, 0.4), 0).flatten()
    torch.testing.assert_close(grey, torch.full_like(grey, 0.2126 * 0.9 + 0.7152 * 0.2 + 0.0722 * 0.4))


@pytest.mark.parametrize("adjustment", [adjust.temperature, adjust.warmth])
def test_positive_is_warmer(adjustment: Adjustment) -> None:
    grey = pixel(0.5, 0.5, 0.5)
    warm, cool = srgb_to_lab(adjustment(grey, 0.5)).flatten(), srgb_to_lab(adjustment(grey, -0.5)).flatten()
    assert warm[2] > 5  # yellow
    assert cool[2] < -5  # blue
    red, _, blue = adjustment(grey, 0.5).flatten()
    assert red > 0.5 > blue


def test_temperature_keeps_the_luminance_of_white_and_warmth_its_colour() -> None:
    white = pixel(1, 1, 1)
    linear = srgb_to_linear(adjust.temperature(white, 0.7)).flatten()
    assert abs((linear @ torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)).item() - 1) < 3e-3
    ends = torch.cat([white, 0 * white], dim=-1)
    torch.testing.assert_close(adjust.warmth(ends, 0.8), ends)


def test_exposure_is_in_stops_of_linear_light() -> None:
    image = colours(3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(srgb_to_linear(adjust.exposure(image, -1.5)), srgb_to_linear(image) * 2**-1.5)


def test_vibrance_favours_the_muted() -> None:
    muted, vivid = pixel(0.5, 0.45, 0.4), pixel(0.95, 0.2, 0.05)

    def gain(image: Tensor) -> float:
        before, after = srgb_to_hsv(image)[1], srgb_to_hsv(adjust.vibrance(image, 0.6))[1]
        return (after / before).item()

    assert gain(muted) > 1.4
    assert 1 < gain(vivid) < 1.1
    torch.testing.assert_close(adjust.vibrance(pixel(1, 0, 0.5), 0.6), pixel(1, 0, 0.5))


def test_sharpness_leaves_the_border_and_tiny_images() -> None:
    image = colours(3, 6, 6)
    sharp = adjust.sharpness(image, 2)
    assert torch.equal(sharp[:, 0], image[:, 0])
    assert torch.equal(sharp[..., -1], image[..., -1])
    assert not torch.equal(sharp, image)
    assert torch.equal(adjust.sharpness(image[:, :2], 2), image[:, :2])


def test_black_stays_black_and_shadows_keep_a_gradient_under_gamma() -> None:
    image = torch.zeros(3, 1, 1, requires_grad=True)
    result = adjust.gamma(image, 0.3)
    result.sum().backward()
    assert image.grad is not None
    assert (result == 0).all()
    assert ((image.grad > 1) & image.grad.isfinite()).all()


SLOPE, OFFSET, POWER, SATURATION = (1.2, 0.9, 1.05), (-0.03, 0.02, 0.05), (1.1, 0.85, 1.3), 1.4


def test_cdl_agrees_with_opencolorio() -> None:
    image = colours(3, 16, 16, dtype=torch.float32)
    transform = ocio.CDLTransform(slope=SLOPE, offset=OFFSET, power=POWER, sat=SATURATION)
    transform.setStyle(ocio.CDL_ASC)
    pixels = np.ascontiguousarray(image.movedim(0, -1).numpy())
    processor = ocio.Config.CreateRaw().getProcessor(transform).getDefaultCPUProcessor()
    processor.applyRGB(pixels)
    got = adjust.cdl(image, SLOPE, OFFSET, POWER, SATURATION)
    np.testing.assert_allclose(got.movedim(0, -1).numpy(), pixels, atol=2e-5)  # OCIO's fast power


def test_cdl_is_neutral_by_default_and_takes_one_grade_per_image() -> None:
    image = colours(2, 3, 8, 8, dtype=torch.float64)
    assert torch.equal(adjust.cdl(image), image)
    slopes = torch.tensor([SLOPE, (1, 1, 1)], dtype=torch.float64)
    both = adjust.cdl(image, slopes, saturation=torch.tensor([1.5, 1.0]))
    torch.testing.assert_close(both[0], adjust.cdl(image[0], SLOPE, saturation=1.5))
    assert torch.equal(both[1], image[1])


@pytest.mark.parametrize("low", [0.1, 0.9])
def test_cdl_gradients(low: float) -> None:
    image = (low + 0.05 * colours(1, 3, 2, 2, dtype=torch.float64)).requires_grad_()
    grade = [torch.tensor([values], dtype=torch.float64, requires_grad=True) for values in (SLOPE, OFFSET, POWER)]
    amount = torch.tensor([0.8], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(adjust.cdl, (image, *grade, amount))


def test_wrong_amounts_are_refused() -> None:
    with pytest.raises(InputError, match="an amount is"):
        adjust.gamma(colours(2, 3, 4, 4), torch.ones(2, 1, 1, 1))
    with pytest.raises(InputError, match="three numbers"):
        adjust.cdl(colours(3, 4, 4), (1.0, 1.0))
