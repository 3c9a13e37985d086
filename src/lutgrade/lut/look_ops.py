"""The colour operations that looks are made of, beside the adjustments of `lutgrade.color.adjust`.

Each takes an image `[..., 3, H, W]`, sRGB-encoded and around [0, 1], and returns the same, pointwise and not clamped,
so that a later operation can bring back what an earlier one pushed out. Hues are Oklab's, in degrees: red 29,
orange 55, skin 60, yellow 110, green 142, cyan 195, blue 264, magenta 328. Chroma is Oklab's, up to about 0.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from lutgrade.color import adjust
from lutgrade.color.spaces import oklab_to_srgb, srgb_to_oklab
from lutgrade.errors import InputError

Numbers = float | Sequence[float]
REC709 = (0.2126, 0.7152, 0.0722)


# Tone


def curve(image: Tensor, points: Sequence[Sequence[float]], channels: str = "rgb") -> Tensor:
    """A monotone cubic curve through `points` `[[x, y], ...]` on the channels named in `channels`."""
    from scipy.interpolate import PchipInterpolator

    x, y = zip(*points, strict=True)
    if any(b <= a for a, b in pairwise(x)) or not set(channels) <= set("rgb"):
        raise InputError("a curve's points must rise in x, and its channels be some of the letters r, g and b")
    spline = PchipInterpolator(x, y)
    inside = image.clamp(x[0], x[-1])
    curved = torch.from_numpy(spline(inside.detach().cpu().double().numpy())).to(image)
    # Past its ends a curve goes on straight.
    first, last = (float(spline(end, 1)) for end in (x[0], x[-1]))
    curved = curved + torch.where(image < x[0], first, last) * (image - inside)
    chosen = torch.tensor([c in channels for c in "rgb"], device=image.device)
    return torch.where(chosen[:, None, None], curved, image)


def lift_gamma_gain(image: Tensor, lift: Numbers = 0, gamma: Numbers = 1, gain: Numbers = 1) -> Tensor:
    """A colourist's three wheels: `(gain (x + lift (1 - x)))^(1 / gamma)`, each a number or one per channel."""
    lifted = _triple(gain, image) * (image + _triple(lift, image) * (1 - image))
    return _signed_power(lifted, 1 / _triple(gamma, image))


def fade(image: Tensor, black: Numbers = 0, white: Numbers = 1) -> Tensor:
    """Maps black and white to these values or RGB colours and what is between in proportion, as an old print does."""
    return torch.lerp(_triple(black, image), _triple(white, image), image)


def highlight_rolloff(image: Tensor, knee: float = 0.7, limit: float = 1.5) -> Tensor:
    """A shoulder: values over `knee` are compressed smoothly so that `limit` becomes 1."""
    if not 0 <= knee < 1 <= limit:
        raise InputError("a roll-off needs a knee in [0, 1) and a limit of at least 1")
    scale = 1 - knee
    t, end = (image - knee).clamp(min=0) / scale, (limit - knee) / scale
    return torch.where(image > knee, knee + scale * t * (1 + t / end**2) / (1 + t), image)


# Colour of light and of stock


def tint(image: Tensor, amount: float) -> Tensor:
    """Green (negative) to magenta (positive) in [-1, 1], keeping the luma of greys: the cross of a white balance."""
    gain = torch.tensor([1.0, 1 - 0.15 * amount, 1.0]).to(image)
    return image * (gain / (gain * torch.tensor(REC709).to(image)).sum())[:, None, None]


def channel_mixer(
    image: Tensor,
    red: Sequence[float] = (1, 0, 0),
    green: Sequence[float] = (0, 1, 0),
    blue: Sequence[float] = (0, 0, 1),
) -> Tensor:
    """Every output channel as a mix of red, green and blue."""
    rows = torch.stack([_triple(row, image)[:, 0, 0] for row in (red, green, blue)])
    return torch.einsum("ij,...jhw->...ihw", rows, image)


def monochrome(image: Tensor, weights: Sequence[float] = REC709, amount: float = 1) -> Tensor:
    """Black and white through a filter that weighs red, green and blue; `amount` below 1 keeps some colour."""
    grey = (image * _triple(weights, image)).sum(-3, keepdim=True)
    return torch.lerp(image, grey.expand_as(image), amount)


def gradient_map(image: Tensor, colors: Sequence[Sequence[float]], amount: float = 1) -> Tensor:
    """Colours the luma by a smooth gradient through RGB `colors`, evenly spaced from black to white."""
    if len(colors) < 2:
        raise InputError("a gradient map needs two colours at least")
    luma = monochrome(image)
    channels = []
    for c in range(3):
        points = [(i / (len(colors) - 1), color[c]) for i, color in enumerate(colors)]
        channels.append(curve(luma, points).select(-3, c))
    mapped = torch.stack(channels, dim=-3)
    return torch.lerp(image, mapped, amount)


