"""Colour adjustments: NCST's seven, MovingColor's exposure, vibrance and warmth, and the ASC CDL.

Every adjustment takes an image `[..., 3, H, W]`, sRGB-encoded in [0, 1], and an amount, a number or a tensor `[B]`
with one per image (for an image without a batch axis, `[B]` gives a batch). It is differentiable in both with
finite gradients, and at its neutral amount it returns the image bit for bit. All but `sharpness` are pointwise, so
that they can be sampled into a LUT. Only `cdl` clamps, as its specification says: in a chain of adjustments a later
one can bring back what an earlier one pushed over 1; clamp at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lutgrade.color.matrix import split_channels
from lutgrade.color.spaces import hsv_to_srgb, linear_to_srgb, srgb_to_hsv, srgb_to_linear
from lutgrade.color.temperature import light_gains
from lutgrade.errors import InputError

Amount = float | Tensor

_DARK = 1e-5  # powers are lines below this, so that black has a gradient; of 16-bit values only 0 lies there


def brightness(image: Tensor, amount: Amount) -> Tensor:
    """Multiplies the encoded values; neutral 1, range [0, 2]."""
    return image * _per_image(amount, image)


def contrast(image: Tensor, amount: Amount, pivot: Amount = 0.5) -> Tensor:
    """Stretches the encoded values away from the pivot; neutral 1, range [0, 2].

    Args:
        image: `[..., 3, H, W]`.
        amount: the factor.
        pivot: the value that stays. A fixed one keeps the adjustment pointwise; the mean luma of the image, one
            per image, gives torchvision's `adjust_contrast`.
    """
    return image + (_per_image(amount, image) - 1) * (image - _per_image(pivot, image))


def gamma(image: Tensor, amount: Amount) -> Tensor:
    """Raises the encoded values to a power, over 1 darkens; neutral 1, range [0.2, 5]."""
    return _power(image, _per_image(amount, image))


def hue(image: Tensor, amount: Amount) -> Tensor:
    """Turns the hue of HSV by a fraction of the circle; neutral 0, range [-0.5, 0.5], red to green is 1/3."""
    hsv = srgb_to_hsv(image)
    turn = _per_image(amount, image) * torch.tensor([1, 0, 0]).to(image)[:, None, None]
    return image + (hsv_to_srgb(hsv + turn) - hsv_to_srgb(hsv + torch.zeros_like(turn)))


def saturation(image: Tensor, amount: Amount) -> Tensor:
    """Stretches colours away from their grey of equal Rec.709 luma; neutral 1, range [0, 2], 0 is grey."""
    return image + (_per_image(amount, image) - 1) * (image - _luma(image))


def temperature(image: Tensor, amount: Amount) -> Tensor:
    """Lights the scene with a warmer light (positive) or a cooler one; neutral 0, range [-1, 1].

    A unit is 80 mired along the black-body locus, about a half CTO gel, from 6504 K: 1 is 4280 K and -1 is
    13560 K. Gains per channel in linear light, under which white keeps its luminance to 0.3 %.
    """
    shift = 80 * _tensor(amount, image)
    gains = light_gains(shift.reshape(-1))  # [N, 3, 1, 1]
    gains = gains[0] if shift.dim() == 0 else gains.view(-1, *(1,) * (image.dim() - 4), 3, 1, 1)
    return _in_linear_light(image, gains)


def sharpness(image: Tensor, amount: Amount) -> Tensor:
    """Blends with (under 1) or away from (over 1) a 3 x 3 blur; neutral 1, range [0, 2].

    Spatial: it cannot be part of a LUT and is applied after one. torchvision's `adjust_sharpness`, of which the
    blur weighs the pixel 5 / 13 and each neighbour 1 / 13, and the outermost pixels stay.
    """
    split_channels(image)
    if min(image.shape[-2:]) < 3:
        return image + (_per_image(amount, image) - 1) * torch.zeros_like(image)
    rows = image[..., :-2, :] + image[..., 1:-1, :] + image[..., 2:, :]  # six times as fast as avg_pool2d
    mean = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9
    detail = F.pad((image[..., 1:-1, 1:-1] - mean) * (9 / 13), (1, 1, 1, 1))
    return image + (_per_image(amount, image) - 1) * detail


def exposure(image: Tensor, amount: Amount) -> Tensor:
    """Multiplies linear light by 2^amount, in stops; neutral 0, range [-2.5, 2.5]."""
    return _in_linear_light(image, 2 ** _per_image(amount, image))


def vibrance(image: Tensor, amount: Amount) -> Tensor:
    """Saturates the muted colours and leaves the vivid; neutral 0, range [-1, 2].

    `saturation` by 1 + amount (1 - chroma), where chroma is the largest less the smallest channel.
    """
    split_channels(image)
    chroma = image.amax(-3, keepdim=True) - image.amin(-3, keepdim=True)
    return image + _per_image(amount, image) * (1 - chroma).clamp_min(0) * (image - _luma(image))


def warmth(image: Tensor, amount: Amount) -> Tensor:
    """Bends red up and blue down (positive is warmer); neutral 0, range [-1, 1].

    Powers of 2^(-amount / 2) on red and 2^(amount / 2) on blue: unlike `temperature` it leaves black and white
    as they are and clips nothing.
    """
    red, green, blue = (channel.unsqueeze(-3) for channel in split_channels(image))
    half = _per_image(amount, image) / 2
    red, blue = _power(red, 2**-half), _power(blue, 2**half)
    return torch.cat([red, green.expand_as(red), blue], dim=-3)


def cdl(
    image: Tensor,
    slope: Sequence[float] | Tensor = (1, 1, 1),
    offset: Sequence[float] | Tensor = (0, 0, 0),
    power: Sequence[float] | Tensor = (1, 1, 1),
    saturation: Amount = 1,
) -> Tensor:
    """The ASC Color Decision List, version 1.2: clamp(image * slope + offset) ^ power, then saturation; clamped.

    Args:
        image: `[..., 3, H, W]` in [0, 1], outside of which it clamps, in the encoding that the CDL was made on.
        slope: a number per channel, or `[B, 3]`; 0 or more, neutral 1.
        offset: the same; neutral 0.
        power: the same; over 0, neutral 1.
        saturation: 0 or more, around Rec.709 luma; neutral 1.
    """
    slope, offset, power = (_per_channel(values, image) for values in (slope, offset, power))
    graded = _power((image * slope + offset).clamp(0, 1), power)
    return (graded + (_per_image(saturation, image) - 1) * (graded - _luma(graded))).clamp(0, 1)


def _tensor(amount: Amount, image: Tensor) -> Tensor:
    """The amount as a tensor `[]` or `[B]` beside the image."""
    tensor = torch.as_tensor(amount, dtype=image.dtype, device=image.device)
    if tensor.dim() > 1:
        raise InputError(f"an amount is a number or [B], not {list(tensor.shape)}")
    return tensor


def _per_image(amount: Amount, image: Tensor) -> Tensor:
    """The amount, shaped so that it broadcasts along the image's first axis."""
    tensor = _tensor(amount, image)
    return tensor if tensor.dim() == 0 else tensor.view(-1, *(1,) * max(image.dim() - 1, 3))