def split_tone(
    image: Tensor,
    shadow_hue: float = 0,
    shadow_amount: float = 0,
    highlight_hue: float = 0,
    highlight_amount: float = 0,
    balance: float = 0.5,
) -> Tensor:
    """Tints shadows and highlights; amounts are in chroma (0.03 is plain to see), `balance` the lightness between.

    Black and white themselves stay neutral.
    """
    light, a, b = srgb_to_oklab(image).unbind(-3)
    t = light.clamp(0, 1)
    bright = _smoothstep(balance - 0.5, balance + 0.5, t)
    ends = (1 - (1 - t) ** 6) * (1 - t**8)  # no chroma at black and white
    for hue, amount in (
        (shadow_hue, shadow_amount * (1 - bright) * ends),
        (highlight_hue, highlight_amount * bright * ends),
    ):
        a = a + amount * math.cos(math.radians(hue))
        b = b + amount * math.sin(math.radians(hue))
    return oklab_to_srgb(torch.stack([light, a, b], dim=-3))


# Hue, saturation and lightness


def hue_shift(image: Tensor, degrees: float) -> Tensor:
    """Turns all hues by `degrees`; lightness and chroma stay."""
    light, a, b = srgb_to_oklab(image).unbind(-3)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return oklab_to_srgb(torch.stack([light, cos * a - sin * b, sin * a + cos * b], dim=-3))


def hue_range(
    image: Tensor, hue: float, width: float, shift: float = 0, saturation: float = 1, lightness: float = 0
) -> Tensor:
    """Changes the colours within `width` degrees of `hue`, less towards the edges of that range.

    Args:
        image: `[..., 3, H, W]`.
        hue: the middle of the range, in degrees.
        width: half the range, in degrees; a shift must stay under 0.6 of it, or hues would change places.
        shift: degrees to turn by.
        saturation: factor on the chroma.
        lightness: lightens by this times the chroma, so greys stay.
    """
    if abs(shift) > 0.6 * width or not 0 < width <= 180:
        raise InputError("a hue range is up to 180 degrees wide and shifts by at most 0.6 of its width")
    light, a, b = srgb_to_oklab(image).unbind(-3)
    away = torch.remainder(torch.rad2deg(torch.atan2(b, a)) - hue + 180, 360) - 180
    weight = (1 + torch.cos(math.pi * (away / width).clamp(-1, 1))) / 2
    scale, turn = 1 + (saturation - 1) * weight, torch.deg2rad(shift * weight)
    light = light + lightness * weight * (a.square() + b.square()).clamp(min=1e-12).sqrt()
    cos, sin = scale * turn.cos(), scale * turn.sin()
    return oklab_to_srgb(torch.stack([light, cos * a - sin * b, sin * a + cos * b], dim=-3))


def tone_saturation(image: Tensor, shadows: float = 1, midtones: float = 1, highlights: float = 1) -> Tensor:
    """Factors on the chroma of dark, middle and bright colours, in smooth transition."""
    light, a, b = srgb_to_oklab(image).unbind(-3)
    t = light.clamp(0, 1)
    scale = midtones + (shadows - midtones) * (1 - _smoothstep(0.0, 0.55, t))
    scale = scale + (highlights - midtones) * _smoothstep(0.55, 1.0, t)
    return oklab_to_srgb(torch.stack([light, scale * a, scale * b], dim=-3))


def density(image: Tensor, amount: float) -> Tensor:
    """Darkens colours in proportion to their chroma, as dyes do and light does not."""
    light, a, b = srgb_to_oklab(image).unbind(-3)
    chroma = (a.square() + b.square()).clamp(min=1e-12).sqrt()
    return oklab_to_srgb(torch.stack([light * (1 - amount * chroma), a, b], dim=-3))


def compress_gamut(image: Tensor, knee: float = 0.9) -> Tensor:
    """Brings colours into [0, 1]: channels under 0 smoothly, those over 1 by clamping.

    A channel's distance from the largest is 0 in a grey and 1 where the channel is 0; distances over `knee` are
    compressed to stay under 1.
    """
    peak = image.amax(-3, keepdim=True).clamp(min=1e-6)
    distance = (peak - image) / peak
    t = (distance - knee).clamp(min=0) / (1 - knee)
    compressed = torch.where(distance > knee, knee + (1 - knee) * t / (1 + t), distance)
    return (peak * (1 - compressed)).clamp(0, 1)


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    operation.__name__: operation
    for operation in (
        adjust.brightness,
        adjust.cdl,
        adjust.contrast,
        adjust.exposure,
        adjust.gamma,
        adjust.hue,
        adjust.saturation,
        adjust.temperature,
        adjust.vibrance,
        adjust.warmth,
        channel_mixer,
        curve,
        density,
        fade,
        gradient_map,
        highlight_rolloff,
        hue_range,
        hue_shift,
        lift_gamma_gain,
        monochrome,
        split_tone,
        tint,
        tone_saturation,
    )
}


def _triple(values: Numbers, image: Tensor) -> Tensor:
    """A number, or one per channel, as `[3, 1, 1]`."""
    tensor = torch.as_tensor(values, dtype=image.dtype, device=image.device)
    if tensor.dim() > 1 or (tensor.dim() == 1 and len(tensor) != 3):
        raise InputError(f"expected a number or three, not {values}")
    return tensor.expand(3)[:, None, None]


def _smoothstep(low: float, high: float, x: Tensor) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _signed_power(image: Tensor, exponent: Tensor) -> Tensor:
    """Powers of the size with the sign kept, so that values under 0 pass through."""
    return image.sign() * image.abs() ** exponent