def _per_channel(values: Sequence[float] | Tensor, image: Tensor) -> Tensor:
    """Numbers per channel, `[3]` or `[B, 3]`, shaped to broadcast over the image."""
    tensor = torch.as_tensor(values, dtype=image.dtype, device=image.device)
    if tensor.dim() not in (1, 2) or tensor.shape[-1] != 3:
        raise InputError(f"a CDL takes three numbers or [B, 3], not {list(tensor.shape)}")
    if tensor.dim() == 1:
        return tensor[:, None, None]
    return tensor.view(-1, *(1,) * (image.dim() - 4), 3, 1, 1)


def _in_linear_light(image: Tensor, gains: Tensor) -> Tensor:
    """Multiplies linear light; the round trip through the encoding cancels, so gains of 1 change no bit."""
    linear = srgb_to_linear(image)
    return image + (linear_to_srgb(linear * gains) - linear_to_srgb(linear))


def _power(image: Tensor, exponent: Tensor) -> Tensor:
    """image ** exponent, exact at 1, and a line through 0 below `_DARK`."""
    return image * image.clamp_min(_DARK) ** (exponent - 1)


def _luma(image: Tensor) -> Tensor:
    """Rec.709 luma `[..., 1, H, W]` of encoded values."""
    red, green, blue = split_channels(image)
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue).unsqueeze(-3)
